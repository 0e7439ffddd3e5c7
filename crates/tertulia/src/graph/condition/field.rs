//! Tests of a field of the state.

use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::compare::{contains, is_empty, order, same};
use super::{Condition, Node};
use crate::graph::json::{json, kind};
use crate::graph::parts::View;
use crate::session::look::Found;
use crate::{Error, Result};

/// A field of the state, to be tested. See [`field`].
#[derive(Clone, Debug)]
#[must_use = "a field is no condition before it is tested"]
pub struct Field(String);

/// The field of the state at `path`: its name, or those on the way to it with dots between them; items of a list have
/// their indices. Of `{"calls": [{"name": "look"}]}`, `field("calls.0.name")` is `"look"`.
///
/// It is compared as JSON, and numbers by their value. A field that is not there fails the step, and so does one that
/// cannot be compared: a condition is never silently false. Ask [`exists`](Field::exists) first where it may be missing.
/// What is in a [`Log`](crate::Log) cannot be compared: use [`when`](super::when).
///
/// ```
/// # use serde_json::json;
/// # use tertulia::graph::{Builder, field};
/// # fn transitions<S: tertulia::session::State>(builder: Builder<S>) -> Builder<S> {
/// builder
///     .transition_when("think", "tools", field("calls").ne(json!([])))
///     .transition_when("think", "think", field("count").lt(3).and(!field("answer").is_null()))
/// # }
/// ```
pub fn field(path: impl Into<String>) -> Field {
    Field(path.into())
}

impl Field {
    /// It is this.
    pub fn eq<S>(self, value: impl Serialize) -> Condition<S> {
        self.test(Op::Eq, value)
    }

    /// It is not this.
    pub fn ne<S>(self, value: impl Serialize) -> Condition<S> {
        self.test(Op::Ne, value)
    }

    /// It is less than this: a number, or a text, by its code points.
    pub fn lt<S>(self, value: impl Serialize) -> Condition<S> {
        self.test(Op::Lt, value)
    }

    /// It is this or less: a number, or a text, by its code points.
    pub fn le<S>(self, value: impl Serialize) -> Condition<S> {
        self.test(Op::Le, value)
    }

    /// It is greater than this: a number, or a text, by its code points.
    pub fn gt<S>(self, value: impl Serialize) -> Condition<S> {
        self.test(Op::Gt, value)
    }

    /// It is this or greater: a number, or a text, by its code points.
    pub fn ge<S>(self, value: impl Serialize) -> Condition<S> {
        self.test(Op::Ge, value)
    }

    /// It is one of these.
    pub fn is_in<S>(self, values: impl IntoIterator<Item: Serialize>) -> Condition<S> {
        self.test(Op::In, values.into_iter().collect::<Vec<_>>())
    }

    /// It is none of these.
    pub fn not_in<S>(self, values: impl IntoIterator<Item: Serialize>) -> Condition<S> {
        self.test(Op::NotIn, values.into_iter().collect::<Vec<_>>())
    }

    /// It is a list with this item, a map with this key, or a text with this in it.
    pub fn contains<S>(self, value: impl Serialize) -> Condition<S> {
        self.test(Op::Contains, value)
    }

    /// It is a list, a map or a text with nothing in it, or null.
    pub fn is_empty<S>(self) -> Condition<S> {
        self.test(Op::Empty, ())
    }

    /// It is null, as an `Option` is that is `None`.
    pub fn is_null<S>(self) -> Condition<S> {
        self.test(Op::Null, ())
    }

    /// It is there, if only as null.
    pub fn exists<S>(self) -> Condition<S> {
        self.test(Op::Exists, ())
    }

    fn test<S>(self, op: Op, value: impl Serialize) -> Condition<S> {
        let (value, fault) = match json(value) {
            Ok(value) => (value, None),
            Err(error) => (Value::Null, Some(error.to_string())),
        };
        Condition(Node::Field(Test { path: self.0, op, value, fault }))
    }
}

/// A test of a field.
#[derive(Clone, Debug)]
pub(in crate::graph) struct Test {
    pub(in crate::graph) path: String,
    op: Op,
    value: Value,
    /// Why the value is none.
    pub(in crate::graph) fault: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Contains,
    Empty,
    Null,
    Exists,
}

impl Test {
    pub(super) fn holds(&self, view: &View<'_>) -> Result<bool> {
        let path = &self.path;
        let found = match (view.look(path)?, self.op) {
            (found, Op::Exists) => return Ok(found != Found::Missing),
            (Found::Missing, _) => return Err(Error::invalid(format!("the state has no `{path}`"))),
            (Found::Log, _) => {
                return Err(Error::invalid(format!(
                    "`{path}` is a Log or has one inside, whose items no test of a field can see"
                )));
            }
            (Found::Value(found), _) => found,
        };
        let judged = match self.op {
            Op::Eq => Some(same(&found, &self.value)),
            Op::Ne => Some(!same(&found, &self.value)),
            Op::Lt => order(&found, &self.value).map(Ordering::is_lt),
            Op::Le => order(&found, &self.value).map(Ordering::is_le),
            Op::Gt => order(&found, &self.value).map(Ordering::is_gt),
            Op::Ge => order(&found, &self.value).map(Ordering::is_ge),
            Op::In => contains(&self.value, &found),
            Op::NotIn => contains(&self.value, &found).map(|is_in| !is_in),
            Op::Contains => contains(&found, &self.value),
            Op::Empty => is_empty(&found),
            Op::Null => Some(found.is_null()),
            Op::Exists => Some(true),
        };
        judged.ok_or_else(|| {
            Error::invalid(format!("`{path}` is {}, of which `{self}` says nothing", kind(&found)))
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, value, .. } = self;
        match self.op {
            Op::Eq => write!(f, "{path} == {value}"),
            Op::Ne => write!(f, "{path} != {value}"),
            Op::Lt => write!(f, "{path} < {value}"),
            Op::Le => write!(f, "{path} <= {value}"),
            Op::Gt => write!(f, "{path} > {value}"),
            Op::Ge => write!(f, "{path} >= {value}"),
            Op::In => write!(f, "{path} in {value}"),
            Op::NotIn => write!(f, "{path} not in {value}"),
            Op::Contains => write!(f, "{path} contains {value}"),
            Op::Empty => write!(f, "{path} is empty"),
            Op::Null => write!(f, "{path} is null"),
            Op::Exists => write!(f, "{path} exists"),
        }
    }
}
