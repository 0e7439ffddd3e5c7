//! A storage that fails over to a replica, loses the end of its queues and gives their offsets again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia::runner::{INBOX, OUTBOX, Options, Turn};
use tertulia::storage::{
    Batch, BoxFuture, CommitId, Committed, Etag, Head, ListQuery, Listing, Memory, Page, Properties,
    QueueWrite, Read, Storage,
};
use tertulia::{Key, Name, Result};

use super::support::{Platform, applied, apply, conversation, pass, runner, update};

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

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.current().changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.current().properties()
    }
}

/// Leaves nothing but a mark, makes a call, or applies itself.
async fn run(turn: Turn, text: String) -> tertulia::runner::HandlerResult {
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
