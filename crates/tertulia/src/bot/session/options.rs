//! How a bot keeps a session type: its name, and whose session it is that an update's handler takes.

use std::borrow::Cow;
use std::fmt;

use crate::bot::Update;
use crate::runner::About;
use crate::session::{Expiry, Options, WriteMode};
use crate::{Conversation, Error, Result};

/// How a session type is kept, for [`Bot::session`](crate::bot::Bot::session): under which name, and one for whom.
/// A name alone means one session per conversation.
///
/// Only the conversation is what updates are ordered by: where two updates that run at once share a session, such
/// as two of one user in two groups, the handler of the one that commits last runs again.
/// [`Bot::sequentialize`](crate::bot::Bot::sequentialize) can order them.
///
/// ```
/// use tertulia::bot::SessionOptions;
///
/// let settings = SessionOptions::new("settings").per_user();
/// let warnings = SessionOptions::new("warnings").per_member();
/// ```
#[derive(Debug)]
#[must_use = "options do nothing until a session type is declared with them"]
pub struct SessionOptions {
    pub(super) name: String,
    pub(super) whose: Whose,
    pub(super) options: Options,
}

impl SessionOptions {
    /// One session per conversation, kept under `name`: at most 64 bytes, without `/`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), whose: Whose::Conversation, options: Options::default() }
    }

    /// One session per user, in whatever conversation of the platform they write: that of the conversation with
    /// the source of the update's and the id of the [user](crate::bot::Update::from).
    pub fn per_user(mut self) -> Self {
        self.whose = Whose::User;
        self
    }

    /// One session per conversation and user: that of the conversation with the source of the update's and the id
    /// `<conversation's id>/<user's id>`, where a `/` or `%` in the conversation's id is written `%2F` or `%25`, so
    /// that no two members share one.
    pub fn per_member(mut self) -> Self {
        self.whose = Whose::Member;
        self
    }

    /// The session of the conversation that `key` gives, which need not be one where anybody writes. `None` if the
    /// update has no such session: then [`Session`](crate::bot::Session) cannot be taken, and
    /// `Option<Session<_>>` is `None`.
    pub fn key(
        mut self,
        key: impl Fn(&Update, &About) -> Option<Conversation> + Send + Sync + 'static,
    ) -> Self {
        self.whose = Whose::Function(Box::new(key));
        self
    }

    /// The same for sessions that are run again: nothing is kept back from the storage, and nothing expires in it.
    pub(in crate::bot) fn for_replay(mut self) -> Self {
        let options = &mut self.options;
        (options.cache_bytes, options.expiry, options.mode) = (0, Expiry::Never, WriteMode::Transactional);
        self
    }

    /// What they are called.
    pub(in crate::bot) fn name(&self) -> &str {
        &self.name
    }

    /// How they are stored and cached.
    pub(in crate::bot) fn kept(&self) -> &Options {
        &self.options
    }

    /// How the sessions are stored and cached.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }
}

impl From<&str> for SessionOptions {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for SessionOptions {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// A function that gives the conversation whose session an update's handler takes.
type KeyFunction = Box<dyn Fn(&Update, &About) -> Option<Conversation> + Send + Sync>;

/// Whose session an update's handler takes.
pub(super) enum Whose {
    Conversation,
    User,
    Member,
    Function(KeyFunction),
}

impl Whose {
    /// The conversation whose session it is, if the update has one.
    ///
    /// # Errors
    /// `Invalid` if the ids of the conversation and the user make none: an id is empty, or they are too long.
    pub(super) fn of(&self, update: &Update, about: &About) -> Result<Option<Conversation>> {
        let here = &about.conversation;
        let there = |id: &str| Conversation::new(&here.source(), id).map(Some);
        match (self, &update.from) {
            (Self::Conversation, _) => Ok(Some(here.clone())),
            (Self::Function(key), _) => Ok(key(update, about)),
            (Self::User | Self::Member, None) => Ok(None),
            (Self::User | Self::Member, Some(user)) if user.id.is_empty() => {
                Err(Error::invalid("the user's id is empty"))
            }
            (Self::User, Some(user)) => there(&user.id),
            (Self::Member, Some(user)) => there(&format!("{}/{}", without_slash(&here.id()), user.id)),
        }
    }

    /// Whether it may lie in another shard than the update's conversation.
    pub(super) fn is_elsewhere(&self) -> bool {
        !matches!(self, Self::Conversation)
    }
}

/// An id without `/`, so that the first `/` behind it ends it, from which it could be told.
fn without_slash(id: &str) -> Cow<'_, str> {
    if id.contains(['/', '%']) { id.replace('%', "%25").replace('/', "%2F").into() } else { id.into() }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conversation => "per conversation",
            Self::User => "per user",
            Self::Member => "per conversation and user",
            Self::Function(_) => "by a key function",
        })
    }
}

impl fmt::Debug for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
