//! Counts what reaches a store: its writes, and the bytes of the records as the SQLite store encodes them.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use session_cases::Counted;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    writes: AtomicU64,
    /// `None` where records are not encoded, or time is measured: each is encoded once more for this.
    bytes: Option<AtomicU64>,
}

impl Tally {
    pub(crate) fn of_bytes(counted: bool) -> Self {
        Self { writes: AtomicU64::new(0), bytes: counted.then(|| AtomicU64::new(0)) }
    }

    pub(crate) fn counted(&self) -> Counted {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted { writes: load(&self.writes), bytes: self.bytes.as_ref().map(load) }
    }

    fn write(&self, record: &Record) -> Result<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        if let Some(bytes) = &self.bytes {
            let record = rmp_serde::to_vec(record).map_err(|error| Error::Encode(error.to_string()))?;
            bytes.fetch_add(record.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A store whose writes are counted.
#[derive(Debug)]
pub(crate) struct Counting<St> {
    pub(crate) store: St,
    pub(crate) tally: Tally,
}

#[async_trait]
impl<St: SessionStore + Debug> SessionStore for Counting<St> {
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.tally.write(record)?;
        self.store.create(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.tally.write(record)?;
        self.store.save(record).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        self.store.load(id).await
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.tally.writes.fetch_add(1, Ordering::Relaxed);
        self.store.delete(id).await
    }
}
