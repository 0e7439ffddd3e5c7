//! A process that saves sessions without waiting is killed again and again: of each, a prefix of what was saved is
//! stored, and all that was flushed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tertulia::session::{Options, WriteMode};
use tertulia::{Clock, Log, Sessions};
use tertulia_sqlite::Sqlite;

use crate::rig::{Process, database, run, say};

/// Chats at once.
const CHATS: u64 = 4;

/// How many saves are waited for together.
const SAVES: u64 = 16;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    saved: u64,
    /// Of a length of its own at each save, so that bases, patches and joined ones are met.
    text: String,
    log: Log<u64>,
}

fn text(n: u64) -> String {
    "x".repeat(usize::try_from(n % 13 * 300).unwrap())
}

async fn chats(path: &Path, mode: WriteMode) -> (Sqlite, Sessions<Chat>) {
    let storage = Sqlite::open(path).await.unwrap();
    let options = Options { mode, log_tail: 1 << 20, ..Options::default() };
    (storage.clone(), Sessions::with(storage, Clock::system(), "chat", options).unwrap())
}

#[test]
fn a_kill_takes_a_suffix_of_what_was_saved_and_nothing_that_was_flushed() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut flushed: BTreeMap<u64, u64> = BTreeMap::new();
        let mut more_than_flushed = 0;
        for round in 0..8 {
            let mut process = Process::start("kill_queued::save_until_killed", &path);
            let mut said: Vec<String> = (0..5 + 9 * round).map(|_| process.hear()).collect();
            said.extend(process.kill());
            for line in said {
                let (chat, n) = line.split_once(' ').unwrap();
                flushed.insert(chat.parse().unwrap(), n.parse().unwrap());
            }
            let (storage, chats) = chats(&path, WriteMode::Transactional).await;
            for (chat, flushed) in &flushed {
                let chat = chats.get(format!("web:{chat}")).await.unwrap();
                assert!(chat.saved >= *flushed, "{} of {flushed} are there", chat.saved);
                assert_eq!(chat.log.tail(), (1..=chat.saved).collect::<Vec<_>>(), "a hole");
                assert_eq!(chat.text, text(chat.saved), "torn");
                more_than_flushed += chat.saved - flushed;
            }
            storage.close().await;
        }
        assert_eq!(flushed.len() as u64, CHATS);
        assert!(more_than_flushed > 0, "the process was never killed between a save and its flush");
    });
}

#[test]
#[ignore = "run by `a_kill_takes_a_suffix_of_what_was_saved_and_nothing_that_was_flushed`"]
fn save_until_killed() {
    let Some(path) = database() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_storage, chats) = chats(path.as_ref(), WriteMode::FIRE_AND_FORGET).await;
        let mut writers = tokio::task::JoinSet::new();
        for chat in 0..CHATS {
            writers.spawn(save(chats.clone(), chat));
        }
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
    });
}

async fn save(chats: Sessions<Chat>, number: u64) {
    let mut chat = chats.load(format!("web:{number}")).await.unwrap();
    loop {
        for _ in 0..SAVES {
            let n = chat.saved + 1;
            chat.saved = n;
            chat.text = text(n);
            chat.log.push(n);
            chat.save().await.unwrap();
            tokio::task::yield_now().await;
        }
        chats.store().flush(chat.conversation()).await.unwrap();
        say(&format!("{number} {}", chat.saved));
    }
}
