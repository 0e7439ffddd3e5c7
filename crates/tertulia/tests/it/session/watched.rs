//! A storage that counts what passes, and fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tertulia::Error;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Memory, Page, Properties, Read, SeenPage,
    SeenQuery, Storage, Write,
};
use tertulia::{Key, Result};

/// Clones share one storage and its counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    memory: Memory,
    reads: AtomicU64,
    read_bytes: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
    written_bytes: AtomicU64,
    fail_reads: AtomicU64,
    fail_commits: AtomicU64,
    commits: AtomicU64,
}

/// What passed since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Calls of `read`.
    pub(super) reads: u64,
    /// Bytes of bases and entries that were read.
    pub(super) read_bytes: u64,
    /// Writes with a base or an entry.
    pub(super) writes: u64,
    pub(super) deletes: u64,
    /// Bytes of bases and entries that were written.
    pub(super) written_bytes: u64,
}

impl Watched {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn shared(&self) -> Arc<dyn Storage> {
        Arc::new(self.clone())
    }

    /// How many batches were given so far.
    pub(super) fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::SeqCst)
    }

    pub(super) fn counts(&self) -> Counts {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::SeqCst);
        Counts {
            reads: take(&self.0.reads),
            read_bytes: take(&self.0.read_bytes),
            writes: take(&self.0.writes),
            deletes: take(&self.0.deletes),
            written_bytes: take(&self.0.written_bytes),
        }
    }

    /// The next read fails.
    pub(super) fn fail_read(&self) {
        self.0.fail_reads.fetch_add(1, Ordering::SeqCst);
    }

    /// The next commit fails.
    pub(super) fn fail_commit(&self) {
        self.0.fail_commits.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) async fn keys(&self) -> Vec<Key> {
        let query = ListQuery { limit: 100_000, ..ListQuery::default() };
        self.list(&query).await.unwrap().keys.into_iter().map(|listed| listed.key).collect()
    }
}

fn fails(counter: &AtomicU64) -> Result<()> {
    let one_less = |count: u64| count.checked_sub(1);
    match counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
        Ok(_) => Err(Error::unavailable("the test said so")),
        Err(_) => Ok(()),
    }
}

#[deny(clippy::missing_trait_methods, reason = "a wrapper forwards everything")]
impl Storage for Watched {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async move {
            self.0.commits.fetch_add(1, Ordering::SeqCst);
            fails(&self.0.fail_commits)?;
            for write in &batch.writes {
                let Write::Log(log) = write else { continue };
                let sets = u64::from(log.base.is_some() || !log.append.is_empty());
                self.0.writes.fetch_add(sets, Ordering::SeqCst);
                self.0.deletes.fetch_add(u64::from(log.delete), Ordering::SeqCst);
                self.0.written_bytes.fetch_add(write.bytes() as u64, Ordering::SeqCst);
            }
            self.0.memory.commit(batch).await
        })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(async move {
            fails(&self.0.fail_reads)?;
            let pages = self.0.memory.read(reads).await?;
            self.0.reads.fetch_add(1, Ordering::SeqCst);
            for page in pages.iter().flatten().flatten() {
                let Page::Log(page) = page else { continue };
                let bytes = page.base.iter().chain(&page.entries).map(|bytes| bytes.len() as u64).sum();
                self.0.read_bytes.fetch_add(bytes, Ordering::SeqCst);
            }
            Ok(pages)
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.0.memory.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.0.memory.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.0.memory.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.0.memory.properties()
    }
}
