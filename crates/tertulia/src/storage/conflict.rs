//! The particulars of a `Conflict` and of a `Gone`, found with `Error::detail`.

use std::fmt;

use super::{CommitId, Head, Offset};
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
