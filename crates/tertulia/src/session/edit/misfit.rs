//! Why a JSON value is no value of a session's type.

use std::fmt;

/// Where a JSON value does not fit a session's type, and why: the detail of the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The place, as a JSON Pointer (RFC 6901); the whole value if it is empty.
    pub path: String,
    /// Why, in words.
    pub why: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "the value does not fit: {}", self.why),
            path => write!(f, "`{path}` does not fit: {}", self.why),
        }
    }
}

impl std::error::Error for Misfit {}
