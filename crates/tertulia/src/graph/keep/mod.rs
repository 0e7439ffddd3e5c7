//! Where the checkpoints of runs go.

mod chain;
mod custom;
mod found;
mod limited;
mod line;
mod loose;
mod shelf;
mod stored;

pub(super) use chain::Chain;
pub(super) use custom::{Custom, CustomRun};
pub(super) use found::Found;
pub(super) use limited::Limited;
pub(super) use line::Line;
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
    /// To a persister.
    Custom(CustomRun),
}

impl Kept {
    /// The number that the next checkpoint gets.
    pub(super) fn next(&self) -> u64 {
        match self {
            Self::Loose(loose) => loose.next(),
            Self::Stored(stored) => stored.next(),
            Self::Custom(run) => run.next(),
        }
    }

    /// The number that the run was begun with; 0 if it is not kept.
    pub(super) fn birth(&self) -> u64 {
        match self {
            Self::Loose(_) => 0,
            Self::Stored(stored) => stored.birth(),
            Self::Custom(run) => run.birth(),
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
            Self::Stored(stored) => stored.write(track, before, entry, change).await,
            Self::Custom(run) => {
                if let Some(before) = before {
                    // Of both, this one may be stored alone: it is true without the other.
                    run.write(track, before, None).await?;
                }
                run.write(track, entry, change).await
            }
        }
    }

    /// What became of what is queued: its error, if it failed.
    pub(super) fn look(&self) -> Result<()> {
        match self {
            Self::Loose(_) => Ok(()),
            Self::Stored(stored) => stored.look(),
            Self::Custom(run) => run.look(),
        }
    }

    /// Waits until what is queued is stored.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub(super) async fn settled(&self) -> Result<()> {
        match self {
            Self::Loose(_) => Ok(()),
            Self::Stored(stored) => stored.settled().await,
            Self::Custom(run) => run.settled().await,
        }
    }
}
