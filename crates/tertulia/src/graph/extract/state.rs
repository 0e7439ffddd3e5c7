//! The state as an action has it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{About, FromStep};
use crate::Error;
use crate::graph::parts::Cell;
use crate::graph::{Parts, Result};

/// The state of the run, which the action changes in place. What it makes of it is kept if the action succeeds; if it
/// fails, the state is as it was before.
///
/// It goes back to the run when it is dropped, so it must not be kept after the action's end: the step fails then.
pub struct State<S> {
    /// It is there until this is dropped.
    value: Option<Box<S>>,
    touched: bool,
    cell: Arc<Cell<S>>,
}

const THERE: &str = "the state is there until it is dropped";

impl<S> Deref for State<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.value.as_deref().expect(THERE)
    }
}

impl<S> DerefMut for State<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.touched = true;
        self.value.as_deref_mut().expect(THERE)
    }
}

impl<S> Drop for State<S> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.cell.put_back(value, self.touched);
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for State<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("State").field(&**self).finish()
    }
}

impl<S> FromStep<S> for State<S> {
    fn from_step(parts: &Parts<'_, S>) -> Result<Self> {
        let taken = || {
            Error::invalid(format!(
                "action `{}` takes the state twice, or the try before has not given it back",
                parts.step.action()
            ))
        };
        let value = parts.value.take().ok_or_else(taken)?;
        Ok(Self { value: Some(value), touched: false, cell: Arc::clone(parts.cell) })
    }

    fn describe(about: &mut About) {
        about.state = true;
    }
}
