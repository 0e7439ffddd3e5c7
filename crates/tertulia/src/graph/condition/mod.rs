//! When a transition is taken.

use std::fmt;
use std::sync::Arc;

use super::parts::View;
use crate::Result;

/// When a transition is taken. It has a text, which pictures show.
pub struct Condition<S>(Test<S>);

enum Test<S> {
    When(String, Arc<dyn Fn(&S) -> bool + Send + Sync>),
}

/// A condition on the state as it is after the action, with what it is called.
///
/// ```
/// # use tertulia::graph;
/// # struct Agent { count: u32 }
/// let enough = graph::when("enough", |state: &Agent| state.count > 3);
/// assert_eq!(enough.to_string(), "enough");
/// ```
pub fn when<S>(label: impl Into<String>, holds: impl Fn(&S) -> bool + Send + Sync + 'static) -> Condition<S> {
    Condition(Test::When(label.into(), Arc::new(holds)))
}

impl<S> Condition<S> {
    pub(super) fn holds(&self, state: &S, _view: &View<'_>) -> Result<bool> {
        match &self.0 {
            Test::When(_, holds) => Ok(holds(state)),
        }
    }
}

impl<S> fmt::Display for Condition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Test::When(label, _) => f.write_str(label),
        }
    }
}

impl<S> fmt::Debug for Condition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({self})")
    }
}
