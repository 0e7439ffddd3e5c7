//! What an action is to the engine, and what becomes one.

mod definition;
mod function;
mod object;
mod plain;
mod streaming;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::extract::About;
use super::json::json;
use super::{ActionKind, FromStep, Parts, Result};
use crate::storage::BoxFuture;

pub use definition::{Definition, action};
pub use function::Function;
pub use object::{Action, Object};
pub use plain::{Plain, plain};
pub use streaming::streaming;

/// What can be an action of a graph over `S`: a function whose arguments can be taken [from a step](super::FromStep), a
/// struct, or either of them with options.
#[diagnostic::on_unimplemented(
    message = "this is not an action of a graph over `{S}`",
    note = "an action is an async function: `async fn think(mut state: State<{S}>, step: Step) -> graph::Result {{ ..; Ok(()) }}`",
    note = "its arguments are written with their types and implement `FromStep<{S}>`, so a `State` is a `State<{S}>`; there are at most eight",
    note = "it returns `tertulia::graph::Result<T>` with a `T` that can be serialized: does it end with `Ok(())`?",
    note = "a function that is not async is given as `graph::plain(..)`, one that gives a stream as `graph::streaming(..)`, and a struct implements `graph::Action<{S}>`"
)]
pub trait IntoAction<S, Marker> {
    /// With its options.
    fn into_action(self) -> Definition<S>;
}

/// An action whose arguments are no longer told apart.
pub(super) trait Erased<S>: Send + Sync {
    /// Takes the arguments, and gives what runs.
    ///
    /// # Errors
    /// `Invalid` if an argument cannot be taken.
    fn call(&self, parts: &Parts<'_, S>) -> Result<BoxFuture<'static, Result<Value>>>;

    /// Why a program that has no runtime cannot run it; `None` if it can.
    fn awaits(&self) -> Option<String> {
        Some("is asynchronous".to_owned())
    }

    /// From now on it runs on a thread where it may block, if it is a plain function.
    fn spawn_blocking(&mut self) {}
}

/// How an action is run, and what it may read and write.
#[derive(Clone, Debug, Default)]
pub(super) struct ActionOptions {
    /// The fields of the state that it may read; `None`: all.
    pub(super) reads: Option<Vec<String>>,
    /// The fields of the state that it may write; `None`: all.
    pub(super) writes: Option<Vec<String>>,
    pub(super) retry: Retry,
    /// How long a try may take.
    pub(super) time_limit: Option<Duration>,
    pub(super) tags: Vec<String>,
    /// It runs on a thread of its own.
    pub(super) spawn_blocking: bool,
}

/// How often an action is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    /// At most; 1 is no retry.
    pub(super) tries: u32,
    /// The pause before the second try; it doubles with each.
    pub(super) wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { tries: 1, wait: Duration::ZERO }
    }
}

/// An action as it was given, before it has a name.
pub(super) struct Made<S> {
    pub(super) kind: ActionKind,
    pub(super) about: About,
    pub(super) action: Box<dyn Erased<S>>,
}

impl<S> Made<S> {
    /// One that takes `A`.
    fn new<A: FromStep<S>>(kind: ActionKind, action: impl Erased<S> + 'static) -> Self {
        let mut about = About::default();
        A::describe(&mut about);
        Self { kind, about, action: Box::new(action) }
    }
}

/// What an action gave, as JSON.
pub(super) fn result<T: Serialize>(value: &T) -> Result<Value> {
    // Most give nothing, which takes no look at what it became.
    let value = if size_of::<T>() == 0 { Ok(serde_json::to_value(value)?) } else { json(value) };
    Ok(value.map_err(|error| error.context("its result"))?)
}

#[cfg(test)]
mod tests;
