//! Telegram, if a token is configured.

use std::sync::Arc;

use bytes::Bytes;
use tertulia::bot::{Adapter, Outgoing, Update};
use tertulia::runner::{About, Sender, Source};
use tertulia::{Conversation, Result};
use tertulia_telegram::Telegram;

use crate::config::Config;
use crate::failure::Failure;

/// The adapter, at the configured Bot API server.
///
/// # Errors
/// `Usage`, naming the key, if the token or the URL cannot be right.
pub(crate) fn telegram(config: &Config) -> Result<Option<Telegram>, Failure> {
    let Some(token) = &config.telegram_token else { return Ok(None) };
    let wrong = |key: &'static str| move |error| Failure::Usage(format!("{key}: {error}"));
    let telegram = Telegram::new(token.reveal()).map_err(wrong("telegram.token"))?;
    let telegram = telegram.rate_limits(config.telegram_rate);
    match &config.telegram_api_url {
        Some(url) => telegram.api_url(url).map_err(wrong("telegram.api_url")).map(Some),
        None => Ok(Some(telegram)),
    }
}

/// A platform that is not asked for updates: what an earlier process left of it is run and sent all the same, which
/// a bot without the adapter would give up.
#[derive(Debug)]
pub(crate) struct Unasked<A>(pub(crate) A);

impl<A: Adapter> Adapter for Unasked<A> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        self.0.sender()
    }

    fn decode(&self, about: &About) -> Result<Update> {
        self.0.decode(about)
    }

    fn encode(&self, conversation: &Conversation, outgoing: &Outgoing<'_>) -> Result<Option<Bytes>> {
        self.0.encode(conversation, outgoing)
    }
}
