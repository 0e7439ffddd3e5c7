//! An update as every platform gives it.

/// A decoded update. What only one platform knows is in the raw bytes, and in extractors of its crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// What happened.
    pub kind: UpdateKind,
    /// Who did it, where the platform tells.
    pub from: Option<User>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateKind {
    /// Somebody wrote something.
    Message {
        /// The text, or the caption of what was sent; `None` for a message without any.
        text: Option<String>,
    },
    /// Somebody pressed a button.
    Callback {
        /// What the button carries; empty if nothing.
        data: String,
    },
    /// Anything else, by the platform's own word for it.
    Other(String),
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The platform's id.
    pub id: String,
    /// A name to show.
    pub name: String,
}

impl UpdateKind {
    /// What to call it in a message: the platform's own word for what is neither a message nor a callback.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Message { .. } => "message",
            Self::Callback { .. } => "callback",
            Self::Other(word) if word.is_empty() => "update of no kind",
            Self::Other(word) => word,
        }
    }
}

impl Update {
    /// An update of this kind, by nobody in particular.
    pub fn new(kind: UpdateKind) -> Self {
        Self { kind, from: None }
    }

    /// Sets who did it.
    #[must_use]
    pub fn from(mut self, user: User) -> Self {
        self.from = Some(user);
        self
    }

    /// What somebody said: the text of a message, or what a pressed button carries.
    pub fn said(&self) -> Option<&str> {
        match &self.kind {
            UpdateKind::Message { text } => text.as_deref(),
            UpdateKind::Callback { data } => Some(data),
            UpdateKind::Other(_) => None,
        }
    }

    /// The text of a message; `None` for anything else.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            UpdateKind::Message { text } => text.as_deref(),
            _ => None,
        }
    }
}
