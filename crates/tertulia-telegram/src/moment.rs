//! Small signs: a reaction to a message, and what the bot is busy with.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tertulia::bot::Method;
use tertulia::runner::Ticket;
use tertulia::{Conversation, Result};

use crate::NAME;
use crate::call::Call;
use crate::change::Change;
use crate::edit::Target;
use crate::place::Place;

/// A reaction of the bot to a message in the chat of the update, in place of an earlier one. Telegram knows some
/// emoji as reactions and refuses all others; then the call goes to `dead`.
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct SetMessageReaction {
    target: Target,
    emoji: String,
    big: bool,
}

impl SetMessageReaction {
    /// Reacts to the message with this id; an empty text takes the reaction away.
    pub fn new(message: i64, emoji: impl Into<String>) -> Self {
        Self { target: Target::Message(message), emoji: emoji.into(), big: false }
    }

    /// Reacts to what an earlier call sent: to the first message of it.
    pub fn of(ticket: &Ticket, emoji: impl Into<String>) -> Self {
        Self { target: Target::Sent(ticket.clone()), emoji: emoji.into(), big: false }
    }

    /// Shows it with a big animation.
    pub fn big(mut self) -> Self {
        self.big = true;
        self
    }
}

impl Method for SetMessageReaction {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
        let mut reaction = reaction(&self.emoji);
        if self.big {
            reaction.insert("is_big".to_owned(), Value::Bool(true));
        }
        let Target::Message(message) = self.target else {
            return Change::react(conversation, reaction);
        };
        let mut params = Place::of(conversation)?.plain_params(conversation, "reactions")?;
        params.extend(reaction);
        params.insert("message_id".to_owned(), json!(message));
        Call::new("setMessageReaction", params).encode(conversation)
    }

    fn refers(&self) -> Option<Ticket> {
        self.target.refers()
    }
}

/// The parameter that says which reaction.
pub(crate) fn reaction(emoji: &str) -> Map<String, Value> {
    let reaction = match emoji {
        "" => json!([]),
        emoji => json!([{ "type": "emoji", "emoji": emoji }]),
    };
    Map::from_iter([("reaction".to_owned(), reaction)])
}

/// How long what the bot is busy with is worth showing: as long as Telegram shows it.
const SHOWN: Duration = Duration::from_secs(5);

/// Shows for 5 seconds, or until the bot's next message, what the bot is busy with. Worth nothing later, so it is made
/// within 5 seconds or not at all; of those that wait only the last is made.
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct SendChatAction(String);

impl SendChatAction {
    /// The bot writes a text.
    pub fn typing() -> Self {
        Self::new("typing")
    }

    /// What Telegram has a word for, such as `upload_photo` or `record_voice`.
    pub fn new(action: impl Into<String>) -> Self {
        Self(action.into())
    }
}

impl Method for SendChatAction {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
        let mut params = Place::of(conversation)?.params(conversation)?;
        params.insert("action".to_owned(), json!(self.0));
        Call::new("sendChatAction", params).encode(conversation)
    }

    fn within(&self) -> Option<Duration> {
        Some(SHOWN)
    }

    fn join(&self) -> Option<String> {
        Some("chat action".to_owned())
    }
}
