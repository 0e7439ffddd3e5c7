//! A session as it lies in memory: the decoded value beside the bytes that were stored last.

use crate::storage::LogHead;

/// Moves between the cache and a [`Loaded`](super::Loaded) as one pointer.
#[derive(Debug)]
pub(super) struct Entry<S> {
    /// The value.
    pub(super) value: S,
    /// What is stored, as MessagePack; empty if nothing is. The value is compared with it.
    pub(super) shadow: Vec<u8>,
    /// The head of the session's log when `shadow` was read or written; `None` if there was none.
    pub(super) head: Option<LogHead>,
    /// The number that the next new log inside the session gets.
    pub(super) next_log: u64,
}

impl<S> Entry<S> {
    /// About how many bytes it takes: the stored bytes, as much again for the value, and what is constant.
    pub(super) fn cost(&self) -> usize {
        2 * self.shadow.len() + size_of::<Self>()
    }

    /// Whether this one is what was stored before `other`, so that `other` is the better one to keep.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        match (self.head, other.head) {
            (Some(mine), Some(theirs)) => {
                mine.incarnation == theirs.incarnation && mine.etag.version < theirs.etag.version
            }
            (mine, theirs) => mine.is_none() && theirs.is_some(),
        }
    }
}
