//! What the caller gave the run.

use std::any::type_name;
use std::ops::Deref;
use std::sync::Arc;

use super::{About, FromStep};
use crate::Error;
use crate::graph::{Parts, Result};

/// A value that the caller [gave the run](crate::graph::Run::give), such as who it runs for. Unlike
/// [`Data`](super::Data) it is another one for each run.
#[derive(Debug)]
pub struct Given<T>(Arc<T>);

impl<T> Clone for Given<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Given<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S, T: Send + Sync + 'static> FromStep<S> for Given<T> {
    fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
        let missing = || {
            let action = parts.step.action();
            Error::invalid(format!(
                "action `{action}` takes a `{}`, which the run was not given",
                type_name::<T>()
            ))
        };
        Ok(Self(parts.given.get::<T>().ok_or_else(missing)?))
    }

    fn describe(about: &mut About) {
        let _ = about;
    }
}
