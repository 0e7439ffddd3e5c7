//! A storage that refuses, loses answers, delays or hangs, as a closure says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Memory, Page, Properties, Read, Scope,
    SeenPage, SeenQuery, Storage,
};
use tertulia::{Error, Key, Result};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// The wait before it is applied.
    pub(crate) before: Duration,
    /// It is `Unavailable` and not applied.
    pub(crate) refused: bool,
    /// It is applied or refused by its own merits, and the answer is lost.
    pub(crate) lost: bool,
    /// It never ends, and is not applied.
    pub(crate) hangs: bool,
    /// The wait after it was applied.
    pub(crate) after: Duration,
}

type Decide = Box<dyn Fn(&Batch) -> Fate + Send + Sync>;
type Refuse = Box<dyn Fn(&[Read]) -> bool + Send + Sync>;

/// A memory storage with faults.
pub(crate) struct Faulty {
    inner: Memory,
    decide: Decide,
    scope: Scope,
    read_takes: Duration,
    refuses: Refuse,
    pub(crate) commits: AtomicUsize,
    pub(crate) reads: AtomicUsize,
}

impl Faulty {
    pub(crate) fn new(inner: Memory, decide: impl Fn(&Batch) -> Fate + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::with(inner, Scope::Store, decide))
    }

    /// A storage whose batches reach one shard.
    pub(crate) fn of_shards(inner: Memory) -> Arc<Self> {
        Arc::new(Self::with(inner, Scope::Shard, |_| Fate::default()))
    }

    /// A storage whose reads take a while.
    pub(crate) fn slow_to_read(inner: Memory, read_takes: Duration) -> Arc<Self> {
        Arc::new(Self { read_takes, ..Self::with(inner, Scope::Store, |_| Fate::default()) })
    }

    /// A storage that cannot read what this says.
    pub(crate) fn refusing_reads(
        inner: Memory,
        refuses: impl Fn(&[Read]) -> bool + Send + Sync + 'static,
    ) -> Arc<Self> {
        let refuses = Box::new(refuses);
        Arc::new(Self { refuses, ..Self::with(inner, Scope::Store, |_| Fate::default()) })
    }

    fn with(inner: Memory, scope: Scope, decide: impl Fn(&Batch) -> Fate + Send + Sync + 'static) -> Self {
        let (commits, reads) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (read_takes, refuses) = (Duration::ZERO, Box::new(|_: &[Read]| false));
        Self { inner, decide: Box::new(decide), scope, read_takes, refuses, commits, reads }
    }
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Faulty {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async move {
            let fate = (self.decide)(&batch);
            if !fate.before.is_zero() {
                tokio::time::sleep(fate.before).await;
            }
            if fate.hangs {
                std::future::pending::<()>().await;
            }
            if fate.refused {
                return Err(Error::unavailable("the storage is away"));
            }
            if self.scope == Scope::Shard {
                let mut shards = batch.writes.iter().map(|write| write.key().shard());
                let first = shards.next();
                if shards.any(|shard| Some(shard) != first) {
                    return Err(Error::invalid("a batch over two shards"));
                }
            }
            self.commits.fetch_add(1, Ordering::Relaxed);
            let answer = self.inner.commit(batch).await;
            if !fate.after.is_zero() {
                tokio::time::sleep(fate.after).await;
            }
            if fate.lost { Err(Error::new(Kind::Unknown, "the answer was lost")) } else { answer }
        })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if !self.read_takes.is_zero() {
                tokio::time::sleep(self.read_takes).await;
            }
            if (self.refuses)(reads) {
                return Err(Error::unavailable("the storage is away"));
            }
            self.inner.read(reads).await
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.inner.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.inner.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.inner.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        Properties { scope: self.scope, ..self.inner.properties() }
    }
}
