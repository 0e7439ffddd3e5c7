//! A storage that fails over to a replica, loses the end of its queues and gives their offsets again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia::runner::{CallOptions, Delivery, HandlerResult, INBOX, OUTBOX, Options, Turn};
use tertulia::storage::{
    Batch, BoxFuture, CommitId, Committed, Etag, Head, ListQuery, Listing, Memory, Page, Properties,
    QueueWrite, Read, SeenPage, SeenQuery, Storage,
};
use tertulia::{Key, Name, Result};

use super::support::{
    Diary, Platform, applied, apply, assert_all_done, conversation, pass, runner, start, update,
};

/// Two memories, the second of which has what the first was given until it was cut off.
#[derive(Debug, Default)]
struct Pair {
    primary: Memory,
    replica: Memory,
    is_cut_off: AtomicBool,
    has_failed_over: AtomicBool,
}

impl Pair {
    fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::Relaxed);
    }

    fn fail_over(&self) {
        self.has_failed_over.store(true, Ordering::Relaxed);
    }

    fn current(&self) -> &Memory {
        if self.has_failed_over.load(Ordering::Relaxed) { &self.replica } else { &self.primary }
    }

    /// Does as another process would do.
    async fn append(&self, id: u64, name: Name, bytes: &'static str) {
        let write = QueueWrite::new(Key::Queue(conversation("a").shard(), name)).append(None, bytes);
        self.current().commit(Batch::new(CommitId(id), vec![write.into()])).await.unwrap();
    }

    /// Offsets and births of what a queue of the shard holds.
    async fn entries(&self, name: Name) -> Vec<(u64, u64)> {
        let read = Read::new(Key::Queue(conversation("a").shard(), name));
        let page = self.current().read(&[read]).await.unwrap().remove(0).unwrap();
        let entries = page.and_then(Page::into_queue).unwrap().entries;
        entries.iter().map(|entry| (entry.offset.0, entry.born.0)).collect()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Pair {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async move {
            let answer = self.current().commit(batch.clone()).await;
            if !self.is_cut_off.load(Ordering::Relaxed) {
                // The same batch on the same state gives the same answer.
                let _ = self.replica.commit(batch).await;
            }
            answer
        })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        self.current().read(reads)
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.current().list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.current().seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.current().changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.current().properties()
    }
}

/// Leaves nothing but a mark, makes a call, or applies itself.
async fn run(turn: Turn, text: String) -> HandlerResult {
    match &*text {
        "nothing" => {}
        "call" => drop(turn.call("hello".into())?),
        text => apply(&turn, text).await?,
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn marks_of_what_was_lost_leave_alone_who_has_its_offsets_now() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let options = Options { linger: Duration::from_secs(3_600), ..Options::default() };
    let platform = Platform::new(|_| async { Ok("message 1".to_owned()) });
    let handle = runner(&storage, options, run).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "before")).await.unwrap();
    pass(10).await;
    pair.cut_off();
    for (id, text) in [(2, "call"), (3, "nothing")] {
        handle.intake().submit(update("a", id, text)).await.unwrap();
        pass(10).await;
    }
    assert_eq!((pair.entries(INBOX).await.len(), pair.entries(OUTBOX).await.len()), (1, 1), "both are done");
    pair.fail_over();
    for (id, name) in [(91, INBOX), (92, INBOX), (93, OUTBOX)] {
        pair.append(id, name, "acknowledged").await;
    }
    // Both marks ride on this one's batch.
    handle.intake().submit(update("a", 4, "after")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, ["before", "after"]);
    assert_eq!(pair.entries(INBOX).await, [(1, 91), (2, 92)]);
    assert_eq!(pair.entries(OUTBOX).await, [(0, 93)]);
}

/// A chat whose updates lie in the inbox of chat `a`'s.
fn neighbour() -> String {
    let shard = conversation("a").shard();
    (0..).map(|n: u32| n.to_string()).find(|chat| conversation(chat).shard() == shard).expect("one in 256")
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_after_a_failover_runs_though_more_was_lost_than_has_come_since() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let options = Options { backoff: Duration::from_secs(60), ..Options::default() };
    let runs = Diary::default();
    let notes = runs.clone();
    let run = move |turn: Turn, text: String| {
        notes.note(&turn.about().conversation, text.clone());
        async move {
            anyhow::ensure!(turn.about().attempt > 1 || text == "at once", "not at the first try");
            apply(&turn, &text).await
        }
    };
    let handle = start(&storage, options, run).await;
    let b = neighbour();
    handle.intake().submit(update("a", 1, "kept")).await.unwrap();
    pass(10).await;
    pair.cut_off();
    handle.intake().submit_all((2..5).map(|id| update("a", id, "lost")).collect()).await.unwrap();
    pass(10).await;
    pair.fail_over();
    handle.intake().submit(update(&b, 5, "at once")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, &b).await, ["at once"]);
    pass(600_000).await;
    assert_eq!(applied(&storage, "a").await, ["kept"]);
    assert_eq!(runs.of("a").iter().filter(|text| *text == "kept").count(), 2, "it was known all the time");
    handle.intake().submit(update("a", 6, "at once")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, ["kept", "at once"]);
    assert_eq!(handle.size(), 0);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_lost_before_it_could_be_recorded_holds_nothing_up() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let made = Diary::default();
    let notes = made.clone();
    let platform = Platform::new(move |call| {
        let text = String::from_utf8_lossy(&call.body).into_owned();
        notes.note(&call.conversation, text.clone());
        async move {
            pass(if text == "slow" { 1_000 } else { 0 }).await;
            Ok(text)
        }
    });
    let run = |turn: Turn, text: String| async move {
        let delivery = if text == "once" { Delivery::AtMostOnce } else { Delivery::AtLeastOnce };
        turn.call_with(text.into(), CallOptions { delivery, ..CallOptions::default() })?;
        Ok(())
    };
    let handle = runner(&storage, Options::default(), run).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "before")).await.unwrap();
    pass(100).await;
    pair.cut_off();
    for (id, text) in [(2, "slow"), (3, "once")] {
        handle.intake().submit(update("a", id, text)).await.unwrap();
        pass(10).await;
    }
    pair.fail_over();
    pass(10_000).await;
    handle.intake().submit(update("a", 4, "after")).await.unwrap();
    pass(100).await;
    assert_eq!(made.of("a"), ["before", "slow", "after"]);
    assert_eq!((handle.size(), handle.calls()), (0, 0));
    assert_all_done(&storage).await;
}
