//! What is stored is what the batches would have left one by one, however they were joined, delayed and repeated.

use std::sync::Arc;
use std::time::Duration;

use tertulia::Clock;
use tertulia::storage::{Behind, BehindStats, LogWrite, Memory, Offset};
use tertulia_testkit::{Call, Fault, Faulty, Gate, Rates};

use super::support::{Script, after, conversation, entries, log, plain, some_etag, stored};

/// Queues up to 30 random batches and compares what is stored in the end.
async fn play(seed: u64, deadlines: bool, rates: Rates) -> BehindStats {
    let memory = Memory::new();
    let behind = Behind::new(
        Arc::new(Faulty::seeded(Arc::new(memory.clone()), seed, rates)),
        Clock::system(),
        1 << 20,
    );
    let mut script = Script::new(seed, "1", deadlines);
    let mut rng = fastrand::Rng::with_seed(!seed);
    for _ in 0..rng.usize(1..30) {
        script.push(&behind, &memory).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        match rng.u8(..10) {
            0 => tokio::time::sleep(Duration::from_millis(rng.u64(..100))).await,
            1 => tokio::task::yield_now().await,
            2 => behind.flush(&script.conversation).await.unwrap_or_else(|e| panic!("seed {seed}: {e}")),
            _ => {}
        }
    }
    behind.flush_all().await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    assert_eq!(Some(&script.snapshot(&memory).await), script.snapshots.last(), "seed {seed}");
    assert_eq!(script.committed(), script.pending.len());
    let stats = behind.stats();
    assert_eq!((stats.queued, stats.queued_bytes, stats.dropped), (0, 0, 0));
    assert_eq!(stats.commits + stats.joined, script.pending.len() as u64);
    stats
}

#[tokio::test(start_paused = true)]
async fn joined_batches_leave_what_they_leave_one_by_one() {
    let mut joined = 0;
    for seed in 0..2_000 {
        joined +=
            play(seed, true, Rates { delay: 500, max_delay: Duration::from_millis(50), ..Rates::default() })
                .await
                .joined;
    }
    assert!(joined > 2_000, "only {joined} batches were joined");
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_lost_requests_leave_what_would_be_there_without() {
    let rates = Rates {
        refuse: 100,
        lose_request: 100,
        lose_answer: 100,
        delay: 300,
        max_delay: Duration::from_millis(50),
    };
    for seed in 10_000..11_000 {
        // A log that expires at once shows nothing of the batch that wrote it.
        play(seed, false, rates).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_queues_up_behind_a_commit_becomes_one_commit_under_its_first_id() {
    let (memory, gate) = (Memory::new(), Gate::new());
    let storage = Faulty::new(Arc::new(memory.clone()));
    storage.at(Call::Commit, 1, Fault::Hold(gate.clone()));
    let behind = Behind::new(Arc::new(storage.clone()), Clock::system(), 1 << 20);
    let of = conversation("1");
    let key = log(&of, "a");
    let mut last = behind.push(&of, vec![plain(LogWrite::new(key.clone()).append("0"))]).await.unwrap();
    let first = last.clone();
    gate.reached().await;
    let mut second = None;
    for i in 1..10 {
        let write = LogWrite::new(key.clone()).expect(some_etag()).append(i.to_string());
        last = behind.push(&of, vec![after(&last, write)]).await.unwrap();
        second.get_or_insert(last.clone());
    }
    gate.open();
    behind.flush(&of).await.unwrap();
    assert_eq!(storage.calls(Call::Commit), 2);
    assert_eq!(entries(&memory, &key).await.concat(), "0123456789");
    let (head, _) = stored(&memory, &key).await.unwrap();
    assert_eq!((head.incarnation, head.etag.version), (first.commit_id(), 2));
    assert_eq!(head.etag.commit, second.as_ref().unwrap().commit_id());
    assert_eq!(last.head(&key), Some(head));
    // It was written to since, so that this head is not that of its result.
    assert_eq!(second.unwrap().head(&key), None);
    assert_eq!(behind.stats(), BehindStats { commits: 2, joined: 8, ..BehindStats::default() });
}

#[tokio::test(start_paused = true)]
async fn a_new_base_with_a_trim_hides_the_patches_it_was_joined_with() {
    let memory = Memory::new();
    let behind = Behind::new(Arc::new(memory.clone()), Clock::system(), 1 << 20);
    let of = conversation("1");
    let write = || LogWrite::new(log(&of, "a")).expect(some_etag());
    let first = write().expect(tertulia::storage::Expect::Absent).base("old").append("patch 0");
    let first = behind.push(&of, vec![plain(first)]).await.unwrap();
    let second = behind.push(&of, vec![after(&first, write().append("patch 1"))]).await.unwrap();
    let third = behind.push(&of, vec![after(&second, write().base("new").trim(Offset(2)))]).await.unwrap();
    behind.push(&of, vec![after(&third, write().append("patch 2"))]).await.unwrap();
    behind.flush(&of).await.unwrap();
    assert_eq!(behind.stats().commits, 1);
    assert_eq!(entries(&memory, &log(&of, "a")).await, ["patch 2"]);
    assert_eq!(stored(&memory, &log(&of, "a")).await.unwrap().0.start, Offset(2));
}
