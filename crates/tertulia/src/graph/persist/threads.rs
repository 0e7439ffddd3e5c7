//! A persister whose methods are plain functions, called on threads where they may block.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::{Awaited, Beginning, Save, Saved, StateLoader, StateSaver, Which};
use crate::graph::thread::on_a_thread;
use crate::graph::{Checkpoint, Listed, Plain, RunId};
use crate::storage::BoxFuture;
use crate::{Conversation, Result};

/// Waits for the calls of a plain persister. Those about one run come one after another: one goes on when its caller is
/// gone, and who looks at the run then has to see what became of it.
#[derive(Debug)]
pub(super) struct Threads<P> {
    persister: Arc<P>,
    turns: Arc<Turns>,
}

/// Who is asked about, and the lock that those who ask wait for.
type Turns = Mutex<HashMap<RunId, Arc<tokio::sync::Mutex<()>>>>;

impl<P: StateLoader<Way = Plain>> Threads<P> {
    pub(super) fn new(persister: P) -> Self {
        Self { persister: Arc::new(persister), turns: Arc::default() }
    }

    /// Calls it about a run, when all before it have ended.
    fn about<'a, T: Send + 'static>(
        &'a self,
        run: &'a RunId,
        call: impl FnOnce(&P) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            let (persister, turn) = (Arc::clone(&self.persister), Turn::of(&self.turns, run).await);
            let call = move || {
                let _turn = turn;
                call(&persister)
            };
            on_a_thread(call).await?
        })
    }
}

/// Nobody else asks about this run until it is dropped.
struct Turn {
    /// Let go before the place is left.
    _lock: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place among those who ask about a run. The last one takes its lock away.
struct Place {
    turns: Arc<Turns>,
    run: RunId,
    lock: Option<Arc<tokio::sync::Mutex<()>>>,
}

impl Turn {
    async fn of(turns: &Arc<Turns>, run: &RunId) -> Self {
        let lock = Arc::clone(turns.lock().entry(run.clone()).or_default());
        let _place = Place { turns: Arc::clone(turns), run: run.clone(), lock: Some(Arc::clone(&lock)) };
        Self { _lock: lock.lock_owned().await, _place }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        drop(self.lock.take());
        if turns.get(&self.run).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            turns.remove(&self.run);
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<P: StateLoader<Way = Plain>> StateLoader for Threads<P> {
    type Way = Awaited;

    fn load<'a>(&'a self, run: &'a RunId, which: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
        let id = run.clone();
        self.about(run, move |persister| persister.load(&id, which))
    }

    fn history<'a>(
        &'a self,
        run: &'a RunId,
        before: Option<u64>,
        count: usize,
    ) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
        let id = run.clone();
        self.about(run, move |persister| persister.history(&id, before, count))
    }

    fn list<'a>(&'a self, conversation: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> {
        let (persister, conversation) = (Arc::clone(&self.persister), conversation.clone());
        Box::pin(async move { on_a_thread(move || persister.list(&conversation)).await? })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<P: StateSaver<Way = Plain>> StateSaver for Threads<P> {
    fn create<'a>(&'a self, beginning: &'a Beginning) -> BoxFuture<'a, Result<()>> {
        let (run, beginning) = (&beginning.run, beginning.clone());
        self.about(run, move |persister| persister.create(&beginning))
    }

    fn save<'a>(&'a self, save: &'a Save) -> BoxFuture<'a, Result<()>> {
        let (run, save) = (&save.run, save.clone());
        self.about(run, move |persister| persister.save(&save))
    }

    fn delete<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<bool>> {
        let id = run.clone();
        self.about(run, move |persister| persister.delete(&id))
    }

    fn prune<'a>(&'a self, run: &'a RunId, keep: u64) -> BoxFuture<'a, Result<u64>> {
        let id = run.clone();
        self.about(run, move |persister| persister.prune(&id, keep))
    }
}
