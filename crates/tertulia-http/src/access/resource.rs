//! What somebody wants to read, write or cancel.

use tertulia::Conversation;

use super::{Right, Scope, Scopes};
use crate::{Problem, ProblemKind};

/// A stream, a session, or several of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The stream of this name.
    Stream(&'a Conversation, &'a str),
    /// The session of this name.
    Session(&'a Conversation, &'a str),
    /// Every stream of a conversation, and their list.
    Streams(&'a Conversation),
    /// Every session of a conversation, and their list.
    Sessions(&'a Conversation),
    /// All of these.
    Conversation(&'a Conversation),
}

impl<'a> Resource<'a> {
    /// The conversation it belongs to.
    pub fn conversation(self) -> &'a Conversation {
        let (Self::Stream(of, _)
        | Self::Session(of, _)
        | Self::Streams(of)
        | Self::Sessions(of)
        | Self::Conversation(of)) = self;
        of
    }

    /// Whether whoever has this has `other`.
    pub fn covers(self, other: Resource<'_>) -> bool {
        let covered = match (self, other) {
            (Self::Conversation(_), _)
            | (Self::Streams(_), Resource::Streams(_) | Resource::Stream(..))
            | (Self::Sessions(_), Resource::Sessions(_) | Resource::Session(..)) => true,
            (Self::Stream(_, name), Resource::Stream(_, asked))
            | (Self::Session(_, name), Resource::Session(_, asked)) => name == asked,
            _ => false,
        };
        covered && self.conversation() == other.conversation()
    }

    /// What an API token needs for this right on it.
    pub fn scopes(self, right: Right) -> Scopes {
        let (streams, sessions) = match right {
            Right::Read => (Scope::StreamsRead, Scope::SessionsRead),
            Right::Write | Right::Cancel => (Scope::StreamsWrite, Scope::SessionsWrite),
        };
        match self {
            Self::Stream(..) | Self::Streams(_) => streams.into(),
            Self::Session(..) | Self::Sessions(_) => sessions.into(),
            Self::Conversation(_) => [streams, sessions].into_iter().collect(),
        }
    }

    /// What is answered if there is none, and to whoever may not know whether there is one.
    pub fn absent(self) -> Problem {
        let text = match self {
            Self::Stream(..) => "there is no such stream",
            Self::Session(..) => "there is no such session",
            Self::Streams(_) | Self::Sessions(_) | Self::Conversation(_) => "there is no such conversation",
        };
        Problem::new(ProblemKind::NotFound, text)
    }
}
