//! Asynchronous functions as actions.

use std::marker::PhantomData;

use serde::Serialize;
use serde_json::Value;

use super::{Definition, Erased, IntoAction, Made, result};
use crate::graph::extract::About;
use crate::graph::{ActionKind, FromStep, Parts, Result};
use crate::storage::BoxFuture;

/// A function, with the types of what it gives and takes.
struct Function<F, Types> {
    function: F,
    types: PhantomData<fn(Types)>,
}

macro_rules! function {
    ($($argument:ident)*) => {
        impl<S, F, R, T, $($argument),*> IntoAction<S, (T, ($($argument,)*))> for F
        where
            S: 'static,
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
            R: Future<Output = Result<T>> + Send + 'static,
            T: Serialize + 'static,
            $($argument: FromStep<S> + 'static,)*
        {
            fn into_action(self) -> Definition<S> {
                let mut about = About::default();
                let _ = &mut about;
                $($argument::describe(&mut about);)*
                let action: Function<F, (T, ($($argument,)*))> = Function { function: self, types: PhantomData };
                Definition::new(Made { kind: ActionKind::Async, about, action: Box::new(action) })
            }
        }

        impl<S, F, R, T, $($argument),*> Erased<S> for Function<F, (T, ($($argument,)*))>
        where
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
            R: Future<Output = Result<T>> + Send + 'static,
            T: Serialize + 'static,
            $($argument: FromStep<S> + 'static,)*
        {
            fn call(&self, parts: &Parts<'_, S>) -> anyhow::Result<BoxFuture<'static, anyhow::Result<Value>>> {
                let step = parts.step.clone();
                let running = (self.function)($($argument::from_step(parts)?),*);
                Ok(Box::pin(async move { result(&step, &running.await?) }))
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
