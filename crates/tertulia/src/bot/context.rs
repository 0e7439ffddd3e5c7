//! What a handler knows of its update, and what it can say.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::filter::split_command;
use super::router::{Platform, Shared};
use super::{Adapter, Method, Outgoing, Update, UpdateKind};
use crate::error::Kind;
use crate::runner::{Ticket, Turn};
use crate::{Conversation, Error, Result};

/// One run of a handler for one update. Cheap to clone; usable until the handler returns.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    turn: Turn,
    update: Update,
    adapter: Arc<dyn Adapter>,
    /// Nothing is called there: replies are kept as the update's answer.
    answers: bool,
    shared: Arc<Shared>,
    /// What was replied, on a platform that is read rather than called; taken when the handler has returned.
    replies: Mutex<Option<Vec<String>>>,
}

impl Context {
    pub(super) fn new(turn: Turn, update: Update, platform: &Platform, shared: Arc<Shared>) -> Self {
        let replies = Mutex::new(platform.answers.then(Vec::new));
        let (adapter, answers) = (Arc::clone(&platform.adapter), platform.answers);
        Self(Arc::new(Inner { turn, update, adapter, answers, shared, replies }))
    }

    /// Where the update belongs.
    pub fn conversation(&self) -> &Conversation {
        &self.0.turn.about().conversation
    }

    /// The update.
    pub fn update(&self) -> &Update {
        &self.0.update
    }

    /// The message's text, or what a pressed button carries; empty if there is none.
    pub fn text(&self) -> &str {
        match &self.0.update.kind {
            UpdateKind::Message { text } => text.as_deref().unwrap_or_default(),
            UpdateKind::Callback { data } => data,
            UpdateKind::Other(_) => "",
        }
    }

    /// What follows a command in the message's text, without the spaces around it; the whole text if it is no
    /// command.
    pub fn arguments(&self) -> &str {
        let text = self.text();
        split_command(text).map_or(text, |(_, arguments)| arguments)
    }

    /// Which try of the update this is, from 1. A handler runs again after an error, a crash, or a conflict.
    pub fn attempt(&self) -> u16 {
        self.0.turn.about().attempt
    }

    /// Says something. It is sent after the turn's commit, after all earlier replies of the conversation, and not
    /// at all if the turn fails.
    ///
    /// # Errors
    /// `Invalid` if the platform would refuse it, `Closed` if the handler has returned.
    pub async fn reply(&self, text: impl AsRef<str>) -> Result<Ticket> {
        let text = text.as_ref();
        if self.0.answers {
            let mut replies = self.0.replies.lock();
            let replies = replies.as_mut().ok_or_else(|| self.is_over())?;
            let ordinal = u32::try_from(replies.len()).expect("memory ends before replies do");
            replies.push(text.to_owned());
            return Ok(Ticket { update: self.0.turn.about().update.clone(), ordinal });
        }
        match self.0.adapter.encode(self.conversation(), &Outgoing::Reply { text })? {
            Some(call) => self.0.turn.call(call),
            None => Err(Error::invalid(format!("`{}` has no replies", self.0.adapter.name()))),
        }
    }

    fn is_over(&self) -> Error {
        Error::new(Kind::Closed, format!("the turn of {:?} is over", self.0.turn.about().update))
    }

    /// Makes a call that only one platform knows, durable and in order like a reply.
    ///
    /// # Errors
    /// `Invalid` on another platform, or if the platform would refuse it; `Closed` if the handler has returned.
    pub async fn call<M: Method>(&self, method: M) -> Result<Ticket> {
        if self.0.adapter.name() != M::PLATFORM {
            return Err(Error::invalid(format!(
                "a call of `{}` was made in {}, which is of `{}`",
                M::PLATFORM,
                self.conversation(),
                self.0.adapter.name()
            )));
        }
        self.0.turn.call(method.encode(self.conversation())?)
    }

    /// The turn beneath, for extractors of other crates.
    pub fn turn(&self) -> &Turn {
        &self.0.turn
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// What was replied, once; nothing can be replied afterwards.
    pub(super) fn take_replies(&self) -> Vec<String> {
        self.0.replies.lock().take().unwrap_or_default()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("turn", &self.0.turn)
            .field("update", &self.0.update)
            .finish_non_exhaustive()
    }
}
