//! Telegram's webhook: which posts are Telegram's, which update a post is, and how Telegram is told where to post.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tertulia::bot::{Headers, Hook};
use tertulia::runner::{Incoming, RetryAfter};
use tertulia::{Error, Result, Timestamp};

use crate::Secrets;
use crate::client::{Client, Failure, Refusal};
use crate::incoming::incoming;
use crate::origin::Origin;

/// The header in which Telegram repeats the secret.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// How long Telegram may take to answer when it is told where to post.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many posts Telegram may have under way at once, unless told otherwise: its own limit.
const MAX_CONNECTIONS: u8 = 100;

/// A bot's webhook, from [`Telegram::webhook`](crate::Telegram::webhook): to be served where Telegram can reach it,
/// such as by `tertulia_http::webhook`.
///
/// A post is Telegram's if its one `X-Telegram-Bot-Api-Secret-Token` is one of the [`Secrets`].
#[derive(Clone)]
pub struct Webhook {
    client: Client,
    secrets: Secrets,
    origin: Origin,
    allowed_updates: Option<Vec<String>>,
    max_connections: u8,
}

#[derive(Serialize)]
struct SetWebhook<'a> {
    url: &'a str,
    secret_token: &'a str,
    max_connections: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_updates: Option<&'a [String]>,
}

impl Webhook {
    pub(crate) fn new(
        client: Client,
        origin: Origin,
        secrets: Secrets,
        allowed_updates: Option<Vec<String>>,
    ) -> Self {
        Self { client, secrets, origin, allowed_updates, max_connections: MAX_CONNECTIONS }
    }

    /// How many posts Telegram may have under way at once: 100 unless told otherwise, which is the most Telegram
    /// allows; the least is 1. Told with the next [`register`](Self::register).
    #[must_use]
    pub fn max_connections(mut self, most: u8) -> Self {
        self.max_connections = most.clamp(1, MAX_CONNECTIONS);
        self
    }

    /// Tells Telegram (`setWebhook`) to post to `url`, with the current secret and the kinds of updates the bot was
    /// to get when the webhook was made. Telegram then refuses polls until its method `deleteWebhook` is called.
    /// What waits there is posted; nothing is dropped. May be repeated.
    ///
    /// # Errors
    /// `Invalid` if Telegram refuses the token or the URL; `Unavailable` if it cannot answer now, with a
    /// [`RetryAfter`] if it said when to come back.
    ///
    /// # Cancel safety
    /// If dropped, Telegram may have been told or not; telling it again does no harm.
    pub async fn register(&self, url: &str) -> Result<()> {
        let ask = SetWebhook {
            url,
            secret_token: self.secrets.reveal(),
            max_connections: self.max_connections,
            allowed_updates: self.allowed_updates.as_deref(),
        };
        let json = serde_json::to_vec(&ask)
            .map_err(|error| Error::internal("setWebhook cannot be written as JSON").with_source(error))?;
        let answered = self.client.post("setWebhook", json, TIMEOUT).await;
        match answered.and_then(|answer| self.client.result("setWebhook", &answer).map(drop)) {
            Ok(()) => Ok(()),
            Err(Failure::Unreachable(error) | Failure::Unanswered(error) | Failure::Late(error)) => {
                Err(error)
            }
            Err(Failure::Refused(refusal)) => Err(self.refused(&refusal)),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Error {
        let api = self.client.api();
        match refusal.status {
            401 | 404 => Error::invalid(format!(
                "{api} refuses the bot token ({refusal}): it was revoked or mistyped, @BotFather gives the current one"
            )),
            400..500 if !matches!(refusal.status, 408 | 429) => {
                Error::invalid(format!("{api} refuses the webhook ({refusal})"))
            }
            _ => {
                let error = Error::unavailable(format!("{api} cannot answer setWebhook ({refusal})"));
                match refusal.retry_after {
                    Some(wait) => error.with_source(RetryAfter(wait)),
                    None => error,
                }
            }
        }
    }
}

impl Hook for Webhook {
    fn name(&self) -> &str {
        &self.origin.source
    }

    fn admit(&self, headers: &Headers<'_>, _: Timestamp) -> Result<()> {
        match headers(SECRET_HEADER).one() {
            Some(given) if self.secrets.accept(given) => Ok(()),
            _ => Err(Error::invalid("a post of Telegram carries the secret of the webhook, once")),
        }
    }

    fn open(&self, _: &Headers<'_>, body: Bytes) -> Result<Incoming> {
        Ok(incoming(&self.origin, &body)?.1)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("client", &self.client).finish_non_exhaustive()
    }
}
