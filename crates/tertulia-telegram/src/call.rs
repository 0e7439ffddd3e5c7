//! Calls that only Telegram knows, made with `ctx.call(..)`.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use tertulia::bot::{Context, Method};
use tertulia::runner::{About, CallOptions, Delivery};
use tertulia::{Conversation, Error, Result};

use crate::envelope::Envelope;
use crate::format::{self, Request};
use crate::origin::is_telegram;
use crate::{NAME, frankenstein};

/// Any method of the Bot API, with its parameters: a type of [`frankenstein`](crate::frankenstein), or whatever
/// else becomes a JSON object.
///
/// ```
/// # use tertulia::bot::Context;
/// use tertulia_telegram::Call;
/// use tertulia_telegram::frankenstein::methods::SendPhotoParams;
///
/// # async fn example(ctx: Context, chat_id: i64) -> tertulia::bot::Result {
/// let photo = SendPhotoParams::builder()
///     .chat_id(chat_id)
///     .photo("https://example.org/cat.jpg".to_owned())
///     .build();
/// ctx.call(Call::new("sendPhoto", photo)).await?;
/// ctx.call(Call::new("sendDice", serde_json::json!({ "chat_id": chat_id }))).await?;
/// # Ok(())
/// # }
/// ```
///
/// Files are named by their id or their URL; a local file is not uploaded but refused.
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct Call<P> {
    method: String,
    params: P,
    options: CallOptions,
}

impl<P: Serialize + Send> Call<P> {
    /// A call of `method`, by Telegram's name for it, such as `sendPhoto`.
    pub fn new(method: impl Into<String>, params: P) -> Self {
        Self { method: method.into(), params, options: CallOptions::default() }
    }

    /// The call is not made again when nobody knows whether it was made, but goes to `dead`: for what must not be
    /// there twice, such as an invoice.
    pub fn at_most_once(mut self) -> Self {
        self.options.delivery = Delivery::AtMostOnce;
        self
    }

    /// How long the call may still be made: 24 h unless told otherwise. Then it goes to `dead`.
    pub fn within(mut self, time: Duration) -> Self {
        self.options.within = Some(time);
        self
    }

    /// What the call overwrites, at most 256 bytes: of those of a conversation with the same key that wait, only the
    /// last is made.
    pub fn join(mut self, key: impl Into<String>) -> Self {
        self.options.join = Some(key.into());
        self
    }
}

impl<P: Serialize + Send> Method for Call<P> {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, _conversation: &Conversation) -> Result<Bytes> {
        let method = &self.method;
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::invalid(format!("`{method}` is no name of a method of the Bot API")));
        }
        let params = serde_json::to_value(&self.params).map_err(|error| {
            Error::invalid(format!("the parameters of {method} cannot be JSON")).with_source(error)
        })?;
        let params = match params {
            Value::Object(params) => params,
            Value::Null => Map::new(),
            _ => return Err(Error::invalid(format!("the parameters of {method} are not a JSON object"))),
        };
        if params.values().any(uploads) {
            return Err(Error::invalid(format!(
                "{method} names a local file, which is not uploaded: give a file id or a URL"
            )));
        }
        format::encode(&[Request { method: method.clone(), params }])
    }

    fn delivery(&self) -> Delivery {
        self.options.delivery
    }

    fn within(&self) -> Option<Duration> {
        self.options.within
    }

    fn join(&self) -> Option<String> {
        self.options.join.clone()
    }
}

/// Whether a local file is in the value, as `frankenstein` writes one.
fn uploads(value: &Value) -> bool {
    match value {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("path") => true,
        Value::Object(fields) => fields.values().any(uploads),
        Value::Array(items) => items.iter().any(uploads),
        _ => false,
    }
}

/// How long an answer to a callback query is worth sending.
const ANSWERABLE: Duration = Duration::from_secs(5 * 60);

/// Ends the waiting that a pressed button shows, with a notice if wanted. Telegram takes it within moments of the
/// press only; after that it is refused, and after 5 minutes not sent any more, and goes to `dead`.
///
/// ```
/// use tertulia::bot::Context;
/// use tertulia_telegram::AnswerCallbackQuery;
///
/// async fn pressed(ctx: Context) -> tertulia::bot::Result {
///     ctx.call(AnswerCallbackQuery::of(&ctx)?.text("saved")).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct AnswerCallbackQuery(frankenstein::methods::AnswerCallbackQueryParams);

impl AnswerCallbackQuery {
    /// Answers the callback query that is the update of this turn.
    ///
    /// # Errors
    /// `Invalid` if the update is no callback query of Telegram.
    pub fn of(ctx: &Context) -> Result<Self> {
        Self::to(ctx.turn().about())
    }

    /// Answers the callback query that is this update, such as one that a handler has waited for.
    ///
    /// ```
    /// use tertulia::bot::{Context, callback};
    /// use tertulia_telegram::{AnswerCallbackQuery, SendMessage};
    ///
    /// async fn sure(ctx: Context) -> tertulia::bot::Result {
    ///     let question = ctx.call(SendMessage::new("Sure?").button("Yes", "yes").button("No", "no")).await?;
    ///     let pressed = ctx.next_update().of(callback).await?;
    ///     ctx.call(AnswerCallbackQuery::to(&pressed.about)?).await?;
    ///     ctx.edit(&question, format!("You said {}.", pressed.text)).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn to(about: &About) -> Result<Self> {
        Self::pressed(&about.conversation, &about.body)
    }

    pub(crate) fn pressed(conversation: &Conversation, update: &[u8]) -> Result<Self> {
        let query = if is_telegram(&conversation.source()) {
            Envelope::open(update).ok().and_then(|envelope| envelope.callback_query())
        } else {
            None
        };
        let none = || Error::invalid(format!("the update in {conversation} is no callback query"));
        query.map(Self::new).ok_or_else(none)
    }

    /// Answers the callback query with this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(frankenstein::methods::AnswerCallbackQueryParams::builder().callback_query_id(id).build())
    }

    /// Shows a notice: at most 200 characters.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.text = Some(text.into());
        self
    }

    /// Shows the notice as a dialogue that the user closes.
    pub fn alert(mut self) -> Self {
        self.0.show_alert = Some(true);
        self
    }
}

impl Method for AnswerCallbackQuery {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
        let characters = self.0.text.as_deref().map_or(0, |text| text.chars().count());
        if characters > 200 {
            return Err(Error::invalid(format!(
                "the notice of a callback query has {characters} characters, at most 200 are allowed"
            )));
        }
        Call::new("answerCallbackQuery", &self.0).encode(conversation)
    }

    /// Telegram forgets the press within minutes.
    fn within(&self) -> Option<Duration> {
        Some(ANSWERABLE)
    }
}
