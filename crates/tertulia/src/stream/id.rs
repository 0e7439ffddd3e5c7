//! What names a stream: its conversation, and a name within it.

use std::fmt;

use crate::{Conversation, Error, Key, Name, Result};

/// What the names of streams' logs begin with.
pub(super) const PREFIX: &str = "stream/";

/// The address of a stream: the log `stream/<name>` of its conversation. Cloning copies pointers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    conversation: Conversation,
    /// With the prefix, as the log is named.
    log: Name,
}

impl StreamId {
    /// The most bytes of a stream's name.
    pub const MAX_NAME: usize = crate::MAX_PART - PREFIX.len();

    /// The stream `name` of `conversation`.
    ///
    /// # Errors
    /// `Invalid` if the name is empty, longer than 249 bytes, or holds a control character.
    pub fn new(conversation: Conversation, name: &str) -> Result<Self> {
        if name.is_empty() {
            return Err(Error::invalid("the name of a stream is empty"));
        }
        if name.len() > Self::MAX_NAME {
            return Err(Error::invalid(format!(
                "the name of a stream has {} bytes, at most {} are allowed",
                name.len(),
                Self::MAX_NAME
            )));
        }
        let log = Name::new(format!("{PREFIX}{name}")).map_err(|error| error.context("a stream"))?;
        Ok(Self { conversation, log })
    }

    /// The stream whose log this is, if it is a stream's.
    pub(super) fn of_log(key: &Key) -> Option<Self> {
        match key {
            Key::Log(conversation, log) if log.as_str().len() > PREFIX.len() => log
                .as_str()
                .starts_with(PREFIX)
                .then(|| Self { conversation: conversation.clone(), log: log.clone() }),
            _ => None,
        }
    }

    /// The conversation it belongs to.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Its name within the conversation.
    pub fn name(&self) -> &str {
        &self.log.as_str()[PREFIX.len()..]
    }

    /// The log that keeps it.
    pub fn key(&self) -> Key {
        Key::Log(self.conversation.clone(), self.log.clone())
    }
}

impl fmt::Display for StreamId {
    /// The conversation, a slash, and the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.conversation, self.name())
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({self})")
    }
}
