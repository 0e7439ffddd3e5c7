//! What the caller gives a step.

use std::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;

use super::{About, FromStep};
use crate::Error;
use crate::graph::fields::fields;
use crate::graph::{Parts, Result};

/// Inputs of the call, by the names of the fields of `T`. A field that is an `Option`, or has a `#[serde(default)]`, may be
/// left out.
///
/// An input that no action of the graph takes is refused, and one that is missing or is no value of its field's type fails
/// the step before the action runs.
///
/// ```
/// # use tertulia::graph::{self, Input};
/// #[derive(serde::Deserialize)]
/// struct Said {
///     text: String,
///     lang: Option<String>,
/// }
///
/// async fn receive(said: Input<Said>) -> graph::Result<usize> {
///     Ok(said.text.len())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Input<T>(
    /// What was given.
    pub T,
);

impl<T> Deref for Input<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Input<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<S, T: DeserializeOwned> FromStep<S> for Input<T> {
    fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
        let names = fields::<T>().unwrap_or_default();
        let value = parts.inputs.decode(names).map_err(|error| {
            Error::invalid(format!("the inputs of action `{}` do not fit: {error}", parts.step.action()))
                .with_source(error)
        })?;
        Ok(Self(value))
    }

    fn describe(about: &mut About) {
        about.inputs::<T>(fields::<T>());
    }
}
