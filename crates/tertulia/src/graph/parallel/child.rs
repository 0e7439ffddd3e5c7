//! A child: what it is told, and what it has come to.

use std::fmt;

use crate::Result;
use crate::graph::{Graph, Inputs, Reason, RunId, Until};

/// A run that a step runs as a part of itself.
pub struct Child<C> {
    pub(super) state: C,
    pub(super) inputs: Inputs,
    pub(super) until: Until,
    pub(super) name: Option<String>,
    pub(super) graph: Option<Graph<C>>,
}

impl<C> Child<C> {
    /// One that begins with this state, and runs to the end of its graph.
    pub fn new(state: C) -> Self {
        Self { state, inputs: Inputs::new(), until: Until::end(), name: None, graph: None }
    }

    /// What the actions of its steps are given.
    #[must_use]
    pub fn inputs(mut self, inputs: Inputs) -> Self {
        self.inputs = inputs;
        self
    }

    /// How far it runs; a limit of steps that is given counts those of all tries. One that halts before its end has ended
    /// well, see [`ChildResult::reason`].
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.until = until;
        self
    }

    /// Is known by this name, and not by its place: when the step is tried again it is found by it. At most 64 bytes, without
    /// `/` and control characters, and another than its siblings'.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Runs this graph, and not the one that was given to [`parallel`](crate::graph::parallel).
    #[must_use]
    pub fn through(mut self, graph: &Graph<C>) -> Self {
        self.graph = Some(graph.clone());
        self
    }
}

impl<C> fmt::Debug for Child<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Child");
        debug.field("inputs", &self.inputs).field("until", &self.until).field("name", &self.name);
        debug.finish_non_exhaustive()
    }
}

/// What a child has come to. The results of its actions are not told, only its state: they are not stored, and a child that
/// was at its end when the step is tried again would have none.
#[derive(Debug)]
#[non_exhaustive]
pub struct ChildResult<C> {
    /// Its place among the children.
    pub index: usize,
    /// The name that it was given.
    pub name: Option<String>,
    /// Which run it is.
    pub run: RunId,
    /// Why it halted; `None` if it failed.
    pub reason: Option<Reason>,
    /// Its state with whole histories, or what it failed with, which is never so with [`Policy::FailFast`](crate::graph::Policy::FailFast).
    pub state: Result<C>,
}
