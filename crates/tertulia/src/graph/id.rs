//! What a run is called.

use std::fmt;

use crate::{Conversation, Error, Key, Name, Result};

/// Which run: a name among the runs of a conversation.
///
/// A text alone is a run of that name in a conversation of its own, `run:<text>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId {
    conversation: Conversation,
    name: String,
}

/// The most bytes of a run's name.
const MAX_NAME: usize = 200;

impl RunId {
    /// A run of a conversation.
    ///
    /// # Errors
    /// `Invalid` if the name is empty, has control characters or `/log/` in it, or is over 200 bytes.
    pub fn new(
        conversation: impl TryInto<Conversation, Error: Into<Error>>,
        name: impl Into<String>,
    ) -> Result<Self> {
        let (conversation, name) = (conversation.try_into().map_err(Into::into)?, name.into());
        if name.is_empty()
            || name.len() > MAX_NAME
            || name.chars().any(char::is_control)
            || name.contains("/log/")
        {
            return Err(Error::invalid(format!(
                "`{}` is no name of a run: it has to have 1 to {MAX_NAME} bytes, without control characters and `/log/`",
                name.escape_debug()
            )));
        }
        Ok(Self { conversation, name })
    }

    /// A run in a conversation of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn alone(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        Self::new(Conversation::new("run", &name)?, name)
    }

    /// Where it belongs.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Its name there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key of its log.
    pub(super) fn key(&self) -> Result<Key> {
        Ok(Key::Log(self.conversation.clone(), Name::new(format!("run/{}", self.name))?))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} run {}", self.conversation, self.name)
    }
}

impl TryFrom<&str> for RunId {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        Self::alone(name)
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        Self::alone(name)
    }
}

impl TryFrom<&RunId> for RunId {
    type Error = Error;

    fn try_from(id: &RunId) -> Result<Self> {
        Ok(id.clone())
    }
}
