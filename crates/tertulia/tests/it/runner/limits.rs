//! Bounds: what is too large is refused by name, what is much is taken in parts, and what memory cannot keep is
//! read again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tertulia::Clock;
use tertulia::error::Kind;
use tertulia::runner::{Options, Receipt, Turn};
use tertulia::storage::{Limits, Memory, Storage};

use super::support::{
    Fate, Faulty, applied, apply, assert_all_done, conversation, dead, memory, pass, runner, start, update,
};

/// A memory storage with entries of 16 KiB, batches of 64 KiB and 64 writes.
fn small() -> Memory {
    let limits = Limits { entry_bytes: 16 << 10, batch_bytes: 64 << 10, writes: 64, ..Limits::default() };
    Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES)
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_too_large_is_refused_with_the_limit_and_the_others_are_not_taken() {
    let storage = memory();
    let handle =
        start(&storage, Options::default(), |turn, text: String| async move { apply(&turn, &text).await })
            .await;
    let large = "x".repeat(8 << 20);
    let error =
        handle.intake().submit_all(vec![update("a", 1, "one"), update("a", 2, &large)]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(error.to_string(), "an update of test:a has 8388608 bytes, at most 8384512 are allowed");
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, Vec::<String>::new());
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn many_large_updates_are_put_into_the_inbox_by_as_many_commits_as_it_takes() {
    let storage: Arc<dyn Storage> = Arc::new(small());
    let handle = start(&storage, Options::default(), |turn: Turn, text: String| async move {
        apply(&turn, &text.len().to_string()).await
    })
    .await;
    let large = "x".repeat(12 << 10);
    let updates = (0..150).map(|n| update(&n.to_string(), n, &large)).collect();
    let receipts = handle.intake().submit_all(updates).await.unwrap();
    assert_eq!(receipts, [Receipt::Accepted; 150]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    for n in 0..150 {
        assert_eq!(applied(&storage, &n.to_string()).await, ["12288"]);
    }
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn the_largest_update_goes_to_dead_with_all_its_bytes_whatever_its_error_says() {
    let storage: Arc<dyn Storage> = Arc::new(small());
    let largest = "x".repeat((16 << 10) - 4096);
    let error = "e".repeat(100_000);
    let told = error.clone();
    let options = Options { retries: 0, ..Options::default() };
    let handle = start(&storage, options, move |_: Turn, _| {
        let error = told.clone();
        async move { anyhow::bail!(error) }
    })
    .await;
    let mut fault = update("b", 2, &largest);
    fault.fault = Some(error);
    let chat = "%".repeat(256);
    let updates = vec![update(&chat, 1, &largest), fault, update("c", 3, "small")];
    assert_eq!(handle.intake().submit_all(updates).await.unwrap(), [Receipt::Accepted; 3]);
    pass(1_000).await;
    let dead = dead(&storage).await;
    assert_eq!(dead.len(), 3);
    let of = |chat: &str| dead.iter().find(|dead| dead.conversation == conversation(chat)).unwrap();
    assert_eq!((&*of(&chat).body, &*of("b").body), (largest.as_bytes(), largest.as_bytes()));
    assert!(of("b").error.starts_with("eeeeeeee"));
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_too_large_fails_its_turn_with_the_limit() {
    let storage: Arc<dyn Storage> = Arc::new(small());
    let options = Options { retries: 0, ..Options::default() };
    let handle = start(&storage, options, |turn: Turn, _| async move {
        turn.call(vec![0; 13_000].into())?;
        Ok(())
    })
    .await;
    handle.intake().submit(update("a", 1, "")).await.unwrap();
    pass(100).await;
    assert_eq!(dead(&storage).await[0].error, "a call has 13000 bytes, at most 12288 are allowed");
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_memory_may_not_keep_are_read_again() {
    let faulty = Faulty::new(Memory::new(), |_| Fate::default());
    let storage: Arc<dyn Storage> = faulty.clone();
    let options = Options { index_bytes: 1_000, concurrency: 1, ..Options::default() };
    let handle = start(&storage, options, |turn: Turn, text: String| async move {
        anyhow::ensure!(turn.about().attempt > 1, "the first try fails");
        let conversation = turn.about().conversation.id().into_owned();
        apply(&turn, &format!("{conversation} {}", &text[..1])).await
    })
    .await;
    let body = |n: i64| n.to_string().repeat(300);
    handle.intake().submit_all((0..9).map(|n| update(&n.to_string(), n, &body(n))).collect()).await.unwrap();
    pass(60_000).await;
    for n in 0..9 {
        assert_eq!(applied(&storage, &n.to_string()).await, [format!("{n} {n}")]);
    }
    // Three bodies fit at a time, also after updates whose body was left behind have failed and ended.
    let reads = faulty.reads.load(Ordering::Relaxed);
    handle
        .intake()
        .submit_all((0..9).map(|n| update(&n.to_string(), 10 + n, &body(n))).collect())
        .await
        .unwrap();
    pass(60_000).await;
    let again = faulty.reads.load(Ordering::Relaxed) - reads;
    assert_eq!(again, 2 * 6 + 9, "six bodies are read for each of two tries, and nine logs");
    assert_all_done(&storage).await;
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_storage_whose_batches_reach_one_shard_is_enough() {
    let storage: Arc<dyn Storage> = Faulty::of_shards(Memory::new());
    let handle = start(&storage, Options::default(), |turn: Turn, text: String| async move {
        if text == "effect" { apply(&turn, &text).await } else { Ok(()) }
    })
    .await;
    let mut updates: Vec<_> = (0..50).map(|n| update(&n.to_string(), n, "effect")).collect();
    updates.extend((0..50).map(|n| update(&n.to_string(), 100 + n, "none")));
    updates.push(update("0", 1, "seen"));
    let receipts = handle.intake().submit_all(updates).await.unwrap();
    assert_eq!(receipts[..100], [Receipt::Accepted; 100]);
    assert_eq!(receipts[100..], [Receipt::Accepted], "another conversation's id is in another shard");
    pass(1_000).await;
    for n in 0..50 {
        assert_eq!(applied(&storage, &n.to_string()).await, ["effect"]);
    }
    assert_all_done(&storage).await;
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn options_that_make_no_sense_are_refused_by_name() {
    let storage = memory();
    for (name, options) in [
        ("concurrency", Options { concurrency: 0, ..Options::default() }),
        ("index_entries", Options { index_entries: 0, ..Options::default() }),
        ("senders", Options { senders: 0, ..Options::default() }),
    ] {
        let error = runner(&storage, options, |_, _| async { Ok(()) }).start().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
}
