//! A persister of runs that fails, delays or loses answers by plan, over any other.

use std::sync::Arc;

use tertulia::graph::{
    Awaited, Beginning, Checkpoint, Listed, RunId, Save, Saved, StateLoader, StateSaver, Which, awaited,
};
use tertulia::storage::{BoxFuture, Memory};
use tertulia::{Conversation, Result};

use super::{Call, Fault, Faulty};

/// Forwards every call to the persister under it, unless a fault is planned for it: `create`, `save`, `delete` and `prune`
/// are commits, `load` and `history` reads, `list` lists.
#[derive(Clone, Debug)]
pub struct FaultySaver {
    inner: Arc<dyn StateSaver<Way = Awaited>>,
    plan: Faulty,
}

impl FaultySaver {
    /// A wrapper that fails nothing yet.
    pub fn new(inner: impl StateSaver) -> Self {
        Self { inner: awaited(inner), plan: Faulty::new(Arc::new(Memory::new())) }
    }

    /// Where faults are planned.
    pub fn plan(&self) -> &Faulty {
        &self.plan
    }

    async fn meet<T>(&self, call: Call, inner: impl Future<Output = Result<T>>) -> Result<T> {
        let fault = self.plan.before(call).await?;
        match (inner.await, fault) {
            (Err(error), Some(Fault::LoseAnswer)) => Err(error),
            (answer, fault) => self.plan.after(call, fault, answer).await?,
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl StateLoader for FaultySaver {
    type Way = Awaited;

    fn load<'a>(&'a self, run: &'a RunId, which: Which) -> BoxFuture<'a, Result<Option<Saved>>> {
        Box::pin(self.meet(Call::Read, self.inner.load(run, which)))
    }

    fn history<'a>(
        &'a self,
        run: &'a RunId,
        before: Option<u64>,
        count: usize,
    ) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
        Box::pin(self.meet(Call::Read, self.inner.history(run, before, count)))
    }

    fn list<'a>(&'a self, conversation: &'a Conversation) -> BoxFuture<'a, Result<Vec<Listed>>> {
        Box::pin(self.meet(Call::List, self.inner.list(conversation)))
    }
}

#[deny(clippy::missing_trait_methods)]
impl StateSaver for FaultySaver {
    fn create<'a>(&'a self, beginning: &'a Beginning) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.meet(Call::Commit, self.inner.create(beginning)))
    }

    fn save<'a>(&'a self, save: &'a Save) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.meet(Call::Commit, self.inner.save(save)))
    }

    fn delete<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.meet(Call::Commit, self.inner.delete(run)))
    }

    fn prune<'a>(&'a self, run: &'a RunId, keep: u64) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.meet(Call::Commit, self.inner.prune(run, keep)))
    }
}
