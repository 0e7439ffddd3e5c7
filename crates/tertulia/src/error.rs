//! The one error of the library: a kind that says what to do next, a text for people, and the cause.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;

/// A result whose error is [`Error`] unless told otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. [`kind`](Error::kind) tells the caller what to do; the text is for people.
///
/// An error is one pointer wide, so that results stay small.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Somebody else wrote first: load again and retry.
    Conflict,
    /// The storage or a peer cannot be reached, or is full for now: retry with backoff.
    Unavailable,
    /// The call may or may not have taken effect: ask, then decide.
    Unknown,
    /// The thing is closed and takes nothing more.
    Closed,
    /// What was asked for existed and is no longer there (expired, trimmed, recreated).
    Gone,
    /// The call is wrong: fix it. Retrying does not help.
    Invalid,
    /// Stored bytes cannot be understood: do not write over them.
    Corrupt,
    /// A time limit passed.
    Timeout,
    /// Code of the caller's own failed, such as an action of a graph; what it failed with is the cause.
    Failed,
    /// A fault in this library or under it: report it.
    Internal,
}

impl Error {
    /// An error of this kind. `text` is lowercase, without a full stop, and names the thing and the limit.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, text: text.into(), source: None }))
    }

    /// The call is wrong.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, text)
    }

    /// Stored bytes cannot be understood.
    pub fn corrupt(text: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, text)
    }

    /// Something cannot be reached or is full for now.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, text)
    }

    /// A fault in this library or under it.
    pub fn internal(text: impl Into<String>) -> Self {
        Self::new(Kind::Internal, text)
    }

    /// Keeps what caused this error. The cause can be found again with [`detail`](Error::detail).
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts `context: ` before the text. Added once, where the key is known.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.text = format!("{context}: {}", self.0.text);
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The cause as a `T`, if that is what it is: `Conflict` and `Gone` carry their particulars this way.
    pub fn detail<T: StdError + 'static>(&self) -> Option<&T> {
        self.0.source.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("text", &self.0.text);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// For calls that take what cannot fail to be turned into what they need.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Kind {
    /// The kind's name, as it stands in logs and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Closed => "closed",
            Self::Gone => "gone",
            Self::Invalid => "invalid",
            Self::Corrupt => "corrupt",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
