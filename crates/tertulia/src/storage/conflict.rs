//! The particulars of a `Conflict`, of a `Gone`, and of an `Unavailable` over a queue, found with `Error::detail`.

use std::fmt;

use super::{CommitId, Head, Limits, Offset};
use crate::error::Kind;
use crate::{Error, Key};

/// Every expectation of a batch that failed. Nothing of the batch was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// All of them, so that a caller can tell an update that somebody else finished from a session that moved.
    pub failed: Vec<Mismatch>,
}

/// An expectation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The log or queue.
    pub key: Key,
    /// Its head now; `None` if it does not exist.
    pub head: Option<Head>,
    /// The entry, where a queue's entry was expected.
    pub offset: Option<Offset>,
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        let text = conflict.to_string();
        Self::new(Kind::Conflict, text).with_source(conflict)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Mismatch { key, offset, .. }) in self.failed.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match offset {
                Some(offset) => write!(f, "entry {offset} of {key} is gone or was replaced")?,
                None => write!(f, "{key} changed")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Conflict {}

/// Where a log begins now, when a reader asked for what is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The present incarnation.
    pub incarnation: CommitId,
    /// Its first entry.
    pub start: Offset,
}

impl Gone {
    /// The error for a reader of `key` at `offset` of `incarnation`.
    pub fn error(self, key: &Key, incarnation: CommitId, offset: Offset) -> Error {
        let text = if incarnation == self.incarnation {
            format!("{key}: entry {offset} is gone, the log begins at {}", self.start)
        } else {
            format!("{key}: the log was made anew, a cursor of incarnation {incarnation} no longer fits")
        };
        Error::new(Kind::Gone, text).with_source(self)
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "incarnation {} begins at {}", self.incarnation, self.start)
    }
}

impl std::error::Error for Gone {}

/// A queue that has no room for what a batch would append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// The queue.
    pub key: Key,
    /// How many entries it would hold.
    pub entries: u64,
    /// How many bytes they would have.
    pub bytes: u64,
}

impl Full {
    /// The error that says so, with what is allowed.
    pub fn error(self, limits: &Limits) -> Error {
        let text = format!("{self}, at most {} and {} are allowed", limits.queue_entries, limits.queue_bytes);
        Error::unavailable(text).with_source(self)
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, entries, bytes } = self;
        write!(f, "{key} is full: it would hold {entries} entries and {bytes} bytes")
    }
}

impl std::error::Error for Full {}
