//! Structs as actions.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Definition, Erased, IntoAction, Made, result};
use crate::graph::{ActionKind, FromStep, Parts, Result};
use crate::storage::BoxFuture;

/// A struct that is an action: one with values of its own, or that several graphs use. Clones are not needed; it is shared
/// by all steps that run it.
///
/// ```
/// use tertulia::graph::{self, Action, Definition, Graph, State, Step};
///
/// # #[derive(Default, serde::Serialize, serde::Deserialize)]
/// # struct Agent { answer: String }
/// struct Look { shelf: String }
///
/// impl Action<Agent> for Look {
///     type Takes = (State<Agent>, Step);
///     type Gives = usize;
///
///     async fn run(&self, (mut state, step): Self::Takes) -> graph::Result<usize> {
///         state.answer = format!("it is on {}", self.shelf);
///         step.emit("found it").await?;
///         Ok(state.answer.len())
///     }
///
///     fn define(definition: Definition<Agent>) -> Definition<Agent> {
///         definition.writes("answer")
///     }
/// }
///
/// # async fn build() -> tertulia::Result<Graph<Agent>> {
/// Graph::new("agent").action("look", Look { shelf: "B".into() }).entrypoint("look").build().await
/// # }
/// ```
pub trait Action<S>: Send + Sync + 'static {
    /// What it takes: something that can be taken [from a step](FromStep), or a tuple of up to eight.
    type Takes: FromStep<S> + Send + 'static;
    /// The step's result.
    type Gives: Serialize + Send + 'static;

    /// Runs it.
    ///
    /// # Errors
    /// Any; it fails the step.
    ///
    /// # Cancel safety
    /// It is dropped when the run is cancelled or its time is over; the state is as it was before the step then.
    fn run(&self, takes: Self::Takes) -> impl Future<Output = Result<Self::Gives>> + Send;

    /// The options that it has in every graph, such as what it writes.
    fn define(definition: Definition<S>) -> Definition<S>
    where
        Self: Sized,
    {
        definition
    }
}

/// That it is a struct.
#[derive(Debug)]
pub enum Object {}

impl<S, A: Action<S>> IntoAction<S, Object> for A {
    fn into_action(self) -> Definition<S> {
        A::define(Definition::new(Made::new::<A::Takes>(ActionKind::Async, Shared(Arc::new(self)))))
    }
}

struct Shared<A>(Arc<A>);

impl<S, A: Action<S>> Erased<S> for Shared<A> {
    fn call(&self, parts: &Parts<'_, S>) -> Result<BoxFuture<'static, Result<Value>>> {
        let action = Arc::clone(&self.0);
        let takes = A::Takes::from_step(parts)?;
        Ok(Box::pin(async move { result(&action.run(takes).await?) }))
    }
}
