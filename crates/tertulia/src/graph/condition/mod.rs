//! When a transition is taken.

mod compare;
mod field;

use std::fmt;
use std::ops;
use std::sync::Arc;

use self::field::Test;
use super::parts::View;
use crate::Result;

pub use field::{Field, field};

/// When a transition is taken: a test of a [`field`] of the state as it is after the action, or of [the state](when), or
/// several of them. It has a text, which pictures show.
///
/// ```
/// use tertulia::graph::{Condition, field};
///
/// let done: Condition<()> = field("calls").is_empty().and(!field("answer").is_null());
/// assert_eq!(done.to_string(), "calls is empty and not answer is null");
/// assert_eq!((!done).to_string(), "not (calls is empty and not answer is null)");
/// ```
pub struct Condition<S>(Node<S>);

enum Node<S> {
    Field(Test),
    When(String, Arc<dyn Fn(&S) -> bool + Send + Sync>),
    Not(Box<Node<S>>),
    Both(Box<Node<S>>, Box<Node<S>>),
    Either(Box<Node<S>>, Box<Node<S>>),
}

/// A condition on the state as it is after the action, with what it is called. The name is what pictures show, and what it
/// is known by: a second condition of that name on another transition of the action would never be tried.
///
/// ```
/// # use tertulia::graph;
/// # struct Agent { count: u32 }
/// let enough = graph::when("enough", |state: &Agent| state.count > 3);
/// assert_eq!(enough.to_string(), "enough");
/// ```
pub fn when<S>(label: impl Into<String>, holds: impl Fn(&S) -> bool + Send + Sync + 'static) -> Condition<S> {
    Condition(Node::When(label.into(), Arc::new(holds)))
}

impl<S> Condition<S> {
    /// Both hold. If the first does not, the second is not asked.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Node::Both(Box::new(self.0), Box::new(other.0)))
    }

    /// One of them holds. If the first does, the second is not asked.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(Node::Either(Box::new(self.0), Box::new(other.0)))
    }

    /// Whether it holds for a state, of which `view` is the same, encoded.
    ///
    /// # Errors
    /// `Invalid` if a field is not there, or is nothing that can be compared this way.
    pub(super) fn holds(&self, state: &S, view: &View<'_>) -> Result<bool> {
        self.0.holds(state, view)
    }

    /// The tests of fields in it.
    pub(super) fn tests(&self) -> Vec<&Test> {
        let mut tests = Vec::new();
        self.0.tests(&mut tests);
        tests
    }
}

impl<S> ops::Not for Condition<S> {
    type Output = Self;

    fn not(self) -> Self {
        Self(Node::Not(Box::new(self.0)))
    }
}

impl<S> Node<S> {
    fn holds(&self, state: &S, view: &View<'_>) -> Result<bool> {
        match self {
            Self::Field(test) => test.holds(view),
            Self::When(_, holds) => Ok(holds(state)),
            Self::Not(condition) => Ok(!condition.holds(state, view)?),
            Self::Both(a, b) => Ok(a.holds(state, view)? && b.holds(state, view)?),
            Self::Either(a, b) => Ok(a.holds(state, view)? || b.holds(state, view)?),
        }
    }

    fn tests<'a>(&'a self, found: &mut Vec<&'a Test>) {
        match self {
            Self::Field(test) => found.push(test),
            Self::When(..) => {}
            Self::Not(condition) => condition.tests(found),
            Self::Both(a, b) | Self::Either(a, b) => {
                a.tests(found);
                b.tests(found);
            }
        }
    }

    /// As a part of another: in brackets if it has parts itself.
    fn part(&self) -> String {
        match self {
            Self::Both(..) | Self::Either(..) => format!("({self})"),
            _ => self.to_string(),
        }
    }
}

impl<S> fmt::Display for Node<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(test) => test.fmt(f),
            Self::When(label, _) => f.write_str(label),
            Self::Not(condition) => write!(f, "not {}", condition.part()),
            Self::Both(a, b) => write!(f, "{} and {}", a.part(), b.part()),
            Self::Either(a, b) => write!(f, "{} or {}", a.part(), b.part()),
        }
    }
}

impl<S> fmt::Display for Condition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S> fmt::Debug for Condition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({self})")
    }
}

#[cfg(test)]
mod tests;
