//! The limits of a batch and a queue: one table for every storage.

use bytes::Bytes;

use crate::{Error, Key, Result};

/// What a storage accepts. Every storage of this project has the default ones; tests use smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of an entry: 8 MiB.
    pub entry_bytes: usize,
    /// The most bytes of a base: 32 MiB.
    pub base_bytes: usize,
    /// The most bytes of a batch: 64 MiB.
    pub batch_bytes: usize,
    /// The most writes of a batch: 256.
    pub writes: usize,
    /// The most entries of a queue: 1,000,000. An append beyond is `Unavailable`.
    pub queue_entries: u64,
    /// The most bytes of a queue: 256 MiB. An append beyond is `Unavailable`.
    pub queue_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            entry_bytes: 8 * MIB,
            base_bytes: 32 * MIB,
            batch_bytes: 64 * MIB,
            writes: 256,
            queue_entries: 1_000_000,
            queue_bytes: 256 << 20,
        }
    }
}

impl Limits {
    pub(super) fn check_entry(&self, key: &Key, entry: &Bytes) -> Result<()> {
        if entry.len() <= self.entry_bytes {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{key}: entry has {} bytes, at most {} are allowed",
            entry.len(),
            self.entry_bytes
        )))
    }
}
