//! Sessions that expire: never early, gone without being read, and with all they held.
//!
//! Nothing sleeps: where time cannot be moved, a case waits for the storage to tell of an expiry.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Expiry, Options};
use tertulia::storage::LogHead;
use tertulia::{Conversation, Key, Log, Sessions};
use tokio::time::Instant;

use super::Setting;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    n: u32,
    log: Log<u32>,
}

/// Short for who waits in real time.
const SOON: Duration = Duration::from_millis(60);

/// Not over before the case is, and so short that every use of a session moves its deadline.
const BRIEF: Duration = Duration::from_secs(50);

const HOUR: Duration = Duration::from_hours(1);

fn make(state: &mut State) {
    *state = State { n: 1, log: Log::from(vec![1]) };
}

fn expiring(setting: &Setting<'_>, expiry: Expiry) -> Sessions<State> {
    setting.with(Options { expiry, ..Options::default() })
}

/// The head of a session's log, with the time that is left.
async fn head(setting: &Setting<'_>, conversation: &Conversation) -> LogHead {
    let head = setting.subject().head(&setting.key(conversation)).await;
    head.and_then(|head| head.log()).expect("the session is there")
}

async fn left(setting: &Setting<'_>, conversation: &Conversation) -> Duration {
    head(setting, conversation).await.expires_in.expect("it has a deadline")
}

/// Waits until a session that nobody uses has expired, and nothing of it is left.
async fn gone(setting: &Setting<'_>, sessions: &Sessions<State>, conversation: &Conversation) {
    let key = setting.key(conversation);
    let mut seen = setting.subject().head(&key).await;
    while seen.is_some() {
        if setting.subject().can_leap() {
            setting.subject().leap(SOON).await;
        }
        seen = setting.subject().changed(&key, seen.map(|head| head.etag())).await;
    }
    // A log inside lives no more than a second longer.
    setting.pass(Duration::from_millis(1_100)).await;
    let of_it = |key: &Key| matches!(key, Key::Log(of, _) if of == conversation);
    assert_eq!(setting.keys().await.into_iter().filter(of_it).count(), 0, "it is gone without being read");
    let cached = sessions.store().load(conversation).await.expect("it can be loaded");
    assert_eq!((cached.is_stored(), cached.get().n), (false, 0), "the cache knows");
    drop(cached);
    for sessions in [sessions, &setting.sessions()] {
        assert!(!sessions.contains(conversation).await.expect("it can be asked for"));
        assert_eq!(sessions.keys("").next().await.expect("they can be listed"), None);
        let seen = sessions.get(conversation).await.expect("it can be read");
        assert_eq!((seen.is_stored(), seen.n, seen.log.len()), (false, 0, 0));
    }
}

/// So long after it was made, however it is used.
pub async fn an_absolute_deadline_is_not_moved_by_use(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = expiring(setting, Expiry::Absolute(HOUR));
    setting.update(&sessions, &conversation, make).await;
    let first = left(setting, &conversation).await;
    assert!(first <= HOUR && first > HOUR - BRIEF, "{first:?}");
    for n in 2..5 {
        setting.pass(SOON).await;
        let before = left(setting, &conversation).await;
        drop(sessions.get(&conversation).await.expect("it can be read"));
        drop(sessions.load(&conversation).await.expect("it can be loaded"));
        setting.update(&sessions, &conversation, |state| state.n = n).await;
        let after = left(setting, &conversation).await;
        assert!(after <= before && after <= first - (n - 1) * SOON, "{after:?} after {before:?}");
    }
}

/// At its end it is gone, and what comes then is another session.
pub async fn a_session_past_its_absolute_deadline_is_gone(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = expiring(setting, Expiry::Absolute(SOON));
    setting.update(&sessions, &conversation, make).await;
    gone(setting, &sessions, &conversation).await;
    setting.update(&expiring(setting, Expiry::Never), &conversation, |state| state.log.push(7)).await;
    let seen = setting.stored::<State>(&conversation).await;
    assert_eq!((seen.n, seen.log.tail()), (0, &[7][..]));
}

/// Each use moves it, and none of them writes a value.
pub async fn a_sliding_deadline_is_moved_by_every_use(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let options = Options { expiry: Expiry::Sliding(BRIEF), ..Options::default() };
    let (counting, sessions) = setting.counted::<State>(options);
    setting.update(&sessions, &conversation, make).await;
    for use_number in 0..3 {
        counting.take();
        setting.pass(SOON).await;
        let before = left(setting, &conversation).await;
        assert!(before <= BRIEF - SOON, "{before:?}");
        let looked = Instant::now();
        match use_number {
            0 => drop(sessions.get(&conversation).await.expect("it can be read")),
            1 => drop(sessions.load(&conversation).await.expect("it can be loaded")),
            _ => setting.update(&sessions, &conversation, |_| ()).await,
        }
        sessions.flush().await.expect("it can be stored");
        let after = left(setting, &conversation).await;
        // However long all this took, what is left has not become less by as much.
        let took = looked.elapsed();
        let moved = after + took > before + SOON / 2;
        assert!(moved && after <= BRIEF, "use {use_number}: {after:?} after {before:?} and {took:?}");
        let written = counting.written("session/");
        assert_eq!((written.bases, written.entries), (0, 0), "use {use_number}");
    }
}

/// Once nobody uses it, it is gone.
pub async fn a_sliding_session_that_is_not_used_is_gone(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = expiring(setting, Expiry::Sliding(SOON));
    setting.update(&sessions, &conversation, make).await;
    drop(sessions.get(&conversation).await.expect("it can be read"));
    sessions.flush().await.expect("it can be stored");
    gone(setting, &sessions, &conversation).await;
}

/// To the millisecond, where time can be moved: used every 30 ms, a sliding one of 60 ms lives and an absolute one
/// does not.
pub async fn deadlines_are_kept_to_the_millisecond(setting: &Setting<'_>) {
    if !setting.subject().can_leap() {
        return;
    }
    let (brief, millisecond) = (SOON / 2, Duration::from_millis(1));
    for (expiry, lives) in [(Expiry::Absolute(SOON), false), (Expiry::Sliding(SOON), true)] {
        let conversation = setting.conversation();
        let sessions = expiring(setting, expiry);
        setting.update(&sessions, &conversation, make).await;
        for _ in 0..2 {
            setting.pass(brief - millisecond).await;
            let seen = sessions.get(&conversation).await.expect("it can be read");
            assert_eq!(seen.n, 1, "{expiry:?}: never early");
            drop(seen);
            sessions.flush().await.expect("it can be stored");
        }
        setting.pass(2 * millisecond).await;
        let seen = sessions.get(&conversation).await.expect("it can be read");
        assert_eq!((seen.is_stored(), seen.log.len()), (lives, usize::from(lives)), "{expiry:?}");
        drop(seen);
        sessions.flush().await.expect("it can be stored");
        setting.pass(SOON - millisecond).await;
        assert_eq!(sessions.contains(&conversation).await.expect("it can be asked for"), lives, "{expiry:?}");
        setting.pass(millisecond).await;
        assert!(!sessions.contains(&conversation).await.expect("it can be asked for"), "{expiry:?}");
    }
}

/// A guard that outlives an absolute deadline writes nothing to the session that comes after.
pub async fn a_guard_past_an_absolute_deadline_is_refused(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let sessions = expiring(setting, Expiry::Absolute(SOON));
    setting.update(&sessions, &conversation, make).await;
    let Ok(mut guard) = sessions.load(&conversation).await else { panic!("it can be loaded") };
    if !guard.is_stored() {
        // Where time goes by itself it may be over already.
        return guard.discard();
    }
    gone(setting, &expiring(setting, Expiry::Never), &conversation).await;
    guard.n = 7;
    let error = setting.save(&sessions, &mut guard).await.expect_err("its session is gone");
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    guard.discard();
    assert_eq!(setting.stored::<State>(&conversation).await.n, 0);
}

/// One that has none gets one with its next change; one that has one loses it where sessions do not expire.
pub async fn a_deadline_is_given_and_taken_back(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    setting.update(&setting.sessions(), &conversation, make).await;
    assert_eq!(head(setting, &conversation).await.expires_in, None);
    setting.update(&expiring(setting, Expiry::Absolute(HOUR)), &conversation, |state| state.n = 2).await;
    assert!(left(setting, &conversation).await <= HOUR);
    setting.update(&setting.sessions::<State>(), &conversation, |state| state.n = 3).await;
    assert_eq!(head(setting, &conversation).await.expires_in, None);
    assert_eq!(setting.stored::<State>(&conversation).await.log.tail(), [1]);
}
