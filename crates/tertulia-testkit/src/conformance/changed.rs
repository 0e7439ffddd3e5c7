//! Rule 9: who waits for a change never misses one, may stop waiting at any time, and starves nobody.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::join;
use tertulia::storage::{
    Etag, From, ItemId, ListQuery, LogWrite, Offset, Page, QueueWrite, Read, Storage as _,
};
use tertulia::{Key, Name};

use crate::Subject;
use crate::subject::{far_log, log, queue};

/// Polls a future once and drops it.
async fn poll_once<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

/// Where the etag is already another, there is nothing to wait for.
pub async fn a_change_already_made_is_told_at_once(subject: &Subject) {
    let (a, q) = (log("a"), queue("inbox"));
    let old = subject.put_log(LogWrite::new(a.clone()).base("x")).await;
    let new = subject.put(LogWrite::new(a.clone()).append("x")).await;
    assert_eq!(subject.changed(&a, Some(old.etag)).await, new);
    assert_eq!(subject.changed(&a, None).await, new);
    let absent = Etag { version: 1, commit: subject.id() };
    assert_eq!(subject.changed(&log("absent"), Some(absent)).await, None);
    let queued = subject.put(QueueWrite::new(q.clone()).append(None, "x")).await;
    assert_eq!(subject.changed(&q, None).await, queued);
    assert_eq!(subject.changed(&q, Some(absent)).await, queued);
}

/// A base, an entry, a delete, a log that comes to be: each wakes who waits for it.
pub async fn every_change_wakes_who_waits(subject: &Subject) {
    let (a, q) = (log("a"), queue("inbox"));
    let mut seen = None;
    for write in [
        LogWrite::new(a.clone()).base("x"),
        LogWrite::new(a.clone()).append("x"),
        LogWrite::new(a.clone()).base("y").append("y"),
        LogWrite::new(a.clone()).delete(),
        LogWrite::new(a.clone()).append("x"),
    ] {
        let (found, made) = join(subject.changed(&a, seen), subject.put(write)).await;
        assert_eq!(found, made);
        seen = made.map(|head| head.etag());
    }
    let mut seen = None;
    for id in 0..3 {
        let id = Some(ItemId::Number(Name::from_static("space"), id));
        let write = QueueWrite::new(q.clone()).append(id, "x");
        let (found, made) = join(subject.changed(&q, seen), subject.put(write)).await;
        assert_eq!(found, made);
        seen = made.map(|head| head.etag());
    }
}

/// All of them, wherever they wait, and nobody for another key's sake alone.
pub async fn everybody_who_waits_is_woken(subject: &Subject) {
    let keys = [log("a"), log("b"), far_log(0, "a")];
    let waiting: Vec<_> = keys.iter().cycle().take(30).map(|key| subject.changed(key, None)).collect();
    let writing = async {
        for key in &keys {
            subject.put(LogWrite::new(key.clone()).append("x")).await;
        }
    };
    let (found, ()) = join(futures_util::future::join_all(waiting), writing).await;
    assert!(found.iter().all(Option::is_some));
}

/// Register, look, wait: readers that follow a log by `changed` alone see every entry of racing writers.
pub async fn no_change_is_missed_under_racing_writers(subject: &Subject) {
    const ENTRIES: u64 = 400;
    let key = log("a");
    let readers: Vec<_> =
        (0..4).map(|_| tokio::spawn(follow(subject.storage(), key.clone(), ENTRIES))).collect();
    let write = async |key: Key| {
        for _ in 0..ENTRIES / 2 {
            subject.put(LogWrite::new(key.clone()).append("x")).await;
            tokio::task::yield_now().await;
        }
    };
    join(write(key.clone()), write(key.clone())).await;
    for reader in readers {
        assert_eq!(reader.await.expect("the reader came to the end"), ENTRIES);
    }
}

/// Reads a log to `end` as it grows, waiting where it has nothing yet; gives how many entries it saw.
async fn follow(storage: std::sync::Arc<dyn tertulia::storage::Storage>, key: Key, end: u64) -> u64 {
    let (mut seen, mut next, mut count) = (None, From::Start, 0);
    while count < end {
        let head = storage.changed(&key, seen).await.expect("the storage can be watched");
        seen = head.map(|head| head.etag());
        let reads = [Read::new(key.clone()).from(next)];
        let mut results = storage.read(&reads).await.expect("the storage can be read");
        let page = results.remove(0).expect("the cursor is in order").and_then(Page::into_log);
        let Some(page) = page else { continue };
        assert_eq!(page.first, Offset(count), "no entry is skipped and none comes twice");
        count += page.entries.len() as u64;
        next = From::At(page.head.incarnation, page.next());
    }
    count
}

/// Two tasks that wake each other by turns: one missed wake-up and they stand still.
pub async fn two_who_answer_each_other_never_stand_still(subject: &Subject) {
    const ROUNDS: u64 = 200;
    let player = |mine: Key, other: Key, begins: bool| {
        let storage = subject.storage();
        let ids: Vec<_> = (0..ROUNDS).map(|_| subject.id()).collect();
        async move {
            let mut seen = None;
            for (round, id) in ids.into_iter().enumerate() {
                if round > 0 || !begins {
                    let head = loop {
                        let head = storage.changed(&other, seen).await.expect("the storage can be watched");
                        if head.map(|head| head.etag()) != seen {
                            break head;
                        }
                    };
                    seen = head.map(|head| head.etag());
                }
                let write = LogWrite::new(mine.clone()).append("x");
                let batch = tertulia::storage::Batch::new(id, vec![write.into()]);
                storage.commit(batch).await.expect("an entry can be appended");
            }
        }
    };
    let one = tokio::spawn(player(log("ping"), log("pong"), true));
    let two = tokio::spawn(player(log("pong"), log("ping"), false));
    one.await.expect("the first came to the end");
    two.await.expect("the second came to the end");
    assert_eq!(subject.log(&log("pong")).await.head.end, Offset(ROUNDS));
}

/// A reader that goes away leaves nothing behind, for itself or for others.
pub async fn waiting_can_be_given_up_at_any_time(subject: &Subject) {
    let key = log("a");
    for round in 0..50_u32 {
        let seen = subject.head(&key).await.map(|head| head.etag());
        let stays = subject.changed(&key, seen);
        let goes = async {
            for _ in 0..10 {
                drop(subject.changed(&key, seen));
                poll_once(subject.changed(&key, seen)).await;
            }
            if round % 10 == 9 {
                subject.put(LogWrite::new(key.clone()).delete()).await
            } else {
                subject.put(LogWrite::new(key.clone()).append("x")).await
            }
        };
        let (found, made) = join(stays, goes).await;
        assert_eq!(found, made);
    }
}

/// Calls that are always ready yield to their neighbours now and then, all the same.
pub async fn calls_that_are_always_ready_starve_nobody(subject: &Subject) {
    const ENOUGH: usize = 100_000;
    let (key, storage) = (log("a"), subject.storage());
    subject.put(LogWrite::new(key.clone()).append("x")).await;
    let reads = [Read::new(key.clone())];
    let query = ListQuery::default();
    for call in ["changed", "read", "list", "commit"] {
        let neighbour_ran = Cell::new(false);
        let busy = async {
            for _ in 0..ENOUGH {
                match call {
                    "changed" => drop(storage.changed(&key, None).await.expect("it can be watched")),
                    "read" => drop(storage.read(&reads).await.expect("it can be read")),
                    "list" => drop(storage.list(&query).await.expect("it can be listed")),
                    _ => drop(subject.commit([LogWrite::new(key.clone()).into()]).await.expect("it applies")),
                }
                if neighbour_ran.get() {
                    return true;
                }
            }
            false
        };
        let (yielded, ()) = join(busy, async { neighbour_ran.set(true) }).await;
        assert!(yielded, "a loop of {call} yields before {ENOUGH} calls");
    }
}
