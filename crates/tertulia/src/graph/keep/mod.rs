//! Where the checkpoints of runs go.

mod chain;
mod loose;
mod shelf;
mod stored;

pub(super) use chain::{Chain, Which};
pub(super) use loose::Loose;
pub(super) use shelf::Shelf;
pub(super) use stored::{Entry, Prepared, Stored};

use crate::Result;
use crate::session::track::{Change, Track};

/// Where the checkpoints of one run go.
#[derive(Debug)]
pub(super) enum Kept {
    /// Nowhere.
    Loose(Loose),
    /// To its log.
    Stored(Stored),
}

impl Kept {
    /// The number that the next checkpoint gets.
    pub(super) fn next(&self) -> u64 {
        match self {
            Self::Loose(loose) => loose.next(),
            Self::Stored(stored) => stored.next(),
        }
    }

    /// Writes a checkpoint, after `before`, which changes nothing of the state; gives its number.
    ///
    /// # Errors
    /// `Conflict` with [`Moved`](super::Moved) if somebody else wrote first; what the storage gives.
    pub(super) async fn write(
        &mut self,
        track: &mut Track,
        before: Option<Entry<'_>>,
        entry: Entry<'_>,
        change: Option<Change>,
    ) -> Result<u64> {
        match self {
            Self::Loose(loose) => loose.write(track, change).await,
            Self::Stored(stored) => {
                let prepared = stored.prepare(track, before, entry, change.as_ref());
                stored.write(track, prepared, change).await
            }
        }
    }
}
