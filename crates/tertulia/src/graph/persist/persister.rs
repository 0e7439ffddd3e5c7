//! What saves runs, and what they are loaded from if that is something else.

use std::any::type_name;
use std::sync::Arc;

use super::way::Erase;
use super::{Awaited, Reply, Saved, StateLoader, StateSaver, Which};
use crate::Conversation;
use crate::graph::{Checkpoint, Listed, RunId};

/// Where runs are saved, and where they are loaded from if they are not there yet. Cheap to clone. A [`StateSaver`] alone
/// is one.
#[derive(Clone, Debug)]
pub struct Persister {
    pub(in crate::graph) saver: Arc<dyn StateSaver<Way = Awaited>>,
    pub(in crate::graph) loader: Option<Arc<dyn StateLoader<Way = Awaited>>>,
    /// What of it is asynchronous, one after another.
    pub(in crate::graph) awaits: Option<String>,
}

impl Persister {
    /// Saves to this, and loads from it.
    pub fn new<P: StateSaver>(saver: P) -> Self {
        let awaits = P::Way::AWAITS.then(|| format!("saver `{}` is asynchronous", type_name::<P>()));
        Self { saver: P::Way::saver(saver), loader: None, awaits }
    }

    /// Runs that the saver has not are looked for here too. One that is opened is begun anew where runs are saved, with the
    /// state that is found, and goes on counting checkpoints from there; nothing is ever written here. So a run that is
    /// deleted is found here again.
    #[must_use]
    pub fn loads_from<P: StateLoader>(mut self, loader: P) -> Self {
        self.loader = Some(P::Way::loader(loader));
        if P::Way::AWAITS {
            let loader = format!("loader `{}` is asynchronous", type_name::<P>());
            self.awaits = Some(self.awaits.map_or(loader.clone(), |saver| format!("{saver}; {loader}")));
        }
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
    type Way = T::Way;

    fn load<'a>(&'a self, run: &'a RunId, which: Which) -> Reply<'a, T, Option<Saved>> {
        (**self).load(run, which)
    }

    fn history<'a>(
        &'a self,
        run: &'a RunId,
        before: Option<u64>,
        count: usize,
    ) -> Reply<'a, T, Vec<Checkpoint>> {
        (**self).history(run, before, count)
    }

    fn list<'a>(&'a self, conversation: &'a Conversation) -> Reply<'a, T, Vec<Listed>> {
        (**self).list(conversation)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: StateSaver + ?Sized> StateSaver for Arc<T> {
    fn create<'a>(&'a self, beginning: &'a super::Beginning) -> Reply<'a, T, ()> {
        (**self).create(beginning)
    }

    fn save<'a>(&'a self, save: &'a super::Save) -> Reply<'a, T, ()> {
        (**self).save(save)
    }

    fn delete<'a>(&'a self, run: &'a RunId) -> Reply<'a, T, bool> {
        (**self).delete(run)
    }

    fn prune<'a>(&'a self, run: &'a RunId, keep: u64) -> Reply<'a, T, u64> {
        (**self).prune(run, keep)
    }
}
