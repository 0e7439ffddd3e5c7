//! Puts a graph together.

mod access;
mod assemble;
mod blocking;
mod check;

use std::fmt;
use std::sync::Arc;

use super::action::IntoAction;
use super::hook::{AsyncHook, Hook, Point};
use super::parts::Values;
use super::{Condition, Definition, Graph, Names};
use crate::session;
use crate::storage::BoxFuture;
use crate::{Error, Result};

/// A graph that is not built yet.
#[must_use = "a graph is nothing until it is built"]
pub struct Builder<S> {
    name: String,
    actions: Vec<(String, Definition<S>)>,
    transitions: Vec<Transition<S>>,
    entrypoint: Option<String>,
    data: Values,
    /// What gives values that are awaited, with their types.
    coming: Vec<(&'static str, Coming)>,
    hooks: Vec<Hook>,
    async_hooks: Vec<AsyncHook>,
}

struct Transition<S> {
    from: String,
    to: String,
    condition: Option<Arc<Condition<S>>>,
}

/// Puts a value that is awaited among the others.
type Coming = BoxFuture<'static, anyhow::Result<Box<dyn FnOnce(&mut Values) + Send>>>;

impl<S: session::State> Builder<S> {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            actions: Vec::new(),
            transitions: Vec::new(),
            entrypoint: None,
            data: Values::default(),
            coming: Vec::new(),
            hooks: Vec::new(),
            async_hooks: Vec::new(),
        }
    }

    /// Adds an action. Its name is of 1 to 128 bytes, without control characters, and does not begin with `@`.
    pub fn action<M>(mut self, name: impl Into<String>, action: impl IntoAction<S, M>) -> Self {
        self.actions.push((name.into(), action.into_action()));
        self
    }

    /// Adds a transition that is always taken. Those of an action are tried in the order in which they were added, and the
    /// first that holds is taken; if none does, or there is none, the run has come to its end.
    pub fn transition(self, from: impl Names, to: impl Into<String>) -> Self {
        self.transitions(from, to.into(), None)
    }

    /// Adds a transition that is taken when `condition` holds: a test of a [field](super::field), or
    /// [of the state](super::when).
    pub fn transition_when(self, from: impl Names, to: impl Into<String>, condition: Condition<S>) -> Self {
        self.transitions(from, to.into(), Some(Arc::new(condition)))
    }

    fn transitions(mut self, from: impl Names, to: String, condition: Option<Arc<Condition<S>>>) -> Self {
        let new = from.names().into_iter();
        self.transitions.extend(new.map(|from| Transition {
            from,
            to: to.clone(),
            condition: condition.clone(),
        }));
        self
    }

    /// The action that a run begins with.
    pub fn entrypoint(mut self, action: impl Into<String>) -> Self {
        self.entrypoint = Some(action.into());
        self
    }

    /// Gives actions a value to share, taken as [`Data<T>`](super::Data).
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data.insert(Arc::new(value));
        self
    }

    /// As [`data`](Self::data), with a value that [`build`](Self::build) waits for, such as a pool of connections.
    pub fn data_from<T: Send + Sync + 'static>(
        mut self,
        value: impl Future<Output = super::Result<T>> + Send + 'static,
    ) -> Self {
        let coming: Coming = Box::pin(async move {
            let value = Arc::new(value.await?);
            Ok(Box::new(move |data: &mut Values| data.insert(value)) as Box<dyn FnOnce(&mut Values) + Send>)
        });
        self.coming.push((std::any::type_name::<T>(), coming));
        self
    }

    /// Calls `hook` at each point in the life of each run.
    pub fn hook(mut self, hook: impl Fn(&Point<'_>) -> super::Result + Send + Sync + 'static) -> Self {
        self.hooks.push(Arc::new(hook));
        self
    }

    /// Calls `hook` at each point in the life of each run, and waits for it.
    ///
    /// ```
    /// # use tertulia::graph::{Builder, Point};
    /// # fn with_hook(builder: Builder<()>) -> Builder<()> {
    /// builder.hook_async(|point: &Point<'_>| {
    ///     Box::pin(async move {
    ///         if let Point::StepStarted { step, .. } = point {
    ///             println!("{step:?}");
    ///         }
    ///         Ok(())
    ///     })
    /// })
    /// # }
    /// ```
    pub fn hook_async<H>(mut self, hook: H) -> Self
    where
        H: for<'a> Fn(&'a Point<'a>) -> BoxFuture<'a, super::Result> + Send + Sync + 'static,
    {
        self.async_hooks.push(Arc::new(hook));
        self
    }

    /// Checks the graph, waits for values that are awaited, and gives what can be run.
    ///
    /// # Errors
    /// `Invalid` with all that is wrong with it; `Unavailable` if a value that was awaited could not be had.
    ///
    /// # Cancel safety
    /// If dropped, there is no graph.
    pub async fn build(mut self) -> Result<Graph<S>> {
        for (_, value) in std::mem::take(&mut self.coming) {
            let failed = |error: anyhow::Error| {
                Error::unavailable(format!("graph `{}` cannot be built: {error:#}", self.name))
                    .with_source(error)
            };
            value.await.map_err(failed)?(&mut self.data);
        }
        let faults = check::faults(&self);
        self.assemble(&faults).map(Graph::of)
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
