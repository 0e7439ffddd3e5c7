//! Counts what became of calls.

use std::sync::atomic::{AtomicU64, Ordering};

/// Written by the sender tasks, read by the handle.
#[derive(Debug, Default)]
pub(in crate::runner) struct Stats {
    pub(super) made: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) dead: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) joined: AtomicU64,
    pub(super) put_off: AtomicU64,
}

/// What became of the calls of a runner since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallStats {
    /// Calls that were made.
    pub made: u64,
    /// Tries of calls that may have been made before: found in the outbox of an earlier process, or made again since
    /// an answer was lost. Nothing else can be there twice, so this is the most that is.
    pub repeated: u64,
    /// Calls that went to `dead`, the unknown ones included.
    pub dead: u64,
    /// Calls that are made at most once and went to `dead` since nobody knows whether they were.
    pub unknown: u64,
    /// Calls that were dropped unsent, since a newer one overwrites what they would have written.
    pub joined: u64,
    /// How often a conversation was put off: its platform could not be reached or asked to wait.
    pub put_off: u64,
}

impl Stats {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::runner) fn read(&self) -> CallStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallStats {
            made: read(&self.made),
            repeated: read(&self.repeated),
            dead: read(&self.dead),
            unknown: read(&self.unknown),
            joined: read(&self.joined),
            put_off: read(&self.put_off),
        }
    }
}
