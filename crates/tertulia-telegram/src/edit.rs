//! Calls that change a message of the bot: another text, or none.

use bytes::Bytes;
use serde_json::json;
use tertulia::bot::Method;
use tertulia::runner::Ticket;
use tertulia::{Conversation, Error, Result};

use crate::call::Call;
use crate::change::{Change, delete};
use crate::format;
use crate::keyboard::Keyboard;
use crate::place::Place;
use crate::{MAX_TEXT, NAME};

/// Which message a call is about.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The one with this id.
    Message(i64),
    /// What an earlier call of the conversation sent, known when this one is made.
    Sent(Ticket),
}

impl Target {
    pub(crate) fn refers(&self) -> Option<Ticket> {
        match self {
            Self::Message(_) => None,
            Self::Sent(ticket) => Some(ticket.clone()),
        }
    }
}

/// Replaces the text of a message that the bot has sent to the chat of the update, and its buttons: those that are not
/// given again are gone. While a later edit of the same message waits, an earlier one is dropped, so that a text that
/// grows costs no more messages than Telegram takes.
///
/// ```
/// use tertulia::bot::Context;
/// use tertulia_telegram::{EditMessageText, Keyboard};
///
/// async fn progress(ctx: Context) -> tertulia::bot::Result {
///     let shown = ctx.reply("working").await?;
///     ctx.edit(&shown, "half way").await?;
///     let again = Keyboard::new().button("Again", "again");
///     ctx.call(EditMessageText::of(&shown, "done").keyboard(again)).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct EditMessageText {
    target: Target,
    text: String,
    keyboard: Keyboard,
}

impl EditMessageText {
    /// An edit of the message with this id, to a text that fits into one message.
    pub fn new(message: i64, text: impl Into<String>) -> Self {
        Self { target: Target::Message(message), text: text.into(), keyboard: Keyboard::new() }
    }

    /// An edit of what an earlier call sent, as [`Context::edit`](tertulia::bot::Context::edit) makes it.
    pub fn of(ticket: &Ticket, text: impl Into<String>) -> Self {
        Self { target: Target::Sent(ticket.clone()), text: text.into(), keyboard: Keyboard::new() }
    }

    /// Sets the buttons.
    pub fn keyboard(mut self, keyboard: Keyboard) -> Self {
        self.keyboard = keyboard;
        self
    }
}

impl Method for EditMessageText {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
        let Target::Message(message) = self.target else {
            return Change::edit(conversation, &self.text, &self.keyboard);
        };
        let units = self.text.encode_utf16().count();
        if units > MAX_TEXT {
            return Err(Error::invalid(format!(
                "an edit in {conversation} has {units} UTF-16 units, at most {MAX_TEXT} are allowed"
            )));
        }
        if self.text.trim().is_empty() {
            return Err(Error::invalid(format!(
                "an edit in {conversation} is empty, which Telegram refuses"
            )));
        }
        let mut params = Place::of(conversation)?.params(conversation)?;
        params.insert("message_id".to_owned(), json!(message));
        params.insert("text".to_owned(), json!(self.text));
        if let Some(markup) = self.keyboard.markup()? {
            params.insert("reply_markup".to_owned(), markup);
        }
        Call::new("editMessageText", params).encode(conversation)
    }

    fn join(&self) -> Option<String> {
        Some(match &self.target {
            Target::Message(message) => format!("edit of message {message}"),
            Target::Sent(ticket) => ticket.edits(),
        })
    }

    fn refers(&self) -> Option<Ticket> {
        self.target.refers()
    }
}

/// Deletes a message in the chat of the update: the bot's, or anybody's where the bot may. One that is gone already
/// counts as deleted. Telegram deletes none in a group that is older than 48 hours; such a call goes to `dead`.
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct DeleteMessage(Target);

impl DeleteMessage {
    /// Deletes the message with this id.
    pub fn new(message: i64) -> Self {
        Self(Target::Message(message))
    }

    /// Deletes what an earlier call sent, as [`Context::delete`](tertulia::bot::Context::delete) does.
    pub fn of(ticket: &Ticket) -> Self {
        Self(Target::Sent(ticket.clone()))
    }
}

impl Method for DeleteMessage {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
        match self.0 {
            Target::Message(message) => {
                let params = Place::of(conversation)?.params(conversation)?;
                format::encode(&delete(&params, &[message]))
            }
            Target::Sent(_) => Change::delete(conversation),
        }
    }

    fn refers(&self) -> Option<Ticket> {
        self.0.refers()
    }
}
