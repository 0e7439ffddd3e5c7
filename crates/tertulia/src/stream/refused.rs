//! The particulars of what a stream refuses, found with `Error::detail`.

use std::fmt;

use super::{Cursor, End, StreamId};
use crate::Error;
use crate::error::Kind;

/// Why a stream did not take what was to be written. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is closed. `Closed`.
    Closed {
        /// Where it ends.
        end: Cursor,
        /// How it ended.
        how: End,
    },
    /// The producer's epoch is older than the one that writes now: another one has taken over. `Conflict`.
    StaleEpoch {
        /// The epoch that writes now.
        current: u64,
    },
    /// The writer belongs to an attempt that another one has superseded. `Conflict`.
    Superseded,
    /// The producer left something out. `Conflict`.
    Gap {
        /// The sequence number that comes next.
        expected: u64,
        /// The one that came.
        received: u64,
    },
    /// A producer's new epoch did not begin at sequence number 0. `Invalid`.
    EpochBegin {
        /// The one it began at.
        received: u64,
    },
    /// The sequence given is not after the last one. `Conflict`.
    Sequence {
        /// The last one.
        last: String,
    },
}

/// Why a reader cannot go on where it was; what it can do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resync {
    /// Where the stream can be read from now.
    pub earliest: Cursor,
    /// What became of the place.
    pub why: Lost,
}

/// What became of a place that a reader asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The entries after it were dropped, because the stream has become too long.
    Trimmed,
    /// The cursor is of another stream, or of an earlier one with this name.
    Foreign,
    /// What the reader had read was superseded or lost, and is being said anew from `earliest`.
    Superseded,
}

impl Refused {
    pub(super) fn error(self, id: &StreamId) -> Error {
        let kind = match self {
            Self::Closed { .. } => Kind::Closed,
            Self::EpochBegin { .. } => Kind::Invalid,
            Self::StaleEpoch { .. } | Self::Superseded | Self::Gap { .. } | Self::Sequence { .. } => {
                Kind::Conflict
            }
        };
        Error::new(kind, format!("stream {id}: {self}")).with_source(self)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { end, how } => write!(f, "it is closed ({how}) at {end}"),
            Self::StaleEpoch { current } => write!(f, "the producer's epoch {current} writes now"),
            Self::Superseded => f.write_str("a later attempt writes now"),
            Self::Gap { expected, received } => {
                write!(f, "the producer's sequence number {expected} comes next, {received} came")
            }
            Self::EpochBegin { received } => {
                write!(f, "a producer's new epoch begins at sequence number 0, {received} came")
            }
            Self::Sequence { last } => {
                write!(f, "the sequence given is not after the last one, `{}`", last.escape_debug())
            }
        }
    }
}

impl std::error::Error for Refused {}

impl Resync {
    pub(super) fn error(self, id: &StreamId) -> Error {
        Error::new(Kind::Gone, format!("stream {id}: {self}")).with_source(self)
    }
}

impl fmt::Display for Resync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Lost::Trimmed => {
                write!(f, "the stream begins at {}, what came before was dropped", self.earliest)
            }
            Lost::Foreign => write!(f, "the cursor is not of this stream, which begins at {}", self.earliest),
            Lost::Superseded => write!(f, "what was read is being said anew, from {}", self.earliest),
        }
    }
}

impl std::error::Error for Resync {}
