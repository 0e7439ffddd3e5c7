//! Functions that are not asynchronous, as actions.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Definition, Erased, Made, result};
use crate::Error;
use crate::graph::extract::About;
use crate::graph::{ActionKind, FromStep, Parts, Result};
use crate::storage::BoxFuture;

/// The kind of a [`Definition`] that [`plain`] gives.
#[derive(Debug)]
pub enum Plain {}

/// An action that is a function and not asynchronous, such as one that computes. It runs where the graph runs, so it should
/// be done within a millisecond, unless it is told to [`spawn_blocking`](Definition::spawn_blocking).
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
pub fn plain<S, M>(function: impl PlainFunction<S, M>) -> Definition<S, Plain> {
    function.into_plain()
}

/// A function that [`plain`] makes an action of: it takes up to eight arguments that can be taken
/// [from a step](FromStep).
#[diagnostic::on_unimplemented(
    message = "this is not a function that is an action of a graph over `{S}`",
    note = "it is a function: `fn tidy(mut state: State<{S}>) -> graph::Result {{ ..; Ok(()) }}`",
    note = "its arguments are written with their types, implement `FromStep` and `Send`, and there are at most eight",
    note = "it returns `tertulia::graph::Result<T>` with a `T` that can be serialized: does it end with `Ok(())`?",
    note = "an async function needs no `graph::plain(..)`"
)]
pub trait PlainFunction<S, Marker> {
    /// With its options.
    fn into_plain(self) -> Definition<S, Plain>;
}

struct Function<F, Types> {
    function: Arc<F>,
    blocking: bool,
    types: PhantomData<fn(Types)>,
}

macro_rules! function {
    ($($argument:ident)*) => {
        impl<S, F, T, $($argument),*> PlainFunction<S, (T, ($($argument,)*))> for F
        where
            S: 'static,
            F: Fn($($argument),*) -> Result<T> + Send + Sync + 'static,
            T: Serialize + 'static,
            $($argument: FromStep<S> + Send + 'static,)*
        {
            fn into_plain(self) -> Definition<S, Plain> {
                let mut about = About::default();
                let _ = &mut about;
                $($argument::describe(&mut about);)*
                let action: Function<F, (T, ($($argument,)*))> =
                    Function { function: Arc::new(self), blocking: false, types: PhantomData };
                Definition::new(Made { kind: ActionKind::Plain, about, action: Box::new(action) })
            }
        }

        impl<S, F, T, $($argument),*> Erased<S> for Function<F, (T, ($($argument,)*))>
        where
            F: Fn($($argument),*) -> Result<T> + Send + Sync + 'static,
            T: Serialize + 'static,
            $($argument: FromStep<S> + Send + 'static,)*
        {
            #[allow(non_snake_case, reason = "the arguments are called as their types")]
            fn call(&self, parts: &Parts<'_, S>) -> anyhow::Result<BoxFuture<'static, anyhow::Result<Value>>> {
                let (step, function) = (parts.step.clone(), Arc::clone(&self.function));
                $(let $argument = $argument::from_step(parts)?;)*
                let call = move || result(&step, &function($($argument),*)?);
                if self.blocking { Ok(Box::pin(on_a_thread(call))) } else { Ok(Box::pin(async move { call() })) }
            }

            fn spawn_blocking(&mut self) {
                self.blocking = true;
            }
        }
    };
}

function!();
function!(A1);
function!(A1 A2);
function!(A1 A2 A3);
function!(A1 A2 A3 A4);
function!(A1 A2 A3 A4 A5);
function!(A1 A2 A3 A4 A5 A6);
function!(A1 A2 A3 A4 A5 A6 A7);
function!(A1 A2 A3 A4 A5 A6 A7 A8);

/// Calls it on a thread where it may block; panics if it does.
async fn on_a_thread(call: impl FnOnce() -> anyhow::Result<Value> + Send + 'static) -> anyhow::Result<Value> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::unavailable("the program is about to end").into()),
        },
    }
}
