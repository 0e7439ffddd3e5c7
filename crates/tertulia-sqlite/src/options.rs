//! How a database is opened.

use std::path::Path;

use tertulia::storage::Limits;
use tertulia::{Clock, Result};

use crate::Sqlite;

/// When SQLite asks the disk to flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Before a commit is acknowledged: what was acknowledged survives a power loss.
    #[default]
    Full,
    /// At checkpoints: what was acknowledged survives the death of the process, and a power loss may take back
    /// the last commits, whole ones.
    Normal,
}

/// Options of [`Sqlite::open`].
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) synchronous: Synchronous,
    pub(crate) writer_cache: usize,
    pub(crate) reader_cache: usize,
    pub(crate) readers: usize,
    pub(crate) heads: usize,
    pub(crate) max_bytes: Option<u64>,
}

impl SqliteOptions {
    /// The machine's clock, the usual limits, [`Synchronous::Full`].
    pub fn new() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            clock: Clock::system(),
            limits: Limits::default(),
            synchronous: Synchronous::Full,
            writer_cache: 64 * MIB,
            reader_cache: 8 * MIB,
            readers: 4,
            heads: 65_536,
            max_bytes: None,
        }
    }

    /// Reads time from this clock. Deadlines stand in the file, so every program that opens it should agree on
    /// the time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Accepts up to these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// When to flush.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Bytes of pages that the writer keeps in memory: 64 MiB unless told otherwise.
    #[must_use]
    pub fn writer_cache(mut self, bytes: usize) -> Self {
        self.writer_cache = bytes;
        self
    }

    /// Bytes of pages that each reader keeps in memory: 8 MiB unless told otherwise.
    #[must_use]
    pub fn reader_cache(mut self, bytes: usize) -> Self {
        self.reader_cache = bytes;
        self
    }

    /// How many connections for reading are kept open: 4 unless told otherwise. More are opened while needed.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers;
        self
    }

    /// How many heads of logs and queues the writer keeps in memory, about 250 bytes each: 65,536 unless told
    /// otherwise.
    #[must_use]
    pub fn heads(mut self, heads: usize) -> Self {
        self.heads = heads;
        self
    }

    /// The most bytes the database file may have, its write-ahead log aside; a commit that would need more is
    /// `Unavailable`. No bound but the disk unless told otherwise.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Opens the database at `path` for reading and writing, and makes it if it is not there.
    ///
    /// # Errors
    /// `Unavailable` if another process has it open (the text names that process), or the disk is full;
    /// `Invalid` if the directory is missing, access is denied, the file is not a Tertulia database or is of a
    /// newer version; `Corrupt`.
    ///
    /// # Cancel safety
    /// If dropped, the database is opened and closed again in the background.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<Sqlite> {
        Sqlite::open_with(self, path.as_ref()).await
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
