//! Functions that are not asynchronous, as actions.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Definition, Erased, Function, Made, result};
use crate::Error;
use crate::graph::{ActionKind, FromStep, Parts, Result};
use crate::storage::BoxFuture;

/// The kind of a [`Definition`] that [`plain`] gives.
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
        if self.blocking { Ok(Box::pin(on_a_thread(call))) } else { Ok(Box::pin(async move { call() })) }
    }

    fn awaits(&self) -> Option<String> {
        None
    }

    fn spawn_blocking(&mut self) {
        self.blocking = true;
    }
}

/// Calls it on a thread where it may block; panics if it does.
async fn on_a_thread(call: impl FnOnce() -> Result<Value> + Send + 'static) -> Result<Value> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::unavailable("the program is about to end").into()),
        },
    }
}
