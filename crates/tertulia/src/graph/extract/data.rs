//! What all actions of a graph share.

use std::any::type_name;
use std::ops::Deref;
use std::sync::Arc;

use super::{About, FromStep};
use crate::Error;
use crate::graph::{Parts, Result};

/// A value that was given to the graph when it was built, such as a client. All actions of all runs share it.
#[derive(Debug)]
pub struct Data<T>(Arc<T>);

impl<T> Clone for Data<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Data<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S, T: Send + Sync + 'static> FromStep<S> for Data<T> {
    fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
        let missing = || {
            let action = parts.step.action();
            Error::invalid(format!(
                "action `{action}` takes a `{}`, of which none was given",
                type_name::<T>()
            ))
        };
        Ok(Self(parts.data.get::<T>().ok_or_else(missing)?))
    }

    fn describe(about: &mut About) {
        about.data::<T>();
    }
}
