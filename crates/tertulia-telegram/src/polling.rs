//! Long polling: asks for updates, each time confirming what the last answer gave.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tertulia::error::Kind;
use tertulia::runner::{Incoming, Source};
use tertulia::storage::BoxFuture;
use tertulia::{Error, Result};

use crate::client::{Client, Failure, Refusal};
use crate::incoming::incoming;
use crate::origin::Origin;

/// The most updates Telegram gives at once.
const MAX_LIMIT: usize = 100;
/// An empty answer is given back no sooner than this, so that a server that does not hold polls is not flooded.
const PACE: Duration = Duration::from_millis(250);
/// How long to wait when Telegram says to wait and not how long.
const WAIT: Duration = Duration::from_secs(3);

/// The source of a bot's updates.
pub(crate) struct Polling {
    client: Client,
    options: Options,
    origin: Origin,
    /// What the next poll asks for; it confirms all updates before.
    offset: Option<i64>,
    /// Whether the last answer gave updates, so that `offset` is news.
    unconfirmed: bool,
    /// Whether the last answer gave only updates without an id, which cannot be confirmed and come again.
    stuck: bool,
}

/// How to poll.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How long Telegram holds a poll without updates.
    pub(crate) timeout: Duration,
    /// How long an answer may take beyond that.
    pub(crate) margin: Duration,
    /// Which kinds of updates to get; Telegram's last setting if `None`.
    pub(crate) allowed_updates: Option<Vec<String>>,
}

#[derive(Serialize)]
struct GetUpdates<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    limit: usize,
    timeout: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_updates: Option<&'a [String]>,
}

impl Polling {
    pub(crate) fn new(client: Client, origin: Origin, options: Options) -> Self {
        Self { client, options, origin, offset: None, unconfirmed: false, stuck: false }
    }

    async fn poll(&mut self, limit: usize) -> Result<Vec<Incoming>> {
        loop {
            if self.stuck {
                tokio::time::sleep(WAIT).await;
            }
            let pace = tokio::time::sleep(PACE);
            let refusal = match self.get(limit.clamp(1, MAX_LIMIT), self.options.timeout).await {
                Ok(updates) => {
                    self.unconfirmed = !updates.is_empty();
                    let last = updates.iter().filter_map(|(id, _)| *id).max();
                    self.stuck = self.unconfirmed && last.is_none();
                    self.offset = last.map(|last| last.saturating_add(1)).or(self.offset);
                    if updates.is_empty() {
                        pace.await;
                    }
                    return Ok(updates.into_iter().map(|(_, update)| update).collect());
                }
                Err(Failure::Refused(refusal)) => refusal,
                Err(Failure::Late(error)) => {
                    return Err(Error::new(Kind::Timeout, error.to_string()).with_source(error));
                }
                Err(Failure::Unreachable(error) | Failure::Unanswered(error)) => return Err(error),
            };
            if refusal.status != 429 {
                return Err(self.refused(&refusal));
            }
            let wait = refusal.retry_after.unwrap_or(WAIT);
            tracing::warn!(source = ?self, "Telegram says to wait, polling again in {} s", wait.as_secs());
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes one poll; gives the updates with their ids, where they have one.
    async fn get(&self, limit: usize, timeout: Duration) -> Result<Vec<(Option<i64>, Incoming)>, Failure> {
        let ask = GetUpdates {
            offset: self.offset,
            limit,
            timeout: timeout.as_secs(),
            allowed_updates: self.options.allowed_updates.as_deref(),
        };
        let json = serde_json::to_vec(&ask).map_err(|error| {
            Failure::Unreachable(Error::internal("getUpdates cannot be written as JSON").with_source(error))
        })?;
        let answer = self.client.post("getUpdates", json, timeout + self.options.margin).await?;
        let result = self.client.result("getUpdates", &answer)?;
        let updates: Vec<&RawValue> = serde_json::from_str(result.get()).map_err(|error| {
            Failure::Unanswered(
                Error::unavailable("the result of getUpdates is not an array").with_source(error),
            )
        })?;
        updates
            .into_iter()
            .map(|update| incoming(&self.origin, update.get().as_bytes()).map_err(Failure::Unanswered))
            .collect()
    }

    /// What a refused poll means, and what to do about it.
    fn refused(&self, refusal: &Refusal) -> Error {
        let api = self.client.api();
        match refusal.status {
            401 => Error::invalid(format!(
                "Telegram refuses the bot token ({refusal}): it was revoked or mistyped, @BotFather gives the current one"
            )),
            404 => Error::invalid(format!(
                "{api} knows no bot with this token ({refusal}): check the token, and the API URL if one is set"
            )),
            409 if refusal.description.to_ascii_lowercase().contains("webhook") => Error::invalid(format!(
                "the bot cannot be polled because a webhook is set ({refusal}): remove it with the method deleteWebhook"
            )),
            409 => Error::invalid(format!(
                "another program polls this bot ({refusal}): stop it, or use another bot's token, one bot has one poller"
            )),
            400..500 if refusal.status != 408 => {
                Error::invalid(format!("{api} refuses getUpdates ({refusal})"))
            }
            _ => Error::unavailable(format!("{api} cannot answer getUpdates ({refusal})")),
        }
    }
}

impl Source for Polling {
    fn fetch(&mut self, limit: usize) -> BoxFuture<'_, Result<Vec<Incoming>>> {
        Box::pin(self.poll(limit))
    }

    fn confirm(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            if !self.unconfirmed || self.offset.is_none() {
                return Ok(());
            }
            match self.get(1, Duration::ZERO).await {
                Ok(_) => {
                    self.unconfirmed = false;
                    Ok(())
                }
                Err(Failure::Refused(refusal)) => Err(self.refused(&refusal)),
                Err(Failure::Unreachable(error) | Failure::Unanswered(error) | Failure::Late(error)) => {
                    Err(error)
                }
            }
        })
    }
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("api", &self.client.api().as_str())
            .field("bot", &self.client.bot())
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
