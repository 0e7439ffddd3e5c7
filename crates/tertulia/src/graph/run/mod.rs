//! A run of a graph.

mod act;
mod call;
mod child;
mod core;
mod follow;
mod says;
mod turn;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

pub use self::act::Stepped;
pub use self::call::Steps;
pub(super) use self::child::Legacy;
pub(super) use self::core::Core;
pub use self::follow::Items;
use super::parts::Values;
use super::{Halted, Inputs, Parent, Position, RunId, Sink, Status, Until, Which};
use crate::session::State;
use crate::storage::{Head, LogWrite};
use crate::{Error, Result};

/// A run of a graph: a state, where it stands among the actions, and a checkpoint for each step.
///
/// Cheap to clone; clones are one run. Its calls take turns, so that steps never run at once, however many ask for them.
///
/// # Cancel safety
/// A call that is dropped while an action runs gives the step up: the state is as before it, nothing of it is stored, and the
/// next call begins with the same action. That it was given up is noted with the next checkpoint.
pub struct Run<S: State>(Arc<Inner<S>>);

struct Inner<S: State> {
    id: Arc<RunId>,
    core: Mutex<Core<S>>,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The checkpoint that its state is of; `None` at its beginning.
    pub seq: Option<u64>,
    /// What made that; `None` at its beginning.
    pub status: Option<Status>,
    /// Where it goes on.
    pub position: Position,
    /// The action that comes next; `None` at the end.
    pub next: Option<String>,
    /// What it was forked from.
    pub parent: Option<Parent>,
    /// What its last step was part of.
    pub cause: Option<String>,
}

impl<S: State> Run<S> {
    pub(super) fn new(id: Arc<RunId>, core: Core<S>) -> Self {
        Self(Arc::new(Inner { id, core: Mutex::new(core) }))
    }

    /// Which run it is.
    pub fn id(&self) -> &RunId {
        &self.0.id
    }

    /// Runs the next action; `None` if the run is at its end.
    ///
    /// # Errors
    /// What the action fails with: `Failed`, `Timeout`, or the kind of the library's error that it returned; that is recorded,
    /// and the next step runs it again. `Invalid` for inputs that no action takes or that do not fit it, and for what
    /// it may not write. `Conflict` with [`Moved`](super::Moved) if somebody else has written the run: then it has to be
    /// [loaded again](Self::reload). What the storage gives, with the state as it was before the step; after `Unknown` and
    /// `Timeout` of the storage it is read again by the next call. What a hook fails with, when all is done and stored.
    pub async fn step(&self, inputs: Inputs) -> Result<Option<Stepped>> {
        self.lock().await.one(&inputs).await
    }

    /// Runs action after action.
    ///
    /// # Errors
    /// As [`step`](Self::step); `Invalid` if `until` names what the graph has not.
    pub async fn run(&self, until: Until, inputs: Inputs) -> Result<Halted> {
        self.lock().await.run(&until, &inputs).await
    }

    /// The same, step by step: `while let Some(stepped) = steps.next().await? { .. }`. Other calls wait until what is given is
    /// dropped.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn iterate(&self, until: Until, inputs: Inputs) -> Result<Steps<'_, S>> {
        Steps::new(self.lock().await, until, inputs).await
    }

    /// The same, with all that its actions say on the way: `while let Some(item) = items.next().await? { .. }`. Nothing runs
    /// unless the next item is asked for; dropped, it gives up the step that is under way.
    pub fn stream_result(&self, until: Until, inputs: Inputs) -> Items<'_, S> {
        Items::new(self, until, inputs)
    }

    /// The state, as of the last step. Calls wait until what is given is dropped.
    ///
    /// # Errors
    /// What queued checkpoints failed with, or reading the run again after that.
    pub async fn state(&self) -> Result<Value<'_, S>> {
        let mut core = self.lock().await;
        core.fresh().await?;
        core.value()?;
        Ok(Value(core))
    }

    /// How it stands.
    ///
    /// # Errors
    /// As [`state`](Self::state); `Invalid` if a condition cannot be judged.
    pub async fn standing(&self) -> Result<Standing> {
        let mut core = self.lock().await;
        core.fresh().await?;
        let next = core.next()?.map(|node| core.name(node).to_string());
        let cause = (!core.last_cause.is_empty()).then(|| core.last_cause.clone());
        let (seq, status, parent) = (core.seq, core.status, core.parent.clone());
        Ok(Standing { seq, status, position: core.position(), next, parent, cause })
    }

    /// Changes the state from outside, as a checkpoint of its own. Where the run stands does not change.
    ///
    /// # Errors
    /// `Invalid` if the state cannot be stored; as [`step`](Self::step).
    pub async fn update_state(&self, change: impl FnOnce(&mut S)) -> Result<u64> {
        self.lock().await.update(change).await
    }

    /// Has it begin at the entrypoint again, with the state it has.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn reset(&self) -> Result<u64> {
        self.lock().await.reset().await
    }

    /// Goes back to a checkpoint; `None` is the run's beginning. The next step begins a branch there. Nothing is deleted:
    /// what came after it can be gone back to in the same way.
    ///
    /// # Errors
    /// `Invalid` if there is no such checkpoint, `Gone` if it was pruned.
    pub async fn rewind(&self, seq: impl Into<Option<u64>>) -> Result<()> {
        let which = seq.into().map_or(Which::Beginning, Which::At);
        let mut core = self.lock().await;
        core.fresh().await?;
        core.go_back(which).await
    }

    /// Reads it again as it is stored: the latest checkpoint, on whatever branch.
    ///
    /// # Errors
    /// `Gone` if it was deleted; what the storage gives.
    pub async fn reload(&self) -> Result<()> {
        self.lock().await.reload(Which::Latest).await
    }

    /// Waits until all its checkpoints are stored, that of a step which was given up as well.
    ///
    /// # Errors
    /// What they failed with; the run is what is stored then.
    pub async fn flush(&self) -> Result<()> {
        self.lock().await.flush().await
    }

    /// From now on what its actions say goes there too.
    pub async fn say_to(&self, sink: impl Sink) {
        self.lock().await.say_to(Some(Arc::new(sink)));
    }

    /// Gives its actions a value, which they take as [`Given`](super::Given).
    pub async fn give<T: Send + Sync + 'static>(&self, value: T) {
        self.lock().await.given.insert(Arc::new(value));
    }

    /// Has it be part of something whose end the caller commits, with the last checkpoint. Whether some of that is committed
    /// already, by somebody who did not come to its end.
    pub(crate) async fn join<T: Send + Sync + 'static>(&self, cause: String, given: T) -> bool {
        let mut values = Values::default();
        values.insert(Arc::new(given));
        self.lock().await.join(cause, values)
    }

    /// The writes of the checkpoint that is held back.
    ///
    /// # Errors
    /// `Invalid` if a call is under way.
    pub(crate) fn held(&self) -> Result<Vec<LogWrite>> {
        match self.0.core.try_lock() {
            Ok(core) => Ok(core.held()),
            Err(_) => Err(Error::invalid(format!("a call of {} outlived its handler", self.0.id))),
        }
    }

    /// What it expects of the run.
    pub(crate) fn checks(&self) -> Vec<LogWrite> {
        self.0.core.try_lock().map(|core| core.checks()).unwrap_or_default()
    }

    /// The checkpoint that was held back was committed.
    pub(crate) fn held_committed(&self, heads: &[Option<Head>]) {
        if let Ok(mut core) = self.0.core.try_lock()
            && let Err(error) = core.held_committed(heads)
        {
            tracing::warn!(run = %self.0.id, %error, "after the turn was committed");
        }
    }

    /// Whether somebody else has written it.
    pub(crate) fn is_outdated(&self) -> bool {
        self.0.core.try_lock().is_ok_and(|core| core.outdated.is_some())
    }

    async fn lock(&self) -> MutexGuard<'_, Core<S>> {
        self.0.core.lock().await
    }
}

impl<S: State> Clone for Run<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: State> fmt::Debug for Run<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("id", &self.0.id).finish_non_exhaustive()
    }
}

/// The state of a run, to be read.
pub struct Value<'a, S: State>(MutexGuard<'a, Core<S>>);

impl<S: State> Deref for Value<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.0.value.as_deref().expect("it was there when this was given")
    }
}

impl<S: State + fmt::Debug> fmt::Debug for Value<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&**self).finish()
    }
}

#[cfg(test)]
mod tests;
