//! What a library is asked for: to change a session, and to read one.

use std::future::Future;

/// A client of a library that keeps sessions with states of type `S`.
pub trait Keeper<S>: Send + Sync + Sized + 'static {
    /// Another client of the same store, with nothing in common but that.
    fn other(&self) -> impl Future<Output = anyhow::Result<Self>> + Send;

    /// Reads a session, changes it and writes it, as a handler would; one that is not stored is the default.
    fn update(
        &self,
        session: u64,
        change: impl Fn(&mut S) + Send + Sync,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// The same, and lets others go on between reading and writing.
    fn update_slowly(
        &self,
        session: u64,
        change: impl Fn(&mut S) + Send + Sync,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Has a session read by `look`, as a handler that changes nothing.
    fn read(
        &self,
        session: u64,
        look: impl Fn(&S) -> u64 + Send + Sync,
    ) -> impl Future<Output = anyhow::Result<u64>> + Send;

    /// What reached the store until now. Counted only by a client that was opened to count.
    fn counted(&self) -> Counted;
}

/// What reached a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Writes.
    pub writes: u64,
    /// Bytes of the values in them; `None` if values are handed over as they are.
    pub bytes: Option<u64>,
}
