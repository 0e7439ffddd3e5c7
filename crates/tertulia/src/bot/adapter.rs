//! What a platform implements to be talked to.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Update;
use crate::runner::{About, Delivery, Sender, Source, Ticket};
use crate::{Conversation, Result};

/// A platform: `Telegram`, `Http`. A bot may have several, told apart by the source of a conversation.
pub trait Adapter: Debug + Send + Sync + 'static {
    /// The source of its conversations, such as `telegram`.
    fn name(&self) -> &str;

    /// The platform that it is of, where several adapters may be: what [`Method::PLATFORM`] says. Its name unless told
    /// otherwise.
    fn platform(&self) -> &str {
        self.name()
    }

    /// What asks the platform for updates, if it is to be asked. Called once, when the bot starts.
    fn source(&self) -> Option<Box<dyn Source>>;

    /// What makes calls to the platform. Without one nothing is called: what is replied to an update is kept as
    /// its [`Answer`](super::answer::Answer), for whoever brought the update to read.
    fn sender(&self) -> Option<Arc<dyn Sender>>;

    /// Decodes an update.
    ///
    /// # Errors
    /// Any; the update goes to `dead`.
    fn decode(&self, about: &About) -> Result<Update>;

    /// The body of an update of `conversation`, as if what `update` says had been said there: for what is said from
    /// elsewhere, such as a page that shows the conversation. The reverse of [`decode`](Self::decode). `Ok(None)` if nothing
    /// can be said there from elsewhere.
    ///
    /// # Errors
    /// `Invalid` if the conversation is none of the platform's, or nothing like that is ever said there.
    fn compose(&self, conversation: &Conversation, update: &Update) -> Result<Option<Bytes>> {
        let _ = (conversation, update);
        Ok(None)
    }

    /// The text that a call says, as [`encode`](Self::encode) wrote it: for who shows the conversation elsewhere. `None` if
    /// it says none, or another one's.
    fn says(&self, call: &[u8]) -> Option<String> {
        let _ = call;
        None
    }

    /// Whether more updates of a conversation can come: not if it was made for one update that belongs to no chat.
    fn goes_on(&self, conversation: &Conversation) -> bool {
        let _ = conversation;
        true
    }

    /// The texts of the messages that show a [live reply](super::Context::reply_live) that says `text`: one, unless told
    /// otherwise, and none for a blank one. A text that grows leaves all but the last part as they were. The ids of
    /// several messages are put together with commas, as the sender's `send` gives those of one call.
    fn parts<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if text.trim().is_empty() { Vec::new() } else { vec![text] }
    }

    /// Encodes a call for the outbox; `Ok(None)` if the platform has no such thing.
    ///
    /// # Errors
    /// `Invalid` if the platform would refuse it, naming the limit.
    fn encode(&self, conversation: &Conversation, outgoing: &Outgoing<'_>) -> Result<Option<Bytes>>;
}

/// What a handler wants to say, on any platform.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outgoing<'a> {
    /// A new message.
    Reply {
        /// What it says.
        text: &'a str,
    },
    /// Another text for what an earlier call said: the one that the call [refers](crate::runner::Call::refers) to.
    Edit {
        /// What it says from then on.
        text: &'a str,
    },
    /// What an earlier call said is taken back: the one that the call [refers](crate::runner::Call::refers) to.
    Delete,
    /// A reaction to the message of an update, in place of an earlier one.
    React {
        /// The update as its source gave it.
        update: &'a [u8],
        /// The reaction; none if empty.
        emoji: &'a str,
    },
    /// A reaction to what an earlier call said: the one that the call [refers](crate::runner::Call::refers) to.
    ReactTo {
        /// The reaction; none if empty.
        emoji: &'a str,
    },
    /// An answer to a pressed button, which ends the waiting that it shows.
    AnswerCallback {
        /// The update as its source gave it.
        update: &'a [u8],
        /// A notice for who pressed it; none if empty.
        text: &'a str,
    },
}

impl Outgoing<'_> {
    /// What it is, in an error that says that a platform has no such thing.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Reply { .. } => "replies",
            Self::Edit { .. } => "edits",
            Self::Delete => "deletions",
            Self::React { .. } | Self::ReactTo { .. } => "reactions",
            Self::AnswerCallback { .. } => "answers to pressed buttons",
        }
    }
}

/// A call that only one platform knows, made with [`Context::call`](super::Context::call): durable like a reply.
pub trait Method: Send {
    /// The platform's name, as its adapter gives it.
    const PLATFORM: &'static str;

    /// The call as the platform's adapter encodes calls.
    ///
    /// # Errors
    /// `Invalid` if the platform would refuse it.
    fn encode(&self, conversation: &Conversation) -> Result<Bytes>;

    /// What happens when nobody knows whether the call was made: it is made again, unless told otherwise.
    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    /// How long after its turn the call may still be made; 24 h if `None`.
    fn within(&self) -> Option<Duration> {
        None
    }

    /// The earlier call of the conversation whose message this one is about, as
    /// [`CallOptions::refers`](crate::runner::CallOptions::refers) says.
    fn refers(&self) -> Option<Ticket> {
        None
    }

    /// What the call overwrites: while a newer call of the conversation with the same text waits, this one is
    /// dropped, as [`CallOptions::join`](crate::runner::CallOptions::join) says.
    fn join(&self) -> Option<String> {
        None
    }
}
