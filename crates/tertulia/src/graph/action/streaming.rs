//! Functions that give a stream of items, as actions.

use std::marker::PhantomData;
use std::pin::pin;

use futures_util::{Stream, StreamExt};
use serde_json::Value;

use super::{Definition, Erased, Function, Made};
use crate::graph::{ActionKind, FromStep, Item, Parts, Result};
use crate::storage::BoxFuture;

/// An action that is a function and gives a stream. Each item is said as [`Step::emit`](crate::graph::Step::emit) says it,
/// and the next is asked for when that is done; the step ends with the stream. Its first error ends it, and fails the step.
///
/// Its result is `null`. One that has another is an async function that takes a [`Step`](crate::graph::Step).
///
/// ```
/// # use futures_util::stream;
/// # use futures_util::Stream;
/// # use tertulia::graph::{self, Graph, State};
/// # #[derive(Default, serde::Serialize, serde::Deserialize)]
/// # struct Agent { answer: String }
/// fn speak(state: State<Agent>) -> impl Stream<Item = graph::Result<String>> {
///     let words: Vec<_> = state.answer.split_whitespace().map(|word| Ok(word.to_owned())).collect();
///     stream::iter(words)
/// }
///
/// # async fn build() -> tertulia::Result<Graph<Agent>> {
/// Graph::new("agent").action("speak", graph::streaming(speak)).entrypoint("speak").build().await
/// # }
/// ```
pub fn streaming<S, F, A, I>(function: F) -> Definition<S>
where
    F: Function<A, Output: Stream<Item = Result<I>> + Send + 'static>,
    A: FromStep<S> + 'static,
    I: Into<Item> + Send + 'static,
{
    let action = Streaming { function, types: PhantomData::<fn(A) -> I> };
    Definition::new(Made::new::<A>(ActionKind::Streaming, action))
}

/// What a function is, that takes `A` and gives a stream of `I`.
struct Streaming<F, A, I> {
    function: F,
    types: PhantomData<fn(A) -> I>,
}

impl<S, F, A, I> Erased<S> for Streaming<F, A, I>
where
    F: Function<A, Output: Stream<Item = Result<I>> + Send + 'static>,
    A: FromStep<S> + 'static,
    I: Into<Item> + Send + 'static,
{
    fn call(&self, parts: &Parts<'_, S>) -> Result<BoxFuture<'static, Result<Value>>> {
        let step = parts.step.clone();
        let stream = self.function.call(A::from_step(parts)?);
        Ok(Box::pin(async move {
            let mut stream = pin!(stream);
            while let Some(item) = stream.next().await {
                step.emit(item?).await?;
            }
            Ok(Value::Null)
        }))
    }
}
