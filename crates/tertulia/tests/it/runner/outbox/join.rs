//! Joined calls: of several that overwrite the same thing, the last is made.

use std::sync::Arc;
use std::time::Duration;

use tertulia::runner::{OUTBOX, Options, SENT};
use tertulia::storage::{Memory, Storage};

use super::super::support::{
    Diary, Fate, Faulty, Platform, assert_all_done, dead, log, memory, pass, queued, update,
};
use super::{answering, listing, noting, unavailable};

#[tokio::test(start_paused = true)]
async fn of_calls_that_overwrite_the_same_only_the_last_that_waits_is_made_and_all_others_keep_their_order() {
    let storage = memory();
    let sent = Diary::default();
    let handle = listing(&storage, Options::default()).sender("test", noting(&sent)).start().await.unwrap();
    handle.intake().submit(update("a", 1, "first e1#17 text e2#17 f1#18 e3#17 last f2#18")).await.unwrap();
    handle.intake().submit(update("b", 2, "e4#17 e5#17")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(sent.of("a"), ["first", "text", "e3", "last", "f2"]);
    assert_eq!(sent.of("b"), ["e5"], "another conversation's are not joined");
    assert_eq!((handle.call_stats().made, handle.call_stats().joined), (6, 4));
    assert_eq!(log(&storage, "a", SENT).await.len(), 5, "what was not sent gave nothing");
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_is_not_dropped_for_a_newer_one() {
    let storage = memory();
    let sent = Diary::default();
    let handle =
        listing(&storage, Options::default()).sender("test", slow(&sent, false)).start().await.unwrap();
    handle.intake().submit(update("a", 1, "e1#17 t1")).await.unwrap();
    pass(50).await;
    let updates = (2..=4).map(|n| update("a", n, &format!("e{n}#17 t{n}"))).collect();
    handle.intake().submit_all(updates).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(sent.of("a"), ["e1", "t1", "t2", "t3", "e4", "t4"]);
    assert_all_done(&storage).await;
}

/// A platform that takes 100 ms for a call, and may fail to make `e1`.
fn slow(tries: &Diary, fails: bool) -> Arc<Platform> {
    let note = tries.clone();
    Platform::new(move |call| {
        note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        let fails = fails && call.body == "e1";
        async move {
            pass(100).await;
            if fails { unavailable().map(|()| String::new()) } else { Ok(String::new()) }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_after_a_failure_is_dropped_for_a_newer_one_and_forgotten() {
    let storage = memory();
    let tries = Diary::default();
    let platform =
        answering(
            &tries,
            |body, nth| {
                if body == "e1" || (body == "e2" && nth == 1) { unavailable() } else { Ok(()) }
            },
        );
    let handle =
        listing(&storage, Options::default()).sender("test", platform.clone()).start().await.unwrap();
    handle.intake().submit(update("a", 1, "e1#17 text")).await.unwrap();
    pass(500).await;
    handle.intake().submit(update("a", 2, "e2#17")).await.unwrap();
    pass(500).await;
    assert_eq!((tries.of("a"), handle.calls()), (vec!["e1".to_owned()], 2), "the conversation waits");
    assert_eq!(*platform.forgotten.lock(), ["e1"]);
    pass(10_000).await;
    assert_eq!(tries.of("a"), ["e1", "text", "e2", "e2"]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_while_a_newer_one_waits_is_not_made_again() {
    let storage = memory();
    let tries = Diary::default();
    let platform = slow(&tries, true);
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "e1#17")).await.unwrap();
    pass(50).await;
    handle.intake().submit(update("a", 2, "text e2#17")).await.unwrap();
    pass(10_000).await;
    assert_eq!(tries.of("a"), ["e1", "text", "e2"]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_whose_removal_was_lost_with_the_process_is_dropped_again() {
    let memory = Memory::new();
    // Nothing but the turn's own batch gets through.
    let faulty = Faulty::new(memory.clone(), |batch| {
        let removes = batch.writes.iter().any(|write| *write.key().name() == OUTBOX && write.bytes() == 0);
        Fate { refused: removes, ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty;
    let away = answering(&Diary::default(), |_, _| unavailable());
    let handle = listing(&storage, Options::default()).sender("test", away).start().await.unwrap();
    handle.intake().submit(update("a", 1, "e1#17 e2#17 text")).await.unwrap();
    pass(500).await;
    drop(handle);
    let storage: Arc<dyn Storage> = Arc::new(memory);
    assert_eq!(queued(&storage, OUTBOX).await, 3);
    let sent = Diary::default();
    let handle = listing(&storage, Options::default()).sender("test", noting(&sent)).start().await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(sent.of("a"), ["e2", "text"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_join_key_over_its_limit_fails_the_turn_with_the_limit() {
    let storage = memory();
    let options = Options { retries: 0, ..Options::default() };
    let handle = listing(&storage, options).start().await.unwrap();
    handle.intake().submit(update("a", 1, &format!("edit#{}", "k".repeat(257)))).await.unwrap();
    pass(100).await;
    let dead = dead(&storage).await;
    assert_eq!(dead[0].error, "the join key of a call has 257 bytes, at most 256 are allowed");
    drop(handle);
}
