//! Messages of text: how a text becomes messages, and messages with buttons.

use bytes::Bytes;
use serde_json::{Map, Value};
use tertulia::bot::Method;
use tertulia::{Conversation, Error, Result};

use crate::format::{self, Request};
use crate::keyboard::Keyboard;
use crate::place::Place;
use crate::split::split;
use crate::{MAX_PARTS, MAX_TEXT, NAME};

/// A reply with buttons. A long text is split like that of a plain reply; the buttons are under its last message. The
/// ticket is as good for edits as a reply's.
///
/// ```
/// use tertulia::bot::Context;
/// use tertulia_telegram::SendMessage;
///
/// async fn ask(ctx: Context) -> tertulia::bot::Result {
///     ctx.call(SendMessage::new("Shall I?").button("Yes", "yes").button("No", "no")).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct SendMessage {
    text: String,
    keyboard: Keyboard,
}

impl SendMessage {
    /// A message that says this, without buttons yet.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), keyboard: Keyboard::new() }
    }

    /// Adds a button, as [`Keyboard::button`].
    pub fn button(mut self, text: impl Into<String>, data: impl Into<String>) -> Self {
        self.keyboard = self.keyboard.button(text, data);
        self
    }

    /// Adds a button that opens a URL.
    pub fn link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.keyboard = self.keyboard.link(text, url);
        self
    }

    /// Begins another row with the next button.
    pub fn row(mut self) -> Self {
        self.keyboard = self.keyboard.row();
        self
    }

    /// Sets all buttons.
    pub fn keyboard(mut self, keyboard: Keyboard) -> Self {
        self.keyboard = keyboard;
        self
    }
}

impl Method for SendMessage {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
        say(conversation, &self.text, &self.keyboard)
    }
}

/// The call that says `text`, in as many messages as it takes.
///
/// # Errors
/// `Invalid` if Telegram would refuse it.
pub(crate) fn say(conversation: &Conversation, text: &str, keyboard: &Keyboard) -> Result<Bytes> {
    let params = Place::of(conversation)?.params(conversation)?;
    let parts = parts("a reply to", conversation, text)?;
    let mut requests: Vec<Request> = parts.into_iter().map(|part| message(&params, part)).collect();
    if let (Some(last), Some(markup)) = (requests.last_mut(), keyboard.markup()?) {
        last.params.insert("reply_markup".to_owned(), markup);
    }
    format::encode(&requests)
}

/// The request that sends one message.
pub(crate) fn message(params: &Map<String, Value>, text: &str) -> Request {
    let mut params = params.clone();
    params.insert("text".to_owned(), Value::from(text));
    Request { method: "sendMessage".to_owned(), params }
}

/// The texts of the messages that say `text`; `what` begins an error.
///
/// # Errors
/// `Invalid` if there are none or too many.
pub(crate) fn parts<'a>(what: &str, conversation: &Conversation, text: &'a str) -> Result<Vec<&'a str>> {
    let parts = split(text, MAX_TEXT);
    if parts.is_empty() {
        return Err(Error::invalid(format!("{what} {conversation} is empty, which Telegram refuses")));
    }
    if parts.len() > MAX_PARTS {
        return Err(Error::invalid(format!(
            "{what} {conversation} takes {} messages of {MAX_TEXT} UTF-16 units, at most {MAX_PARTS} are allowed",
            parts.len()
        )));
    }
    Ok(parts)
}
