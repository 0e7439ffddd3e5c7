//! A history inside a session: every change of it is written once, and costs its own bytes.

use std::mem;

use serde::{Deserialize, Serialize};
use tertulia::session::Options;
use tertulia::{Conversation, Log};

use super::Setting;

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    n: u32,
    a: Log<String>,
    b: Log<String>,
    maybe: Option<Log<String>>,
    list: Vec<Log<String>>,
}

fn items(texts: &[&str]) -> Log<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn sample(state: &mut State) {
    state.a = items(&["1", "2", "3", "4", "5"]);
    state.b = items(&["x", "y"]);
}

/// All logs with all their items, on one line.
async fn show(mut state: State) -> String {
    let mut texts = Vec::new();
    for log in [&mut state.a, &mut state.b].into_iter().chain(&mut state.maybe).chain(&mut state.list) {
        while log.load_before(2).await.expect("older items can be loaded") > 0 {}
        assert_eq!((log.not_loaded(), log.len()), (0, log.tail().len()));
        texts.push(log.tail().join(" "));
    }
    texts.join(" | ")
}

type Change = fn(&mut State);

type Style = (&'static str, Change, &'static str);

/// With what is there afterwards: `a | b`, and then what is in `maybe` and in `list`.
const STYLES: [Style; 25] = [
    ("push", |s| s.a.push("6".into()), "1 2 3 4 5 6 | x y"),
    (
        "push to both",
        |s| {
            s.a.push("z".into());
            s.b.push("z".into());
        },
        "1 2 3 4 5 z | x y z",
    ),
    ("extend", |s| s.a.extend(["6".into(), "7".into()]), "1 2 3 4 5 6 7 | x y"),
    ("pop", |s| drop(s.a.pop()), "1 2 3 4 | x y"),
    (
        "pop, then push",
        |s| {
            s.a.pop();
            s.a.push("five".into());
        },
        "1 2 3 4 five | x y",
    ),
    ("keep_last", |s| s.a.keep_last(3), "3 4 5 | x y"),
    (
        "push and keep_last",
        |s| {
            s.a.push("6".into());
            s.a.keep_last(2);
        },
        "5 6 | x y",
    ),
    ("drop_first", |s| s.a.drop_first(4), "5 | x y"),
    ("keep_last of one item", |s| s.a.keep_last(1), "5 | x y"),
    ("the last item edited", |s| s.a.back_mut().expect("there is one").push('!'), "1 2 3 4 5! | x y"),
    (
        "the last items edited",
        |s| s.a.last_mut(2).iter_mut().for_each(|item| item.push('?')),
        "1 2 3 4? 5? | x y",
    ),
    ("clear", |s| s.a.clear(), " | x y"),
    (
        "clear and push",
        |s| {
            s.a.clear();
            s.a.push("new".into());
        },
        "new | x y",
    ),
    ("replaced", |s| s.a = items(&["new", "newer"]), "new newer | x y"),
    ("replaced by nothing", |s| s.a = Log::new(), " | x y"),
    ("swap of two", |s| mem::swap(&mut s.a, &mut s.b), "x y | 1 2 3 4 5"),
    ("moved between fields", |s| s.b = mem::take(&mut s.a), " | 1 2 3 4 5"),
    ("moved into an Option", |s| s.maybe = Some(mem::take(&mut s.a)), " | x y | 1 2 3 4 5"),
    ("moved into a list", |s| s.list.push(mem::take(&mut s.b)), "1 2 3 4 5 |  | x y"),
    (
        "swapped, and pushed to",
        |s| {
            mem::swap(&mut s.a, &mut s.b);
            s.a.push("z".into());
        },
        "x y z | 1 2 3 4 5",
    ),
    (
        "taken apart and put together",
        |s| {
            let texts = s.b.tail().to_vec();
            s.b = texts.into_iter().rev().collect();
        },
        "1 2 3 4 5 | y x",
    ),
    ("a copy beside it", |s| s.maybe = Some(s.b.clone()), "1 2 3 4 5 | x y | x y"),
    ("copies in a list", |s| s.list = vec![s.b.clone(), s.b.clone()], "1 2 3 4 5 | x y | x y | x y"),
    (
        "a push and another field",
        |s| {
            s.n += 1;
            s.a.push("6".into());
        },
        "1 2 3 4 5 6 | x y",
    ),
    ("the whole value replaced", |s| *s = State { b: items(&["z"]), ..State::default() }, " | z"),
];

/// What comes back to what it was.
const BACK: [(&str, Change); 6] = [
    ("nothing but taken mutably", |_| ()),
    ("pushed and popped", |s| {
        s.a.push("6".into());
        s.a.pop();
    }),
    ("extended by nothing", |s| s.a.extend([])),
    ("more kept than there are", |s| s.a.keep_last(5)),
    ("swapped twice", |s| {
        mem::swap(&mut s.a, &mut s.b);
        mem::swap(&mut s.a, &mut s.b);
    }),
    ("taken and put back", |s| {
        let log = mem::take(&mut s.a);
        s.a = log;
    }),
];

/// Changes the sample in a process that has loaded so many items of each log; gives how many batches that made, and
/// what is there afterwards.
async fn change(setting: &Setting<'_>, log_tail: usize, change: Change) -> (u64, String) {
    let conversation = setting.conversation();
    setting.update(&setting.sessions(), &conversation, sample).await;
    let (counting, sessions) = setting.counted::<State>(Options { log_tail, ..Options::default() });
    setting.update(&sessions, &conversation, change).await;
    let batches = counting.counts().batches;
    let own = show(sessions.get(&conversation).await.expect("it can be read").into_inner()).await;
    let stored = show(setting.stored::<State>(&conversation).await.into_inner()).await;
    assert_eq!(own, stored, "who changed it sees what is stored");
    (batches, stored)
}

/// Every way to change a log, wholly loaded or not: one batch, with the new items.
pub async fn every_change_of_a_log_is_written_once(setting: &Setting<'_>) {
    let mut missed = Vec::new();
    for (style, mutate, expected) in STYLES {
        for log_tail in [256, 2] {
            let found = change(setting, log_tail, mutate).await;
            if found != (1, expected.to_owned()) {
                missed.push(format!("{style}, with {log_tail} loaded: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// A log that is as it was: nothing is written.
pub async fn a_log_that_is_changed_back_is_not_written(setting: &Setting<'_>) {
    let mut missed = Vec::new();
    for (style, mutate) in BACK {
        for log_tail in [256, 2] {
            let found = change(setting, log_tail, mutate).await;
            if found != (0, "1 2 3 4 5 | x y".to_owned()) {
                missed.push(format!("{style}, with {log_tail} loaded: {found:?}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What is no longer in the session is no longer in the storage.
pub async fn a_log_that_is_dropped_is_deleted(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = setting.sessions::<State>();
    setting.update(&sessions, &conversation, sample).await;
    assert_eq!(setting.keys().await.len(), 3, "the session and its logs");
    setting.update(&sessions, &conversation, |state| *state = State { n: 1, ..State::default() }).await;
    setting.update(&sessions, &conversation, |state| state.n = 2).await;
    let left = setting.keys().await;
    assert!(left.iter().all(|key| key.name().as_str() != "session/suite/log/1"), "{left:?}");
    setting.update(&sessions, &conversation, sample).await;
    let seen = setting.stored::<State>(&conversation).await.into_inner();
    assert_eq!(show(seen).await, "1 2 3 4 5 | x y", "nothing of the old ones is in the new ones");
}

async fn push(setting: &Setting<'_>, conversation: &Conversation, count: u64, keep: usize) -> (u64, u64) {
    let (counting, sessions) = setting.counted::<State>(Options::default());
    let mut pushed = 0;
    for n in 0..count {
        let text = format!("{n:05} {}", "m".repeat(usize::try_from(n % 90).expect("small")));
        pushed += text.len() as u64;
        sessions
            .update(conversation, |state| {
                state.a.push(text.clone());
                state.a.keep_last(keep);
            })
            .await
            .expect("it can be changed");
    }
    sessions.flush().await.expect("it can be stored");
    assert_eq!(counting.counts().refused, 0);
    (pushed, counting.written("session/").bytes())
}

/// The last 200 of 2,000 are there, and the other 1,800 cost what they were and not once more.
pub async fn a_window_costs_its_own_bytes(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let (pushed, written) = push(setting, &conversation, 2_000, 200).await;
    // A record has a version, two positions and a checksum beside the item.
    let most = pushed + 2_000 * 20 + 1_000;
    assert!(written >= pushed && written <= most, "{written} bytes for {pushed}");
    for key in setting.keys().await.iter().filter(|key| key.name().as_str().contains("/log/")) {
        let entries = setting.subject().log(key).await.entries.len();
        assert_eq!(entries, 200, "{key} keeps what was dropped");
    }
    let mut seen = setting.stored::<State>(&conversation).await.into_inner().a;
    assert_eq!((seen.len(), seen.not_loaded(), seen.tail().len()), (200, 0, 200));
    assert!(seen.tail()[0].starts_with("01800 ") && seen.tail()[199].starts_with("01999 "));
    assert_eq!(seen.load_before(10).await.expect("there is nothing to load"), 0);
    let sessions = setting.with::<State>(Options { log_tail: 3, ..Options::default() });
    let mut seen = sessions.get(&conversation).await.expect("it can be read").into_inner().a;
    assert_eq!((seen.len(), seen.not_loaded()), (200, 197));
    while seen.load_before(64).await.expect("older items can be loaded") > 0 {}
    assert!(seen.tail()[0].starts_with("01800 ") && seen.tail().len() == 200, "what was dropped stays so");
}

/// Only the end is loaded with the session; the rest when it is asked for, as often as it is.
pub async fn the_end_is_loaded_first_and_the_rest_when_asked(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let numbers = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    setting.update(&setting.sessions::<State>(), &conversation, |s| s.a.extend(numbers(0..10))).await;
    let sessions = setting.with::<State>(Options { log_tail: 3, ..Options::default() });
    let mut log = sessions.get(&conversation).await.expect("it can be read").into_inner().a;
    assert_eq!((log.len(), log.not_loaded(), log.tail()), (10, 7, &numbers(7..10)[..]));
    assert_eq!(log.last(2), ["8", "9"]);
    assert_eq!(log.before(2).await.expect("it can be read"), numbers(5..7));
    assert_eq!(log.not_loaded(), 7, "to read is not to keep");
    assert_eq!(log.load_before(4).await.expect("it can be loaded"), 4);
    assert_eq!((log.not_loaded(), log.tail()), (3, &numbers(3..10)[..]));
    assert_eq!(log.load_before(100).await.expect("it can be loaded"), 3);
    assert_eq!((log.not_loaded(), log.tail()), (0, &numbers(0..10)[..]));
    assert_eq!(log.load_before(1).await.expect("there is nothing left"), 0);
    let half = setting.update(&sessions, &conversation, |state| {
        state.a.push("10".into());
        (state.a.len(), state.a.not_loaded())
    });
    assert_eq!(half.await, (11, 7), "what is not loaded counts");
    assert_eq!(
        show(setting.stored::<State>(&conversation).await.into_inner()).await,
        "0 1 2 3 4 5 6 7 8 9 10 | "
    );
}

/// Half of a log cannot become another one: that would lose the other half. Nothing is written then.
pub async fn a_copy_of_a_log_that_is_half_loaded_is_refused(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    setting.update(&setting.sessions(), &conversation, sample).await;
    let (counting, sessions) = setting.counted::<State>(Options { log_tail: 2, ..Options::default() });
    let copied = sessions.update(&conversation, |state| state.maybe = Some(state.a.clone())).await;
    let error = match copied {
        Ok(()) => sessions.flush().await.expect_err("half a log is no log"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), tertulia::error::Kind::Invalid, "{error}");
    assert_eq!(counting.counts().batches, 0);
    assert_eq!(show(setting.stored::<State>(&conversation).await.into_inner()).await, "1 2 3 4 5 | x y");
}
