//! Stopping: no new fetch, what is known is drained up to the deadline, what is left is named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::{Options, Turn, Unfinished};
use tertulia::storage::{ItemId, Memory, Storage};
use tertulia::{Error, Key};

use super::support::{
    Batches, Diary, Fate, Faulty, Platform, SPACE, applied, apply, apply_after, assert_all_done,
    conversation, memory, pass, runner, start, update,
};

#[tokio::test(start_paused = true)]
async fn f13_a_shutdown_waits_for_300_in_flight() {
    let storage = memory();
    let run = |turn, text: String| async move { apply_after(&turn, &text, 2_000).await };
    let handle = start(&storage, Options::default(), run).await;
    let updates = (0..300).map(|n| update(&n.to_string(), n, "done")).collect();
    handle.intake().submit_all(updates).await.unwrap();
    pass(10).await;
    assert_eq!(handle.running(), 300);
    let begun = tokio::time::Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_eq!(begun.elapsed().as_millis(), 1_990);
    for n in 0..300 {
        assert_eq!(applied(&storage, &n.to_string()).await, ["done"]);
    }
    assert_all_done(&storage).await;
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, [], "a second shutdown does nothing");
    let late = handle.intake().submit(update("late", 1_000, "")).await;
    assert_eq!(late.unwrap_err().kind(), Kind::Closed);
}

#[tokio::test(start_paused = true)]
async fn f13_what_has_not_finished_at_the_deadline_is_named_and_runs_after_the_next_start() {
    let storage = memory();
    let run = |turn, text: String| async move { apply_after(&turn, &text, 2_000).await };
    let handle = start(&storage, Options { concurrency: 200, ..Options::default() }, run).await;
    let updates = (0..300).map(|n| update(&n.to_string(), n, "done")).collect();
    handle.intake().submit_all(updates).await.unwrap();
    let begun = tokio::time::Instant::now();
    let left = handle.shutdown(Duration::from_millis(500)).await;
    assert_eq!(begun.elapsed().as_millis(), 500);
    let expected: Vec<Unfinished> = (0..300)
        .map(|n| Unfinished { conversation: conversation(&n.to_string()), update: ItemId::Number(SPACE, n) })
        .collect();
    assert_eq!(left.len(), 300);
    for unfinished in expected {
        assert!(left.contains(&unfinished), "{unfinished:?} is not named");
    }
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let handle = start(&storage, Options::default(), run).await;
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    for n in 0..300 {
        assert_eq!(applied(&storage, &n.to_string()).await, ["done"]);
    }
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_in_backoff_is_named_when_the_runner_stops() {
    let storage = memory();
    let handle = start(&storage, Options::default(), |_, _| async { anyhow::bail!("not today") }).await;
    handle.intake().submit_all(vec![update("a", 1, ""), update("a", 2, "")]).await.unwrap();
    pass(100).await;
    let left = handle.shutdown(Duration::from_secs(5)).await;
    let ids: Vec<_> = left.into_iter().map(|unfinished| unfinished.update).collect();
    assert_eq!(ids, [ItemId::Number(SPACE, 1), ItemId::Number(SPACE, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_source_is_not_asked_after_the_stop_and_confirms_once_its_last_batch_is_in_the_inbox() {
    let slow = Faulty::new(Memory::new(), |batch| {
        let appends = batch.writes.iter().any(|write| write.bytes() > 0);
        Fate { before: Duration::from_millis(if appends { 50 } else { 0 }), ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = slow;
    let source = Batches::new([vec![update("a", 1, "one")], vec![update("a", 2, "two")]]);
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let runner = runner(&storage, Options::default(), run).source(Box::new(source.clone()));
    let handle = runner.start().await.unwrap();
    pass(75).await;
    assert_eq!(source.asked(), ["fetch", "fetch"], "the second batch is on its way into the inbox");
    assert_eq!(handle.shutdown(Duration::from_secs(5)).await, []);
    assert_eq!(source.asked(), ["fetch", "fetch", "confirm"]);
    assert_eq!(applied(&storage, "a").await, ["one", "two"]);
    assert!(!handle.is_running());
}

#[tokio::test(start_paused = true)]
async fn a_large_batch_in_hand_at_the_stop_is_put_into_the_inbox_as_a_whole_and_confirmed() {
    let slow = Faulty::new(Memory::new(), |_| Fate { before: Duration::from_millis(50), ..Fate::default() });
    let storage: Arc<dyn Storage> = slow;
    let source = Batches::new([(0..500).map(|n| update("a", n, &n.to_string())).collect()]);
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let runner = runner(&storage, Options::default(), run).source(Box::new(source.clone()));
    let intake = runner.intake();
    let handle = runner.start().await.unwrap();
    pass(75).await;
    assert_eq!(source.asked(), ["fetch"], "200 of 500 are in the inbox");
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(source.asked(), ["fetch", "confirm"]);
    assert_eq!(applied(&storage, "a").await.len(), 500);
    assert_eq!(intake.submit(update("a", 1_000, "")).await.unwrap_err().kind(), Kind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_asked_is_asked_again_and_one_that_is_refused_fails_the_runner() {
    let storage = memory();
    let source = Batches::default();
    source.give(Err(Error::unavailable("no network")));
    source.give(Ok(vec![update("a", 1, "one")]));
    let run = |turn, text: String| async move { apply(&turn, &text).await };
    let runner = runner(&storage, Options::default(), run).source(Box::new(source.clone()));
    let handle = runner.start().await.unwrap();
    pass(1_000).await;
    assert_eq!(applied(&storage, "a").await, ["one"]);
    assert!(handle.is_running());
    source.give(Err(Error::invalid("the token was revoked")));
    assert_eq!(handle.failed().await.to_string(), "the token was revoked");
    assert!(!handle.is_running());
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_though_the_storage_never_answers() {
    let hangs = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&hangs);
    let faulty =
        Faulty::new(Memory::new(), move |_| Fate { hangs: told.load(Ordering::Relaxed), ..Fate::default() });
    let storage: Arc<dyn Storage> = faulty;
    let handle = start(&storage, Options::default(), |_, _| async { Ok(()) }).await;
    handle.intake().submit(update("a", 1, "")).await.unwrap();
    hangs.store(true, Ordering::Relaxed);
    let ended = tokio::time::timeout(Duration::from_secs(20), handle.shutdown(Duration::from_secs(5))).await;
    assert_eq!(ended.expect("it ends soon after its deadline"), []);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_leaves_nothing_running() {
    let memory = Memory::new();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let run = |turn: Turn, _| async move {
        turn.call("hello".into())?;
        Ok(())
    };
    let never = Platform::new(|_| async { Err(Error::unavailable("not now")) });
    let first = runner(&storage, Options::default(), run).sender("test", never).start().await.unwrap();
    first.intake().submit(update("a", 1, "")).await.unwrap();
    pass(10).await;
    drop(first);

    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let platform = Platform::new(move |_| {
        let count = Arc::clone(&count);
        async move {
            pass(10).await;
            count.fetch_add(1, Ordering::Relaxed);
            Ok(String::new())
        }
    });
    let slow: Arc<dyn Storage> = Faulty::slow_to_read(memory, Duration::from_millis(3));
    let begun = runner(&slow, Options::default(), run).sender("test", platform).start();
    assert!(
        tokio::time::timeout(Duration::from_millis(5), begun).await.is_err(),
        "the outbox was read, the inbox not yet"
    );
    pass(1_000).await;
    assert_eq!(sent.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_made_is_not_made_again_after_a_shutdown_that_interrupts_its_mark() {
    let memory = Memory::new();
    let slow = Faulty::new(memory.clone(), |batch| {
        let marks =
            batch.writes.iter().all(|write| matches!(write.key(), Key::Queue(..)) == (write.bytes() == 0));
        Fate { before: Duration::from_secs(if marks { 1 } else { 0 }), ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = slow;
    let sent = Diary::default();
    let note = sent.clone();
    let platform = Platform::new(move |call| {
        note.note(&call.conversation, "sent");
        async { Ok(String::new()) }
    });
    let run = |turn: Turn, _| async move {
        turn.call("hello".into())?;
        Ok(())
    };
    let first = runner(&storage, Options::default(), run).sender("test", platform.clone());
    let handle = first.start().await.unwrap();
    handle.intake().submit(update("a", 1, "")).await.unwrap();
    pass(100).await;
    assert_eq!(sent.of("a"), ["sent"], "and its mark is being committed");
    assert_eq!(handle.shutdown(Duration::from_millis(10)).await, []);
    let handle = runner(&storage, Options::default(), run).sender("test", platform).start().await.unwrap();
    pass(5_000).await;
    assert_eq!(sent.of("a"), ["sent"]);
    drop(handle);
}
