//! The adapter: what a bot is given to be on Telegram.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use tertulia::bot::{Adapter, Method, Outgoing, Update};
use tertulia::runner::{About, Sender, Source};
use tertulia::{Conversation, Error, Result};

use crate::change::Change;
use crate::client::Client;
use crate::compose;
use crate::envelope::Envelope;
use crate::format;
use crate::message::say;
use crate::moment::reaction;
use crate::origin::{Origin, source_of};
use crate::pace::RateLimits;
use crate::place::Place;
use crate::polling::{Options, Polling};
use crate::split::split;
use crate::token::Token;
use crate::{AnswerCallbackQuery, Keyboard, MAX_TEXT, NAME, Secrets, SetMessageReaction, Webhook, sender};

/// The environment variable of the bot token.
const TOKEN_VARIABLE: &str = "TELEGRAM_BOT_TOKEN";
/// The environment variable of the API URL.
const URL_VARIABLE: &str = "TELEGRAM_API_URL";
/// Telegram's own Bot API server.
const API_URL: &str = "https://api.telegram.org";

/// Telegram, by long polling, or by [`webhook`](Self::webhook). Its token is in no `Debug` output, log or error.
///
/// A proxy is taken from `HTTPS_PROXY`, or from `HTTP_PROXY` for a Bot API server without TLS.
#[must_use = "a platform does nothing until a bot runs on it"]
pub struct Telegram {
    client: Client,
    /// The source of its conversations.
    source: String,
    options: Options,
    /// Whether updates are posted and not asked for.
    posted: bool,
    limits: RateLimits,
    /// Made when first asked for, since the settings may change until then.
    sender: OnceLock<Arc<dyn Sender>>,
}

impl Telegram {
    /// The bot whose token is in `TELEGRAM_BOT_TOKEN`, at the Bot API server of `TELEGRAM_API_URL` if that is set.
    ///
    /// # Errors
    /// `Invalid` if there is no token, or if one of the two cannot be right.
    pub fn from_env() -> Result<Self> {
        let token = variable(TOKEN_VARIABLE)?.ok_or_else(|| {
            Error::invalid(format!("{TOKEN_VARIABLE} is not set: @BotFather gives the token of a bot"))
        })?;
        let telegram = Self::new(&token).map_err(|error| error.context(TOKEN_VARIABLE))?;
        match variable(URL_VARIABLE)? {
            Some(url) => telegram.api_url(&url).map_err(|error| error.context(URL_VARIABLE)),
            None => Ok(telegram),
        }
    }

    /// The bot with this token.
    ///
    /// # Errors
    /// `Invalid` if it cannot be a token; `Internal` if TLS cannot be set up.
    pub fn new(token: &str) -> Result<Self> {
        let client = Client::new(parse_url(API_URL)?, Token::new(token)?)?;
        let options = Options {
            timeout: Duration::from_secs(30),
            margin: Duration::from_secs(10),
            allowed_updates: None,
        };
        let limits = RateLimits::default();
        let source = NAME.to_owned();
        Ok(Self { client, source, options, posted: false, limits, sender: OnceLock::new() })
    }

    /// Gives the bot a name, for programs with several: its conversations are then `telegram-<name>:<chat>`, so that the
    /// same chat with two bots is two conversations. A bot that is named anew has none of its sessions.
    ///
    /// ```no_run
    /// # use tertulia::bot::{Bot, Context};
    /// # use tertulia_telegram::Telegram;
    /// # fn example(support: &str, sales: &str) -> tertulia::Result<Bot> {
    /// let bot = Bot::new(Telegram::new(support)?.named("support")?)
    ///     .adapter(Telegram::new(sales)?.named("sales")?);
    /// # Ok(bot)
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` if the name is not of 1 to 32 lowercase letters, digits, `-` and `_`.
    pub fn named(mut self, name: &str) -> Result<Self> {
        self.source = source_of(name)?;
        Ok(self)
    }

    /// The Bot API server: `https://api.telegram.org` unless told otherwise. Without TLS whoever is on the way sees
    /// the token, so `http:` is for servers on the same machine or network.
    ///
    /// # Errors
    /// `Invalid` if it is not an `http` or `https` URL of a server, with a path or without.
    pub fn api_url(mut self, url: &str) -> Result<Self> {
        self.client = self.client.at(parse_url(url)?);
        self.sender = OnceLock::new();
        Ok(self)
    }

    /// How many messages are sent in a while; those of Telegram's FAQ unless told otherwise.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.limits = limits;
        self.sender = OnceLock::new();
        self
    }

    /// Which kinds of updates to get, by Telegram's names, such as `message` and `callback_query`. Without this
    /// Telegram goes on as it was told last, and if it never was, gives all kinds but `chat_member`,
    /// `message_reaction` and `message_reaction_count`.
    pub fn allowed_updates<I: IntoIterator<Item: Into<String>>>(mut self, kinds: I) -> Self {
        self.options.allowed_updates = Some(kinds.into_iter().map(Into::into).collect());
        self
    }

    /// How long Telegram holds a poll while there are no updates: 30 s unless told otherwise. Whole seconds;
    /// Telegram holds 50 at most, and more is cut to that.
    pub fn poll_timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Duration::from_secs(timeout.as_secs().min(50));
        self
    }

    /// How long the answer to a poll may take beyond that before the connection is given up and another is made:
    /// 10 s unless told otherwise.
    pub fn poll_margin(mut self, margin: Duration) -> Self {
        self.options.margin = margin;
        self
    }

    /// Has updates posted instead of asking for them: Telegram is polled no more, and what posts them is to be given
    /// the webhook. `None` makes the secret of the token, as [`Secrets::of_token`] does. To be called last: the webhook
    /// is of the name, the API server and the kinds of updates that were set before.
    ///
    /// An update is the same whether it was posted or polled, so changing from one to the other loses nothing and
    /// runs nothing twice.
    ///
    /// ```no_run
    /// # use tertulia_telegram::{Secrets, Telegram};
    /// # async fn example() -> tertulia::Result<()> {
    /// let (telegram, webhook) = Telegram::from_env()?.webhook(Secrets::new("a-long-random-text")?);
    /// // The bot gets `telegram`. Once `webhook` is served:
    /// webhook.register("https://bot.example.org/webhook/telegram").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn webhook(mut self, secrets: impl Into<Option<Secrets>>) -> (Self, Webhook) {
        let secrets = secrets.into().unwrap_or_else(|| self.client.secrets());
        let webhook =
            Webhook::new(self.client.clone(), self.origin(), secrets, self.options.allowed_updates.clone());
        self.posted = true;
        (self, webhook)
    }

    fn origin(&self) -> Origin {
        Origin::new(&self.source, &self.client)
    }
}

impl Adapter for Telegram {
    fn name(&self) -> &str {
        &self.source
    }

    fn platform(&self) -> &str {
        NAME
    }

    fn goes_on(&self, conversation: &Conversation) -> bool {
        !matches!(Place::of(conversation), Ok(Place::Update(_)))
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        if self.posted {
            return None;
        }
        Some(Box::new(Polling::new(self.client.clone(), self.origin(), self.options.clone())))
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        let sender =
            self.sender.get_or_init(|| Arc::new(sender::Outgoing::new(self.client.clone(), self.limits)));
        Some(Arc::clone(sender))
    }

    fn decode(&self, about: &About) -> Result<Update> {
        Envelope::open(&about.body)?.decode()
    }

    fn compose(&self, conversation: &Conversation, update: &Update) -> Result<Option<Bytes>> {
        compose::update(conversation, update).map(Some)
    }

    fn says(&self, call: &[u8]) -> Option<String> {
        compose::says(call)
    }

    fn parts<'a>(&self, text: &'a str) -> Vec<&'a str> {
        split(text, MAX_TEXT)
    }

    fn encode(&self, conversation: &Conversation, outgoing: &Outgoing<'_>) -> Result<Option<Bytes>> {
        match outgoing {
            // Nobody waits for it there.
            Outgoing::React { update, .. } | Outgoing::AnswerCallback { update, .. }
                if compose::is_composed(update) =>
            {
                format::encode(&[])
            }
            Outgoing::Reply { text } => say(conversation, text, &Keyboard::new()),
            Outgoing::Edit { text } => Change::edit(conversation, text, &Keyboard::new()),
            Outgoing::Delete => Change::delete(conversation),
            Outgoing::React { update, emoji } => {
                let none = || Error::invalid(format!("the update in {conversation} has no message"));
                let message = Envelope::open(update)?.message().ok_or_else(none)?;
                SetMessageReaction::new(message, *emoji).encode(conversation)
            }
            Outgoing::ReactTo { emoji } => Change::react(conversation, reaction(emoji)),
            Outgoing::AnswerCallback { update, text } => {
                let answer = AnswerCallbackQuery::pressed(conversation, update)?;
                if text.is_empty() { answer } else { answer.text(*text) }.encode(conversation)
            }
            _ => return Ok(None),
        }
        .map(Some)
    }
}

/// An environment variable; one that is empty is as one that is not set.
fn variable(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // Its error would show the value.
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::invalid(format!("{name} is not UTF-8"))),
    }
}

fn parse_url(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::invalid(format!("the API URL {why}: it looks like {API_URL}"));
    let url = Url::parse(text.trim()).map_err(|error| wrong("is no URL").with_source(error))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(wrong("has more than a server and a path"));
    }
    Ok(url)
}

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telegram")
            .field("client", &self.client)
            .field("options", &self.options)
            .field("posted", &self.posted)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
