//! Asynchronous functions as actions.

use std::marker::PhantomData;

use serde::Serialize;
use serde_json::Value;

use super::{Definition, Erased, IntoAction, Made, result};
use crate::graph::{ActionKind, FromStep, Parts, Result};
use crate::storage::BoxFuture;

/// A function or a closure of up to eight arguments.
pub trait Function<Arguments>: Send + Sync + 'static {
    /// What it returns.
    type Output;

    /// Calls it.
    fn call(&self, arguments: Arguments) -> Self::Output;
}

macro_rules! function {
    ($($argument:ident)*) => {
        impl<F, R, $($argument),*> Function<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
        {
            type Output = R;

            #[allow(non_snake_case, reason = "arguments are called as their types")]
            fn call(&self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument),*)
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

/// What an asynchronous function is, that takes `A` and gives a `T`.
struct Async<F, A, T> {
    function: F,
    types: PhantomData<fn(A) -> T>,
}

impl<S, F, A, T> IntoAction<S, (A, T)> for F
where
    F: Function<A, Output: Future<Output = Result<T>> + Send + 'static>,
    A: FromStep<S> + 'static,
    T: Serialize + 'static,
{
    fn into_action(self) -> Definition<S> {
        let action = Async { function: self, types: PhantomData::<fn(A) -> T> };
        Definition::new(Made::new::<A>(ActionKind::Async, action))
    }
}

impl<S, F, A, T> Erased<S> for Async<F, A, T>
where
    F: Function<A, Output: Future<Output = Result<T>> + Send + 'static>,
    A: FromStep<S> + 'static,
    T: Serialize + 'static,
{
    fn call(&self, parts: &Parts<'_, S>) -> Result<BoxFuture<'static, Result<Value>>> {
        let running = self.function.call(A::from_step(parts)?);
        Ok(Box::pin(async move { result(&running.await?) }))
    }
}
