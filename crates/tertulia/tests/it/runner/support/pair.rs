//! A storage that fails over to a replica which lacks its last commits.

use std::sync::atomic::{AtomicBool, Ordering};

use tertulia::storage::{
    Batch, BoxFuture, CommitId, Committed, Etag, Head, ListQuery, Listing, Memory, Page, Properties,
    QueueWrite, Read, SeenPage, SeenQuery, Storage,
};
use tertulia::{Key, Name, Result};

use super::conversation;

/// Two memories, the second of which has what the first was given until it was cut off.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    primary: Memory,
    pub(crate) replica: Memory,
    is_cut_off: AtomicBool,
    has_failed_over: AtomicBool,
}

impl Pair {
    /// The replica gets nothing any more.
    pub(crate) fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::Relaxed);
    }

    /// What the replica does not have is lost.
    pub(crate) fn fail_over(&self) {
        self.has_failed_over.store(true, Ordering::Relaxed);
    }

    fn current(&self) -> &Memory {
        if self.has_failed_over.load(Ordering::Relaxed) { &self.replica } else { &self.primary }
    }

    /// Does as another process would do.
    pub(crate) async fn append(&self, id: u64, name: Name, bytes: &'static str) {
        let write = QueueWrite::new(Key::Queue(conversation("a").shard(), name)).append(None, bytes);
        self.current().commit(Batch::new(CommitId(id), vec![write.into()])).await.unwrap();
    }

    /// Offsets and births of what a queue of the shard holds.
    pub(crate) async fn entries(&self, name: Name) -> Vec<(u64, u64)> {
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
