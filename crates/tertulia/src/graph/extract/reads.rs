//! Some fields of the state, for an action that reads no others.

use std::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;

use super::{About, FromStep};
use crate::graph::fields::fields;
use crate::graph::{Parts, Result};

/// The fields of the state that `T` has, as they were before the step: a copy, whose changes are not kept. `T` is a struct
/// some of whose fields have the names and the types of the state's; an action that takes it, and no
/// [`State`](super::State), reads these and no others. It cannot have aliases, nor refuse fields that it does not know.
///
/// ```
/// # use tertulia::graph::{self, Reads};
/// #[derive(serde::Deserialize)]
/// struct Question { calls: Vec<String> }
///
/// async fn count(question: Reads<Question>) -> graph::Result<usize> {
///     Ok(question.calls.len())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Reads<T>(
    /// The fields.
    pub T,
);

impl<T> Deref for Reads<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Reads<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<S, T: DeserializeOwned> FromStep<S> for Reads<T> {
    fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
        let fields = parts.view.decode();
        Ok(Self(fields.map_err(|error| error.context(format_args!("action `{}`", parts.step.action())))?))
    }

    fn describe(about: &mut About) {
        about.reads::<T>(fields::<T>());
    }
}
