//! Edits of messages, of which only the last that waits is made.

use bytes::Bytes;
use serde_json::json;
use tertulia::bot::Method;
use tertulia::{Conversation, Error, Result};

use crate::call::Call;
use crate::place::Place;
use crate::{MAX_TEXT, NAME};

/// Replaces the text of a message that the bot has sent to the chat of the update. While a later edit of the same
/// message waits, an earlier one is dropped, so that a text that grows costs no more messages than Telegram takes.
///
/// ```
/// use tertulia::bot::Context;
/// use tertulia_telegram::EditMessageText;
///
/// async fn progress(ctx: Context) -> tertulia::bot::Result {
///     ctx.call(EditMessageText::new(17, "half way")).await?;
///     ctx.call(EditMessageText::new(17, "done")).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct EditMessageText {
    message: i64,
    text: String,
}

impl EditMessageText {
    /// An edit of the message with this id.
    pub fn new(message: i64, text: impl Into<String>) -> Self {
        Self { message, text: text.into() }
    }
}

impl Method for EditMessageText {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
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
        params.insert("message_id".to_owned(), json!(self.message));
        params.insert("text".to_owned(), json!(self.text));
        Call::new("editMessageText", params).encode(conversation)
    }

    fn join(&self) -> Option<String> {
        Some(format!("edit of message {}", self.message))
    }
}
