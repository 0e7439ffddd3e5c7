//! Far more than the real binary can take, half of it from one hostile chat: its memory stays bounded, nothing that it
//! confirmed is lost, and the other chats have their share.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tertulia_testkit::bot_api::{BotApi, Event, NewUpdate, Options};
use tokio::time::Instant;

use crate::support::{Folder, Server};

/// The normal chats, from 1 up.
const NORMAL: i64 = 1_000;
/// The chat that floods.
const HOSTILE: i64 = NORMAL + 1;
/// How much memory the server may have had at most.
const MEMORY: u64 = 256 << 20;

/// What was pushed: the chat of each update, whose ids begin at 1.
struct Pushed(Vec<i64>);

impl Pushed {
    /// Pushes a message to a chat, unless too many wait at Telegram.
    fn push(&mut self, api: &BotApi, chat: i64) -> bool {
        let pushed = api.push(NewUpdate::message(chat, "count")).is_some();
        if pushed {
            self.0.push(chat);
        }
        pushed
    }

    fn chat(&self, update: i32) -> i64 {
        self.0[usize::try_from(update).unwrap() - 1]
    }

    fn of(&self, chat: i64) -> usize {
        self.0.iter().filter(|other| **other == chat).count()
    }
}

/// The most memory that a process has had, in bytes.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// The least that the normal chats had of what was theirs, looked at each time another hundredth of their updates was
/// confirmed: of so many answers in all, a thousand of a thousand and one, but no more than they had asked for.
fn share(api: &BotApi, pushed: &Pushed) -> f64 {
    let all = pushed.0.iter().filter(|chat| **chat != HOSTILE).count();
    let (mut confirmed, mut answered, mut turns) = (0, 0, 0);
    let mut least = f64::INFINITY;
    api.journal(|journal| {
        for event in journal.events() {
            match event {
                Event::Sent { chat, .. } => {
                    turns += 1;
                    answered += usize::from(*chat != HOSTILE);
                }
                Event::Confirmed { update, .. } if pushed.chat(*update) != HOSTILE => {
                    confirmed += 1;
                    // What was confirmed a moment ago cannot have been answered yet.
                    if confirmed % (all / 100).max(1) == 0 && confirmed * 5 >= all {
                        let fair = (turns * 1_000 / 1_001).min(confirmed);
                        #[allow(clippy::cast_precision_loss, reason = "a share is not exact")]
                        let share = answered as f64 / fair.max(1) as f64;
                        least = least.min(share);
                    }
                }
                _ => {}
            }
        }
    });
    least
}

/// How many dead letters a chat has.
fn dead(folder: &Folder, chat: i64) -> usize {
    let conversation = format!("telegram:{chat}");
    let list = ["dead", "list", "--json", "--limit", "10000000", "--conversation", &conversation];
    folder.run(&list).json().as_array().map_or(0, Vec::len)
}

/// The counters that a chat was answered.
fn counters(api: &BotApi) -> HashMap<i64, Vec<usize>> {
    let mut counters: HashMap<i64, Vec<usize>> = HashMap::new();
    api.journal(|journal| {
        for event in journal.events() {
            if let Event::Sent { chat, text, .. } = event {
                let counter = text.split(' ').next().unwrap().parse().unwrap();
                counters.entry(*chat).or_default().push(counter);
            }
        }
    });
    counters
}

async fn start(folder: &Folder) -> (BotApi, Server) {
    let api = BotApi::start(Options::default()).await.unwrap();
    let url = api.url();
    let variables =
        [("TELEGRAM_BOT_TOKEN", "7:overload"), ("TELEGRAM_API_URL", &url), ("TELEGRAM_RATE", "off")];
    (api, folder.serve_with(&["--log", "error"], &variables))
}

/// Waits until everything is answered or dead, checks it, and tells the figures.
async fn check(folder: &Folder, api: &BotApi, server: &Server, pushed: &Pushed) -> Value {
    let all = pushed.0.len();
    api.until(|journal| journal.summary().waiting == 0).await;
    // Whatever is too much goes to dead before it is confirmed.
    let dead_hostile = dead(folder, HOSTILE);
    let answers = (all - dead_hostile) as u64;
    api.until(|journal| journal.summary().sent >= answers).await;
    let memory = peak(server);
    let counters = counters(api);
    for chat in 1..=HOSTILE {
        let taken = pushed.of(chat) - if chat == HOSTILE { dead_hostile } else { 0 };
        let expected: Vec<usize> = (1..=taken).collect();
        assert_eq!(counters.get(&chat).map_or(&[][..], Vec::as_slice), expected, "chat {chat}");
    }
    assert_eq!(
        folder.run(&["dead", "list", "--json", "--limit", "10000000"]).json().as_array().unwrap().len(),
        dead_hostile
    );
    let share = share(api, pushed);
    let figures = serde_json::json!({
        "pushed": all, "of the hostile chat": pushed.of(HOSTILE), "of these dead": dead_hostile,
        "peak MiB": memory >> 20, "least share": share,
    });
    println!("{figures}");
    assert!(memory < MEMORY, "the server had {memory} bytes");
    assert!(share >= 0.8, "the normal chats had {share} of their share");
    figures
}

/// All of it waits at Telegram from the beginning, which is more than any rate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_chat_takes_neither_memory_nor_what_others_have_to_get() {
    let folder = Folder::new();
    let (api, server) = start(&folder).await;
    let mut pushed = Pushed(Vec::new());
    for normal in 0..NORMAL * 6 {
        for chat in [normal % NORMAL + 1, HOSTILE] {
            assert!(pushed.push(&api, chat));
        }
    }
    check(&folder, &api, &server, &pushed).await;
    assert!(dead(&folder, HOSTILE) > 0, "there was more of it than may wait");
}

/// Sixty seconds of ten times what the server takes: nine of ten updates are the hostile chat's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; by hand, in a release build"]
async fn sixty_seconds_of_ten_times_what_it_can_take() {
    let folder = Folder::new();
    let (api, server) = start(&folder).await;
    // What it can take, from 1,000 chats that wait for nobody.
    let mut pushed = Pushed(Vec::new());
    let began = Instant::now();
    (0..20_000).for_each(|n| assert!(pushed.push(&api, n % NORMAL + 1)));
    api.until(|journal| journal.summary().sent >= 20_000).await;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is not exact")]
    let capacity = (20_000.0 / began.elapsed().as_secs_f64()) as u64;
    let (mut offered, mut turned_away) = (0, 0);
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    for ticks in 1..=6_000 {
        tick.tick().await;
        while offered < capacity * 10 * ticks / 100 {
            offered += 1;
            let chat = if offered % 10 == 0 { (offered / 10 % 1_000).cast_signed() + 1 } else { HOSTILE };
            turned_away += u64::from(!pushed.push(&api, chat));
        }
    }
    let draining = Instant::now();
    println!("{capacity} updates/s alone; {offered} offered in 60 s, {turned_away} not taken by Telegram");
    check(&folder, &api, &server, &pushed).await;
    println!("drained in {:.1} s", draining.elapsed().as_secs_f64());
}
