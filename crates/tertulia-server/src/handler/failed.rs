//! What a handler did wrong.

use std::fmt;

/// A failed try, with its reason for people: it is charged to the update, which runs again or is given up.
#[derive(Debug)]
pub(super) struct Failed(String);

impl Failed {
    /// Because of this.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}
