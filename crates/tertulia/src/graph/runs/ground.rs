//! Where runs are kept, whatever graph they are of.

use std::sync::Arc;

use super::{Home, Inner, Options, Runs};
use crate::graph::keep::Shelf;
use crate::graph::{Graph, RunId};
use crate::session::State;
use crate::storage::Memory;
use crate::{Clock, Result};

/// Where runs are kept, and how.
#[derive(Clone)]
pub(in crate::graph) struct Ground {
    shelf: Arc<Shelf>,
    options: Options,
    home: Home,
}

/// What has a ground, for those who know nothing of its states.
pub(in crate::graph) trait Grounded: Send + Sync {
    fn ground(&self) -> Ground;
}

impl<S: State> Grounded for Runs<S> {
    fn ground(&self) -> Ground {
        let Inner { shelf, options, home, .. } = &*self.0;
        Ground { shelf: Arc::clone(shelf), options: options.clone(), home: home.clone() }
    }
}

impl Ground {
    /// That of runs that are not kept.
    pub(in crate::graph) fn nowhere() -> Self {
        let shelf = Arc::new(Shelf::new(Arc::new(Memory::new()), Clock::system()));
        Self { shelf, options: Options::default(), home: Home::Nowhere }
    }

    /// Whether runs of both are written by the same batches and queues.
    pub(in crate::graph) fn joins(&self, other: &Self) -> bool {
        matches!(self.home, Home::Storage(_)) && Arc::ptr_eq(&self.shelf, &other.shelf)
    }

    /// What of it is asynchronous, and is no storage, which any program can wait for.
    pub(in crate::graph) fn awaits(&self) -> Option<&str> {
        match &self.home {
            Home::Custom(custom) => custom.persister.awaits.as_deref(),
            Home::Nowhere | Home::Storage(_) => None,
        }
    }

    /// Waits until what is queued of a run is stored, and perhaps more of its conversation.
    pub(in crate::graph) async fn flush(&self, id: &RunId) -> Result<()> {
        if let Some(behind) = &self.shelf.behind {
            return behind.flush(id.conversation()).await;
        }
        match &self.home {
            Home::Custom(custom) => match &custom.line {
                Some(line) => line.flush(id).await,
                None => Ok(()),
            },
            Home::Nowhere | Home::Storage(_) => Ok(()),
        }
    }

    /// Runs of this graph that are kept there.
    pub(in crate::graph) fn runs<C: State>(self, graph: &Graph<C>) -> Runs<C> {
        let Self { shelf, options, home } = self;
        Runs(Arc::new(Inner { graph: graph.clone(), shelf, options, home }))
    }
}
