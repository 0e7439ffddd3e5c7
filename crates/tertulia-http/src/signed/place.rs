//! Where in a body it stands which conversation it belongs to.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;
use tertulia::{Error, Result};

/// A JSON Pointer (RFC 6901).
#[derive(Clone, Debug)]
pub(super) struct Pointer(String);

/// How to tell the id of the conversation.
#[derive(Clone)]
pub(super) enum Place {
    Pointer(Pointer),
    Function(Arc<Function>),
}

/// What the user gives.
pub(super) type Function = dyn Fn(&[u8]) -> Result<String> + Send + Sync;

impl Pointer {
    /// Checks that it is one.
    ///
    /// # Errors
    /// `Invalid` if it is neither empty nor begins with `/`.
    pub(super) fn new(text: &str) -> Result<Self> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(Error::invalid(format!(
                "`{}` is no JSON pointer: it looks like /customer/id",
                text.escape_debug()
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// What it points at, if that is a text.
    pub(super) fn text(&self, body: &[u8]) -> Option<String> {
        let value: Value = serde_json::from_slice(body).ok()?;
        value.pointer(&self.0)?.as_str().map(str::to_owned)
    }
}

impl Place {
    /// The id of the conversation that a body belongs to.
    ///
    /// # Errors
    /// `Invalid` if there is none in it; what the user's function gives.
    pub(super) fn find(&self, body: &[u8]) -> Result<String> {
        match self {
            Self::Pointer(pointer) => {
                let value: Value = serde_json::from_slice(body)
                    .map_err(|error| Error::invalid("a post is not JSON").with_source(error))?;
                match value.pointer(&pointer.0) {
                    Some(Value::String(text)) => Ok(text.clone()),
                    Some(Value::Number(number)) if !number.is_f64() => Ok(number.to_string()),
                    _ => Err(Error::invalid(format!("a post has no text and no integer at `{}`", pointer.0))),
                }
            }
            // It is the user's code; its panic must not make the post come again and again.
            Self::Function(function) => {
                catch_unwind(AssertUnwindSafe(|| function(body))).unwrap_or_else(|_| {
                    Err(Error::internal("the function that tells the conversation panicked"))
                })
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) => pointer.fmt(f),
            Self::Function(_) => f.write_str("<function>"),
        }
    }
}
