//! A graph as it was built: what can be run.

use std::fmt;
use std::sync::Arc;

use super::action::{ActionOptions, Erased};
use super::build::Builder;
use super::condition::Condition;
use super::dynamic::Rules;
use super::hook::{AsyncHook, Hook};
use super::parts::{Values, View};
use super::{ActionKind, Shape};
use crate::Result;
use crate::session;

/// Actions over a state `S`, and the transitions between them. Cheap to clone.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tertulia::graph::{self, Graph, State};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Counter { count: u32 }
///
/// async fn count(mut state: State<Counter>) -> graph::Result {
///     state.count += 1;
///     Ok(())
/// }
///
/// async fn done(state: State<Counter>) -> graph::Result<u32> {
///     Ok(state.count)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// let graph = Graph::<Counter>::new("counter")
///     .action("count", count)
///     .action("done", done)
///     .transition_when("count", "count", graph::when("less than ten", |s: &Counter| s.count < 10))
///     .transition("count", "done")
///     .entrypoint("count")
///     .build()
///     .await?;
/// assert_eq!(graph.shape().actions.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct Graph<S>(Arc<Inner<S>>);

pub(super) struct Inner<S> {
    pub(super) name: String,
    pub(super) nodes: Vec<Node<S>>,
    pub(super) entry: usize,
    /// Those of each node, in the order in which they are tried.
    pub(super) edges: Vec<Vec<Edge<S>>>,
    pub(super) shape: Shape,
    pub(super) data: Values,
    pub(super) hooks: Vec<Hook>,
    pub(super) async_hooks: Vec<AsyncHook>,
    /// Nothing in it is asynchronous.
    pub(super) blocking: bool,
}

/// An action in its graph.
pub(super) struct Node<S> {
    pub(super) name: Arc<str>,
    /// What it may read and write is what it declared, together with what its arguments are.
    pub(super) options: ActionOptions,
    /// The same, for a state without a type.
    pub(super) rules: Arc<Rules>,
    /// The names of the inputs that it takes.
    pub(super) inputs: Vec<String>,
    pub(super) kind: ActionKind,
    pub(super) action: Box<dyn Erased<S>>,
}

/// A transition.
pub(super) struct Edge<S> {
    pub(super) to: usize,
    /// `None`: always.
    pub(super) condition: Option<Arc<Condition<S>>>,
}

impl<S: session::State> Graph<S> {
    /// A graph that has a name and nothing else yet.
    #[allow(
        clippy::new_ret_no_self,
        reason = "a graph is built, and there is none before its builder has checked it"
    )]
    pub fn new(name: impl Into<String>) -> Builder<S> {
        Builder::new(name.into())
    }
}

impl<S> Graph<S> {
    pub(super) fn of(inner: Inner<S>) -> Self {
        Self(Arc::new(inner))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it looks like.
    pub fn shape(&self) -> Shape {
        self.0.shape.clone()
    }

    /// The actions, in the order in which they were added.
    pub(super) fn nodes(&self) -> &[Node<S>] {
        &self.0.nodes
    }

    /// The node of this name.
    pub(super) fn node(&self, name: &str) -> Option<usize> {
        self.0.nodes.iter().position(|node| &*node.name == name)
    }

    /// The node that a run begins with.
    pub(super) fn entry(&self) -> usize {
        self.0.entry
    }

    /// Where the first transition leads that holds; `None` if none does: the run has come to its end.
    ///
    /// # Errors
    /// `Invalid` if a condition cannot be judged, such as one on a field that is not there.
    pub(super) fn next(&self, from: usize, state: &S, view: &View<'_>) -> Result<Option<usize>> {
        for edge in &self.0.edges[from] {
            let holds = match &edge.condition {
                None => true,
                Some(condition) => condition.holds(state, view).map_err(|error| {
                    let (from, to) = (&self.0.nodes[from].name, &self.0.nodes[edge.to].name);
                    error.context(format_args!("transition `{from}` -> `{to}`"))
                })?,
            };
            if holds {
                return Ok(Some(edge.to));
            }
        }
        Ok(None)
    }

    /// Whether nothing in it is asynchronous.
    pub(super) fn blocking(&self) -> bool {
        self.0.blocking
    }

    /// What all actions share.
    pub(super) fn data(&self) -> &Values {
        &self.0.data
    }

    /// What hears of points at once, in the order in which it was added.
    pub(super) fn hooks(&self) -> &[Hook] {
        &self.0.hooks
    }

    /// What is awaited at points, in the order in which it was added.
    pub(super) fn async_hooks(&self) -> &[AsyncHook] {
        &self.0.async_hooks
    }
}

impl<S> Clone for Graph<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Graph<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Graph").field(&self.0.shape).finish()
    }
}
