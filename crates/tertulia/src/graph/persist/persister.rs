//! What saves runs, and what they are loaded from if that is something else.

use std::sync::Arc;

use super::{Saved, StateLoader, StateSaver, Which};
use crate::graph::{Checkpoint, Listed, RunId};
use crate::storage::BoxFuture;
use crate::{Conversation, Result};

/// Where runs are saved, and where they are loaded from if they are not there yet. Cheap to clone. A [`StateSaver`] alone
/// is one.
#[derive(Clone, Debug)]
pub struct Persister {
    pub(in crate::graph) saver: Arc<dyn StateSaver>,
    pub(in crate::graph) loader: Option<Arc<dyn StateLoader>>,
}

impl Persister {
    /// Saves to this, and loads from it.
    pub fn new(saver: impl StateSaver) -> Self {
        Self { saver: Arc::new(saver), loader: None }
    }

    /// Runs that the saver has not are looked for here too. One that is opened is begun anew where runs are saved, with the
    /// state that is found, and goes on counting checkpoints from there; nothing is ever written here. So a run that is
    /// deleted is found here again.
    #[must_use]
    pub fn loads_from(mut self, loader: impl StateLoader) -> Self {
        self.loader = Some(Arc::new(loader));
        self
    }
}

impl<T: StateSaver> From<T> for Persister {
    fn from(saver: T) -> Self {
        Self::new(saver)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: StateLoader + ?Sized> StateLoader for Arc<T> {
    fn load<'a>(&'a self, run: &'a RunId, which: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
        (**self).load(run, which)
    }

    fn history<'a>(
        &'a self,
        run: &'a RunId,
        before: Option<u64>,
        count: usize,
    ) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
        (**self).history(run, before, count)
    }

    fn list<'a>(&'a self, conversation: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> {
        (**self).list(conversation)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: StateSaver + ?Sized> StateSaver for Arc<T> {
    fn create<'a>(&'a self, beginning: &'a super::Beginning) -> BoxFuture<'a, Result<()>> {
        (**self).create(beginning)
    }

    fn save<'a>(&'a self, save: &'a super::Save) -> BoxFuture<'a, Result<()>> {
        (**self).save(save)
    }

    fn delete<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<bool>> {
        (**self).delete(run)
    }

    fn prune<'a>(&'a self, run: &'a RunId, keep: u64) -> BoxFuture<'a, Result<u64>> {
        (**self).prune(run, keep)
    }
}
