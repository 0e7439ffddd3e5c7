//! The order of calls, and the bound in bytes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tertulia::Clock;
use tertulia::error::Kind;
use tertulia::storage::{Behind, LogWrite, Memory, Queued};
use tertulia_testkit::{Call, Fault, Faulty, Gate};

use super::support::{conversation, entries, log, plain, some_etag};

/// A queue with room for about ten batches of 1,000 bytes, over a storage that holds its first two commits.
async fn full() -> (Memory, Gate, Behind) {
    let (memory, gate) = (Memory::new(), Gate::new());
    let storage = Faulty::new(Arc::new(memory.clone()));
    storage.at(Call::Commit, 1, Fault::Hold(gate.clone()));
    storage.at(Call::Commit, 2, Fault::Hold(gate.clone()));
    let behind = Behind::new(Arc::new(storage), Clock::system(), 13_000);
    behind.push(&conversation("1"), write("1", 0, 1_000)).await.unwrap();
    gate.reached().await;
    let mut queued = 1;
    while behind.push(&conversation("1"), write("1", queued, 1_000)).now_or_never().is_some() {
        queued += 1;
    }
    let stats = behind.stats();
    assert_eq!(stats.queued, queued);
    assert!(queued >= 9 && stats.queued_bytes <= 13_000, "{stats:?}");
    (memory, gate, behind)
}

fn write(id: &str, number: usize, bytes: usize) -> Vec<Queued> {
    let text = format!("{number:0>bytes$}");
    vec![plain(LogWrite::new(log(&conversation(id), "a")).append(text))]
}

async fn numbers(memory: &Memory, id: &str) -> Vec<usize> {
    let entries = entries(memory, &log(&conversation(id), "a")).await;
    entries.iter().map(|entry| entry.parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_takes_waiting_batches_in_the_order_of_the_calls() {
    let (memory, gate, behind) = full().await;
    let before = behind.stats().queued;
    let waiting: Vec<_> = (before..before + 100)
        .map(|number| {
            let behind = behind.clone();
            // Called in this order: each is polled once before the next is made.
            let mut push =
                Box::pin(async move { behind.push(&conversation("1"), write("1", number, 1_000)).await });
            assert!(push.as_mut().now_or_never().is_none());
            tokio::spawn(push)
        })
        .collect();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(behind.stats().queued, before);
    gate.open();
    gate.open();
    for push in waiting {
        push.await.unwrap().unwrap();
        assert!(behind.stats().queued_bytes <= 13_000);
    }
    behind.flush_all().await.unwrap();
    assert_eq!(numbers(&memory, "1").await, (0..before + 100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_queued_from_many_tasks_at_once_are_all_there_in_their_order() {
    let memory = Memory::new();
    let behind = Behind::new(Arc::new(memory.clone()), Clock::system(), 2_000);
    let ids = ["1", "2", "3", "4"];
    let tasks = ids.map(|id| {
        let behind = behind.clone();
        tokio::spawn(async move {
            for number in 0..300 {
                behind.push(&conversation(id), write(id, number, 100)).await.unwrap();
                if number % 7 == 0 {
                    behind.flush(&conversation(id)).await.unwrap();
                }
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    behind.flush_all().await.unwrap();
    for id in ids {
        assert_eq!(numbers(&memory, id).await, (0..300).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_the_bound_waits_until_nothing_is_queued() {
    let (memory, gate) = (Memory::new(), Gate::new());
    let storage = Faulty::new(Arc::new(memory.clone()));
    storage.at(Call::Commit, 1, Fault::Hold(gate.clone()));
    let behind = Behind::new(Arc::new(storage), Clock::system(), 13_000);
    let of = conversation("1");
    behind.push(&of, write("1", 0, 1)).await.unwrap();
    let mut large = Box::pin(behind.push(&of, write("1", 1, 50_000)));
    assert!(large.as_mut().now_or_never().is_none());
    gate.open();
    large.await.unwrap();
    assert_eq!((behind.stats().queued, behind.stats().commits), (1, 1));
    behind.flush_all().await.unwrap();
    assert_eq!(numbers(&memory, "1").await, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_overtake_those_that_wait_though_there_is_room_by_now() {
    let (memory, gate, behind) = full().await;
    let of = conversation("2");
    let mut first = Box::pin(behind.push(&of, write("2", 1, 1_000)));
    assert!(first.as_mut().now_or_never().is_none());
    gate.open();
    gate.open();
    behind.flush(&conversation("1")).await.unwrap();
    let mut second = Box::pin(behind.push(&of, write("2", 2, 1_000)));
    assert!(second.as_mut().now_or_never().is_none());
    first.await.unwrap();
    second.await.unwrap();
    behind.flush_all().await.unwrap();
    assert_eq!(numbers(&memory, "2").await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_is_dropped_while_it_waits_queues_nothing_and_wakes_the_next() {
    let (memory, gate, behind) = full().await;
    let before = behind.stats().queued;
    let (first, second) = (conversation("2"), conversation("3"));
    let mut dropped = Box::pin(behind.push(&first, write("2", 0, 1_000)));
    let mut next = Box::pin(behind.push(&second, write("3", 1, 1_000)));
    assert!(dropped.as_mut().now_or_never().is_none());
    assert!(next.as_mut().now_or_never().is_none());
    gate.open();
    gate.open();
    behind.flush(&conversation("1")).await.unwrap();
    // There is room, of which it was told and has not heard.
    drop(dropped);
    tokio::time::timeout(Duration::from_secs(1), next).await.expect("woken").unwrap();
    behind.flush_all().await.unwrap();
    assert_eq!(numbers(&memory, "1").await.len(), before);
    assert_eq!(numbers(&memory, "2").await.len(), 0);
    assert_eq!(numbers(&memory, "3").await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_makes_room_and_is_told_to_who_waits_for_it() {
    let memory = Memory::new();
    let behind = Behind::new(Arc::new(memory.clone()), Clock::system(), 1_500);
    let of = conversation("1");
    let wrong = LogWrite::new(log(&of, "a")).expect(some_etag()).append(vec![b'0'; 1_000]);
    behind.push(&of, vec![plain(wrong)]).await.unwrap();
    let waiting = behind.push(&of, write("1", 1, 1_000));
    let waiting = tokio::time::timeout(Duration::from_secs(1), waiting).await.expect("woken");
    assert_eq!(waiting.unwrap_err().kind(), Kind::Conflict);
    behind.push(&of, write("1", 2, 1_000)).await.unwrap();
    behind.flush(&of).await.unwrap();
    assert_eq!(numbers(&memory, "1").await, [2]);
}
