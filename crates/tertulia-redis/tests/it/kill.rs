//! The server is killed and started again under load: nothing acknowledged is lost that was flushed, nothing is lost
//! without a word, nothing is there twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Appended, ItemId, LogWrite, Page, QueueWrite};
use tertulia::{Key, Name};
use tertulia_redis::Redis;

use crate::rig::{self, commit, log, queue};

const WRITERS: u64 = 16;
const KILLS: u32 = 10;

/// Appends numbers to a log and, with an id, to a queue, each in one batch, until told to stop; gives those that were
/// acknowledged. One whose answer was lost is given again, as a source gives an update again: its id tells.
pub(crate) async fn write(
    store: Redis,
    writer: u64,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let number = writer * 1_000_000 + i;
        let item = ItemId::Number(Name::from_static("space"), i64::try_from(number).unwrap());
        let append = async || {
            let entry = QueueWrite::new(queue("inbox")).append(Some(item.clone()), number.to_string());
            let log = LogWrite::new(log(&format!("of {writer}"))).append(number.to_string());
            commit(&store, [entry.into(), log.into()]).await
        };
        loop {
            match append().await {
                Ok(committed) => {
                    assert!(matches!(committed.appended[..], [Appended::At(_) | Appended::Seen]));
                    acknowledged.push(number);
                    done.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Err(error) => {
                    let kind = error.kind();
                    assert!(matches!(kind, Kind::Unknown | Kind::Unavailable), "{error}");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }
    acknowledged
}

pub(crate) async fn numbers(store: &Redis, key: &Key) -> Vec<u64> {
    let page = rig::page(store, key).await.unwrap().expect("it is there");
    let entries = match page {
        Page::Log(page) => page.entries,
        Page::Queue(page) => page.entries.into_iter().map(|entry| entry.bytes).collect(),
    };
    entries.iter().map(|entry| std::str::from_utf8(entry).unwrap().parse().unwrap()).collect()
}

/// Gives what was acknowledged and is gone.
async fn killed_under_load(setting: &str) -> Vec<u64> {
    let server = rig::server(&["--appendfsync", setting]);
    let store = rig::options().connect(&rig::url(&server)).await.unwrap();
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(store.clone(), writer, stop.clone(), done.clone())))
        .collect();
    for _ in 0..KILLS {
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + 300 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        tokio::task::block_in_place(|| server.restart());
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() >= 300 * KILLS as usize);
    let found = numbers(&store, &queue("inbox")).await;
    let unique: BTreeSet<u64> = found.iter().copied().collect();
    assert_eq!(unique.len(), found.len(), "nothing is in the queue twice");
    let lost: Vec<u64> = acknowledged.difference(&unique).copied().collect();
    assert_eq!(store.lost() > 0, !lost.is_empty(), "what is gone is told: {lost:?}");
    // Each batch is there whole: what is in the queue is in its log.
    let mut logged = BTreeSet::new();
    for writer in 0..WRITERS {
        logged.extend(numbers(&store, &log(&format!("of {writer}"))).await);
    }
    assert_eq!(logged, unique);
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_every_commit_is_flushed() {
    let lost = killed_under_load("always").await;
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
}

/// While a flush takes its time, Redis keeps what it acknowledged in its own memory for up to two seconds, so that on a
/// busy disk even the death of the server alone may lose it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_without_a_word_when_the_disk_is_flushed_each_second() {
    killed_under_load("everysec").await;
}
