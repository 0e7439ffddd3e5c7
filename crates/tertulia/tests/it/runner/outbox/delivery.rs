//! What happens to a call when nobody knows whether it was made.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::runner::{CallState, DEAD, DeadKind, Delivery, OUTBOX, Options, OutboxRecord, Ticket};
use tertulia::storage::{ItemId, Memory, Page, Read, Storage, Write};
use tertulia::{Key, Shard};

use super::super::support::{
    Diary, Fate, Faulty, Platform, SPACE, assert_all_done, dead, memory, pass, queued, update,
};
use super::{answering, listing, noting, unavailable, unknown};

/// A platform that never answers.
fn hanging(tries: &Diary) -> Arc<Platform> {
    let note = tries.clone();
    Platform::new(move |call| {
        note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        std::future::pending()
    })
}

/// The records in the outbox.
async fn outbox(storage: &Arc<dyn Storage>) -> Vec<OutboxRecord> {
    let reads: Vec<Read> = Shard::all().map(|shard| Read::new(Key::Queue(shard, OUTBOX))).collect();
    let pages = storage.read(&reads).await.unwrap();
    let entries = pages.into_iter().filter_map(|page| page.unwrap().and_then(Page::into_queue));
    entries.flat_map(|page| page.entries).map(|entry| OutboxRecord::decode(&entry.bytes).unwrap()).collect()
}

/// Whether a batch records the state of a call.
fn records_state(batch: &tertulia::storage::Batch) -> bool {
    let replaces = |write: &Write| matches!(write, Write::Queue(write) if !write.replace.is_empty());
    batch.writes.iter().any(|write| *write.key().name() == OUTBOX && replaces(write))
}

/// A storage after a process that asked for these calls and had no adapter to make them.
async fn left(calls: &str) -> Memory {
    let memory = Memory::new();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let handle = listing(&storage, Options::default()).start().await.unwrap();
    handle.intake().submit(update("a", 1, calls)).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    memory
}

/// Lets a runner make what it can in 10 minutes, and gives its counts: made, repeated, dead, unknown.
async fn run(storage: &Arc<dyn Storage>, platform: Arc<Platform>) -> [u64; 4] {
    let handle = listing(storage, Options::default()).sender("test", platform).start().await.unwrap();
    pass(600_000).await;
    let stats = handle.call_stats();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    [stats.made, stats.repeated, stats.dead, stats.unknown]
}

#[tokio::test(start_paused = true)]
async fn only_a_call_made_at_most_once_is_recorded_before_it_is_made() {
    let storage = memory();
    let handle = listing(&storage, Options::default()).sender("test", hanging(&Diary::default()));
    let handle = handle.start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "once!"), update("b", 2, "plain")]).await.unwrap();
    pass(1_000).await;
    for record in outbox(&storage).await {
        let once = record.call.body == "once";
        assert_eq!(record.delivery == Delivery::AtMostOnce, once);
        assert_eq!(matches!(record.state, CallState::Sending(_)), once, "{record:?}");
    }
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_before_the_record_leaves_the_call_to_be_made() {
    let memory = left("once! then").await;
    let hangs = Faulty::new(memory.clone(), |batch| Fate { hangs: records_state(batch), ..Fate::default() });
    let storage: Arc<dyn Storage> = hangs;
    let tries = Diary::default();
    let first = listing(&storage, Options::default()).sender("test", noting(&tries)).start().await.unwrap();
    pass(1_000).await;
    assert_eq!(tries.len(), 0, "nothing is made before the record");
    drop(first);
    let storage: Arc<dyn Storage> = Arc::new(memory);
    assert_eq!(run(&storage, noting(&tries)).await, [2, 1, 0, 0], "only `then` may have been made before");
    assert_eq!(tries.of("a"), ["once", "then"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_in_the_call_leaves_one_made_at_most_once_to_dead_and_makes_others_again() {
    let storage: Arc<dyn Storage> = Arc::new(left("once! then").await);
    let tries = Diary::default();
    let first = listing(&storage, Options::default()).sender("test", hanging(&tries)).start().await.unwrap();
    pass(1_000).await;
    drop(first);
    assert_eq!(run(&storage, hanging(&tries)).await, [0, 1, 1, 1]);
    assert_eq!(run(&storage, noting(&tries)).await, [1, 1, 0, 0]);
    assert_eq!(tries.of("a"), ["once", "then", "then"]);
    let dead = dead(&storage).await;
    let ticket = Ticket { update: ItemId::Number(SPACE, 1), ordinal: 0 };
    assert_eq!((dead.len(), &*dead[0].body), (1, &b"once"[..]));
    assert_eq!(dead[0].what, DeadKind::Call(Some(ticket)));
    assert_eq!(
        dead[0].error,
        "the call may have been made, and is made at most once: the process stopped while the call was made, and \
         nobody knows whether it was"
    );
    assert_eq!(queued(&storage, OUTBOX).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_before_the_mark_leaves_the_same() {
    let storage: Arc<dyn Storage> = Arc::new(left("once! then").await);
    let tries = Diary::default();
    let options = Options { linger: Duration::from_secs(60), ..Options::default() };
    let first = listing(&storage, options).sender("test", noting(&tries)).start().await.unwrap();
    pass(1_000).await;
    assert_eq!(tries.of("a"), ["once", "then"], "and the marks wait");
    drop(first);
    assert_eq!(run(&storage, noting(&tries)).await, [1, 1, 1, 1]);
    assert_eq!(tries.of("a"), ["once", "then", "then"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_a_call_again_or_sends_it_to_dead_and_is_counted() {
    let storage: Arc<dyn Storage> = Arc::new(left("once! plain then").await);
    let tries = Diary::default();
    let platform = answering(&tries, |_, nth| if nth == 1 { unknown() } else { Ok(()) });
    // All of them were found, so the first tries count too.
    assert_eq!(run(&storage, platform).await, [2, 4, 1, 1]);
    assert_eq!(tries.of("a"), ["once", "plain", "plain", "then", "then"]);
    let dead = dead(&storage).await;
    assert_eq!(
        (dead.len(), &*dead[0].error, dead[0].attempts),
        (1, "the call may have been made, and is made at most once: the connection broke", 1)
    );
    assert_eq!(queued(&storage, OUTBOX).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_panics_has_not_said_that_a_call_was_not_made() {
    let storage: Arc<dyn Storage> = Arc::new(left("once!").await);
    let platform = answering(&Diary::default(), |_, _| panic!("the adapter cannot stand this"));
    assert_eq!(run(&storage, platform).await, [0, 0, 1, 1]);
    assert!(dead(&storage).await[0].error.starts_with("the call may have been made"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_surely_not_made_is_made_again_though_at_most_once_and_after_a_restart() {
    let storage: Arc<dyn Storage> = Arc::new(left("once!").await);
    let tries = Diary::default();
    let away = answering(&tries, |_, _| unavailable());
    let first = listing(&storage, Options::default()).sender("test", away).start().await.unwrap();
    pass(2_000).await;
    assert_eq!(tries.of("a"), ["once", "once"]);
    drop(first);
    assert_eq!(run(&storage, noting(&tries)).await, [1, 0, 0, 0]);
    assert_eq!(tries.of("a"), ["once", "once", "once"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_answer_was_lost_is_recognised() {
    let memory = left("once! then").await;
    let lost = Mutex::new(true);
    let faulty = Faulty::new(memory, move |batch| {
        let lost = records_state(batch) && std::mem::take(&mut *lost.lock());
        Fate { lost, ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty.clone();
    let tries = Diary::default();
    assert_eq!(run(&storage, noting(&tries)).await, [2, 1, 0, 0]);
    assert_eq!(tries.of("a"), ["once", "then"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_runners_one_makes_a_call_that_is_made_at_most_once() {
    let calls: String = (0..20).map(|n| format!("{n}! ")).collect();
    let storage: Arc<dyn Storage> = Arc::new(left(&calls).await);
    let tries = Diary::default();
    let start = || listing(&storage, Options::default()).sender("test", noting(&tries)).start();
    let runners = [start().await.unwrap(), start().await.unwrap()];
    pass(10_000).await;
    let mut made = tries.of("a");
    made.sort_unstable_by_key(|call| call.parse::<u32>().unwrap());
    assert_eq!(made, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    for runner in runners {
        assert_eq!(runner.shutdown(Duration::from_secs(1)).await, []);
    }
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn calls_made_at_most_once_are_made_once_or_dead_however_often_the_process_ends() {
    for seed in 0..100 {
        let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        let random = Arc::clone(&rng);
        let faulty = Faulty::new(Memory::new(), move |_| {
            let mut rng = random.lock();
            let mut wait = || Duration::from_millis(rng.u64(0..4));
            let (before, after) = (wait(), wait());
            let mut fault = || rng.u8(0..10) == 0;
            Fate { before, after, refused: fault(), lost: fault(), hangs: false }
        });
        let storage: Arc<dyn Storage> = faulty;
        let made = Diary::default();
        let mut next = 0;
        for life in 0..12 {
            let (note, random) = (made.clone(), Arc::clone(&rng));
            let platform = Platform::new(move |call| {
                let dice = random.lock().u8(0..8);
                if dice != 0 {
                    note.note(&call.conversation, String::from_utf8_lossy(&call.body));
                }
                async move {
                    pass(2).await;
                    match dice {
                        0 => unavailable(),
                        1 => unknown(),
                        _ => Ok(()),
                    }
                    .map(|()| String::new())
                }
            });
            // Nothing here stops the process but the test.
            let options = Options { backoff: Duration::from_millis(3), stops: u8::MAX, ..Options::default() };
            let handle = listing(&storage, options).sender("test", platform).start().await.unwrap();
            if life == 11 {
                while handle.size() > 0 || handle.calls() > 0 {
                    pass(5).await;
                }
                assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
                break;
            }
            let life = Duration::from_millis(rng.lock().u64(0..60));
            let _ = tokio::time::timeout(life, async {
                loop {
                    let chat = (next % 3).to_string();
                    handle.intake().submit(update(&chat, next, &format!("{next}!"))).await.unwrap();
                    next += 1;
                }
            })
            .await;
        }
        let mut known = std::collections::HashMap::<String, [usize; 2]>::new();
        for chat in 0..3 {
            for call in made.of(&chat.to_string()) {
                known.entry(call).or_default()[0] += 1;
            }
        }
        for dead in dead(&storage).await {
            assert!(matches!(dead.what, DeadKind::Call(Some(_))), "seed {seed}: {dead:?}");
            known.entry(String::from_utf8_lossy(&dead.body).into_owned()).or_default()[1] += 1;
        }
        for n in 0..next {
            let [made, dead] = known.remove(&n.to_string()).unwrap_or_default();
            assert!(
                made <= 1 && dead <= 1 && made + dead >= 1,
                "seed {seed}: {n} was made {made}, is dead {dead}"
            );
        }
        assert_eq!(queued(&storage, OUTBOX).await, 0);
        assert_eq!(queued(&storage, DEAD).await, dead(&storage).await.len() as u64);
    }
}
