//! The connections that read, and reading on them.

mod list;
mod page;
mod seen;

use std::collections::HashMap;
use std::path::PathBuf;

use parking_lot::Mutex;
use rusqlite::Connection;
use tertulia::storage::{Head, ListQuery, Listing, Page, Read, SeenPage, SeenQuery};
use tertulia::{Error, Key, Name, Result, Timestamp};
use tokio::sync::Semaphore;

use crate::error::failed;
use crate::schema::open_reader;

/// The most bytes that are read on the thread that asks; more is left to a thread that may wait for the disk.
const INLINE_BYTES: usize = 64 << 10;
/// The most reads of one call on the thread that asks.
const INLINE_READS: usize = 64;

/// Connections that are not in use. One is taken for each call, and opened if there is none.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    /// Bytes of pages that each keeps.
    cache: usize,
    /// How many are kept.
    keep: usize,
    idle: Mutex<Vec<Reader>>,
    /// Bounds the threads that read long pages and lists.
    pub(crate) threads: Semaphore,
}

/// A connection that reads.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    /// What it has read of the table `spaces`, whose rows never change.
    spaces: HashMap<i64, Name>,
}

/// Why a read was not answered.
enum Halt {
    /// It is too much for the thread that asks.
    Large,
    /// Its own error, which does not touch the other reads.
    One(Error),
    /// The engine's error.
    All(Error),
}

impl Readers {
    pub(crate) fn new(path: PathBuf, cache: usize, keep: usize) -> Self {
        let threads = Semaphore::new(keep.max(1));
        Self { path, cache, keep, idle: Mutex::default(), threads }
    }

    /// Runs `work` on a connection, as one view of the database.
    ///
    /// # Errors
    /// `Unavailable` if no connection can be opened, and what `work` gives.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Reader) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Reader { connection: open_reader(&self.path, self.cache)?, spaces: HashMap::new() },
        };
        let result = reader.view(work);
        // A connection whose transaction would not end is not used again.
        if reader.connection.is_autocommit() {
            let mut idle = self.idle.lock();
            if idle.len() < self.keep {
                idle.push(reader);
            }
        }
        result
    }

    /// Closes the connections that are not in use.
    pub(crate) fn close(&self) {
        self.idle.lock().clear();
    }
}

impl Reader {
    fn view<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let run = |connection: &Connection, sql| {
            let done = connection.prepare_cached(sql).and_then(|mut statement| statement.execute(()));
            done.map_err(|cause| failed("cannot read", cause))
        };
        run(&self.connection, "BEGIN")?;
        let result = work(self);
        run(&self.connection, "COMMIT")?;
        result
    }

    /// Answers all reads, or `None` if that is too much for the thread that asks.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` if it is not one read's own.
    pub(crate) fn pages(
        &mut self,
        reads: &[Read],
        now: Timestamp,
        inline: bool,
    ) -> Result<Option<Vec<Result<Option<Page>>>>> {
        if inline && reads.len() > INLINE_READS {
            return Ok(None);
        }
        let mut budget = if inline { INLINE_BYTES } else { usize::MAX };
        let mut pages = Vec::with_capacity(reads.len());
        for read in reads {
            pages.push(match self.page(read, now, &mut budget) {
                Ok(page) => Ok(page),
                Err(Halt::One(error)) => Err(error),
                Err(Halt::Large) => return Ok(None),
                Err(Halt::All(error)) => return Err(error),
            });
        }
        Ok(Some(pages))
    }

    /// The head of a log or queue.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub(crate) fn head(&mut self, key: &Key, now: Timestamp) -> Result<Option<Head>> {
        match self.page(&Read::head(key.clone()), now, &mut 0) {
            Ok(page) => Ok(page.map(|page| page.head())),
            Err(Halt::One(error) | Halt::All(error)) => Err(error),
            Err(Halt::Large) => Err(Error::internal("a head was too much to read")),
        }
    }

    /// A page of keys.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`, `Invalid` for a foreign cursor.
    pub(crate) fn list(&self, query: &ListQuery, now: Timestamp) -> Result<Listing> {
        list::list(&self.connection, query, now)
    }

    /// A page of ids.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`, `Invalid` for a foreign cursor.
    pub(crate) fn seen(&self, query: &SeenQuery, now: Timestamp) -> Result<SeenPage> {
        seen::seen(&self.connection, query, now)
    }
}

impl From<rusqlite::Error> for Halt {
    fn from(cause: rusqlite::Error) -> Self {
        Self::All(failed("cannot read", cause))
    }
}

/// Takes `bytes` from what may still be read.
fn spend(budget: &mut usize, bytes: u64) -> Result<(), Halt> {
    let left = usize::try_from(bytes).ok().and_then(|bytes| budget.checked_sub(bytes));
    *budget = left.ok_or(Halt::Large)?;
    Ok(())
}
