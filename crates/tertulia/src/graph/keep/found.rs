//! A state of a run as it was read, from wherever.

use std::sync::Arc;

use super::{Chain, Custom, CustomRun, Kept, Shelf, Stored};
use crate::Result;
use crate::graph::{Parent, Position, RunId, Saved, Status};

/// A state of a run as it was read.
#[derive(Debug)]
pub(in crate::graph) enum Found {
    /// From its log.
    Log(Chain),
    /// From a persister.
    Saved(Arc<Custom>, Saved),
}

impl Found {
    /// The name of its graph.
    pub(in crate::graph) fn graph(&self) -> &str {
        match self {
            Self::Log(chain) => &chain.graph,
            Self::Saved(_, saved) => &saved.graph,
        }
    }

    /// What the run was forked from.
    pub(in crate::graph) fn parent(&self) -> Option<&Parent> {
        match self {
            Self::Log(chain) => chain.parent.as_ref(),
            Self::Saved(_, saved) => saved.parent.as_ref(),
        }
    }

    /// The checkpoint; `None` for the beginning.
    pub(in crate::graph) fn seq(&self) -> Option<u64> {
        match self {
            Self::Log(chain) => chain.seq,
            Self::Saved(_, saved) => saved.seq,
        }
    }

    /// What made it.
    pub(in crate::graph) fn status(&self) -> Option<Status> {
        match self {
            Self::Log(chain) => chain.status,
            Self::Saved(_, saved) => saved.status,
        }
    }

    /// Where it goes on.
    pub(in crate::graph) fn position(&self) -> &Position {
        match self {
            Self::Log(chain) => &chain.position,
            Self::Saved(_, saved) => &saved.position,
        }
    }

    /// What it was part of; empty if nothing.
    pub(in crate::graph) fn cause(&self) -> &str {
        match self {
            Self::Log(chain) => &chain.cause,
            Self::Saved(_, saved) => saved.cause.as_deref().unwrap_or_default(),
        }
    }

    /// What the last completed steps said that are part of the same thing; a persister is not told of it.
    pub(in crate::graph) fn said(&self) -> &[String] {
        match self {
            Self::Log(chain) => &chain.said,
            Self::Saved(..) => &[],
        }
    }

    /// The first checkpoint of the step that failed or was given up, if the run stands there and this is its last.
    ///
    /// # Errors
    /// What is read of it may fail.
    pub(in crate::graph) async fn unfinished(&self, shelf: &Shelf, id: &RunId) -> Result<Option<u64>> {
        match self {
            Self::Log(chain) => {
                let last = chain.head.end.0.checked_sub(1);
                Ok(chain.unfinished.filter(|_| chain.seq == last))
            }
            Self::Saved(custom, saved) if saved.seq == saved.last => {
                let stands_there = matches!(saved.status, Some(Status::Failed | Status::Cancelled));
                let seq = saved.seq.filter(|_| stands_there);
                custom.unfinished(shelf, id, seq).await
            }
            Self::Saved(..) => Ok(None),
        }
    }

    /// The number that the next log inside the state gets.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::graph) fn next_log(&self) -> Result<u64> {
        match self {
            Self::Log(chain) => chain.next_log(),
            Self::Saved(..) => Ok(1),
        }
    }

    /// Where the run goes on being written.
    ///
    /// # Errors
    /// `Invalid` if the run's name is none.
    pub(in crate::graph) fn kept(&self, shelf: &Arc<Shelf>, id: &Arc<RunId>) -> Result<Kept> {
        match self {
            Self::Log(chain) => Stored::of(shelf, id, chain).map(Kept::Stored),
            Self::Saved(custom, saved) => Ok(Kept::Custom(CustomRun::of(shelf, custom, id, saved))),
        }
    }
}
