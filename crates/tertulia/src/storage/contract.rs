//! The trait that an engine implements.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{Batch, Committed, Etag, Head, Limits, ListQuery, Listing, Page, Read, SeenPage, SeenQuery};
use crate::{Key, Result};

/// A boxed future, so that `Arc<dyn Storage>` works.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps logs and queues. The rules that every implementation holds are the cases of the conformance suite in
/// `tertulia-testkit`.
pub trait Storage: Debug + Send + Sync + 'static {
    /// Applies every write of the batch, or none. Resolves when the batch is as durable as this storage promises.
    ///
    /// # Errors
    /// `Conflict` (with a [`Conflict`](super::Conflict) that names every failed expectation), `Invalid` (over a
    /// limit, or over the scope), `Unavailable` (a queue is full, the engine cannot be reached: nothing was
    /// applied), `Unknown` (the answer was lost), `Closed` (nothing is taken any more until the store is opened
    /// again), `Corrupt`.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the batch back: it may still be applied.
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>>;

    /// Reads several logs or queues in one round trip, one consistent view per shard, in the order asked.
    /// `None` where there is no such log or queue. Each read has its own result; the outer error is the engine's.
    ///
    /// # Errors
    /// Outer: `Unavailable`. Inner: `Gone` (with a [`Gone`](super::Gone)), `Invalid`, `Corrupt`.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>>;

    /// Keys with their heads, a page at a time.
    ///
    /// # Errors
    /// `Unavailable`; `Invalid` for a cursor that this storage did not give.
    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>>;

    /// The ids that queues remember, a page at a time; also those whose entries are gone.
    ///
    /// # Errors
    /// `Unavailable`; `Invalid` for a cursor that this storage did not give; `Corrupt`.
    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>>;

    /// Resolves once the etag of `key` is no longer `seen`, with the head it has then (`None`: absent, also by
    /// expiry). May wake early, never misses.
    ///
    /// # Errors
    /// `Unavailable`.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>>;

    /// Where a batch may reach, what survives what, and the limits.
    fn properties(&self) -> Properties;
}

/// What a storage promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// The engine and where it keeps things, fit to be printed: no password.
    pub name: String,
    /// Where a batch may reach.
    pub scope: Scope,
    /// What committed batches survive.
    pub durability: Durability,
    /// What it accepts.
    pub limits: Limits,
}

/// Where one batch may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole store.
    Store,
    /// One shard; a batch over two is `Invalid`.
    Shard,
}

/// What committed batches survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durability {
    /// The death of this process, by `kill -9` too.
    pub process_kill: bool,
    /// A power loss, if the disk honours a flush.
    pub power_loss: bool,
    /// The loss of the machine, by failing over to another.
    pub failover: bool,
}

impl Durability {
    /// Nothing is kept when the process ends.
    pub const NONE: Self = Self { process_kill: false, power_loss: false, failover: false };
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |survives| if survives { "yes" } else { "no" };
        write!(
            f,
            "survives a process kill: {}, a power loss: {}, a failover: {}",
            word(self.process_kill),
            word(self.power_loss),
            word(self.failover)
        )
    }
}

/// What can be given where a storage is wanted: a storage, or one that is already shared.
pub trait IntoStorage {
    /// The storage, shared.
    fn into_storage(self) -> Arc<dyn Storage>;
}

impl<T: Storage> IntoStorage for T {
    fn into_storage(self) -> Arc<dyn Storage> {
        Arc::new(self)
    }
}

impl<T: Storage> IntoStorage for Arc<T> {
    fn into_storage(self) -> Arc<dyn Storage> {
        self
    }
}

impl IntoStorage for Arc<dyn Storage> {
    fn into_storage(self) -> Arc<dyn Storage> {
        self
    }
}
