//! Functions that are not asynchronous, as actions.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Definition, Erased, Function, Made, result};
use crate::graph::thread::on_a_thread;
use crate::graph::{ActionKind, FromStep, Parts, Result};
use crate::storage::BoxFuture;

/// Not asynchronous: the kind of a [`Definition`] that [`plain`] gives, and the [`Way`](crate::graph::Way) of a persister
/// whose methods are plain functions.
#[derive(Debug)]
pub enum Plain {}

/// An action that is a function and not asynchronous, such as one that computes. It runs in the task that runs the graph and
/// blocks the thread of that: until it is done, whatever else this task does waits (other children of a
/// [parallel](crate::graph::parallel) action, say), and in a runtime of one thread all other tasks, timers and connections
/// as well. So it should be done within a millisecond, unless it is told to
/// [`spawn_blocking`](Definition::spawn_blocking), which blocks nothing.
///
/// ```
/// # use tertulia::graph::{self, Graph, State};
/// # #[derive(Default, serde::Serialize, serde::Deserialize)]
/// # struct Agent { count: u32 }
/// fn tidy(mut state: State<Agent>) -> graph::Result {
///     state.count += 1;
///     Ok(())
/// }
///
/// # async fn build() -> tertulia::Result<Graph<Agent>> {
/// Graph::new("agent").action("tidy", graph::plain(tidy)).entrypoint("tidy").build().await
/// # }
/// ```
pub fn plain<S, F, A, T>(function: F) -> Definition<S, Plain>
where
    F: Function<A, Output = Result<T>>,
    A: FromStep<S> + Send + 'static,
    T: Serialize + 'static,
{
    let action =
        Synchronous { function: Arc::new(function), blocking: false, types: PhantomData::<fn(A) -> T> };
    Definition::new(Made::new::<A>(ActionKind::Plain, action))
}

/// What a plain function is, that takes `A` and gives a `T`.
struct Synchronous<F, A, T> {
    function: Arc<F>,
    blocking: bool,
    types: PhantomData<fn(A) -> T>,
}

impl<S, F, A, T> Erased<S> for Synchronous<F, A, T>
where
    F: Function<A, Output = Result<T>>,
    A: FromStep<S> + Send + 'static,
    T: Serialize + 'static,
{
    fn call(&self, parts: &Parts<'_, S>) -> Result<BoxFuture<'static, Result<Value>>> {
        let function = Arc::clone(&self.function);
        let arguments = A::from_step(parts)?;
        let call = move || result(&function.call(arguments)?);
        if self.blocking {
            return Ok(Box::pin(async move { on_a_thread(call).await? }));
        }
        Ok(Box::pin(async move { call() }))
    }

    fn awaits(&self) -> Option<String> {
        None
    }

    fn spawn_blocking(&mut self) {
        self.blocking = true;
    }
}
