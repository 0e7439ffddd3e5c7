//! The webhooks of the server: what bots get of them, their routes, and telling Telegram where to post.

use std::time::Duration;

use axum::Router;
use tertulia::Clock;
use tertulia::bot::{Bot, Door};
use tertulia::error::Kind;
use tertulia::runner::RetryAfter;
use tertulia_http::{Signed, WebhookOptions, webhook};
use tertulia_telegram::{Secrets, Telegram, Webhook};

use crate::config::{Config, SignedWebhook, TELEGRAM_PATH, TelegramWebhook};
use crate::failure::Failure;
use crate::output;

/// The wait before Telegram is told again; it doubles each time, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Those that are configured.
#[derive(Debug)]
pub(crate) struct Webhooks {
    /// With the URL that Telegram is told.
    telegram: Option<(Webhook, String)>,
    signed: Option<Signed>,
}

impl Webhooks {
    /// Those of the configuration, and Telegram's adapter as it is to be run.
    ///
    /// # Errors
    /// `Usage`, naming the key.
    pub(crate) fn of(
        config: &Config,
        telegram: Option<Telegram>,
    ) -> Result<(Option<Telegram>, Self), Failure> {
        let signed = signed(&config.webhook)?;
        let TelegramWebhook { url, secret, previous } = &config.telegram_webhook;
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        let (adapter, token, url) = match (telegram, &config.telegram_token, url) {
            (Some(adapter), Some(token), Some(url)) => (adapter, token, url.clone()),
            (_, _, Some(_)) => {
                return usage(
                    "telegram.webhook_url: is set, but telegram.token is not; set TELEGRAM_BOT_TOKEN",
                );
            }
            (_, _, None) if secret.is_some() || previous.is_some() => {
                return usage("telegram.webhook_secret: is set, but telegram.webhook_url is not");
            }
            (telegram, _, None) => return Ok((telegram, Self { telegram: None, signed })),
        };
        let wrong = |error| Failure::Usage(format!("telegram.webhook_secret: {error}"));
        let secrets = match secret {
            Some(secret) => Secrets::new(secret.reveal()).map_err(wrong)?,
            None => Secrets::of_token(token.reveal()),
        };
        let secrets = match previous {
            Some(previous) => secrets.previous(previous.reveal()).map_err(wrong)?,
            None => secrets,
        };
        let (adapter, hook) = adapter.webhook(secrets);
        Ok((Some(adapter), Self { telegram: Some((hook, url)), signed }))
    }

    /// Gives a bot the platforms that only post.
    pub(crate) fn platforms(&self, bot: Bot) -> Bot {
        match &self.signed {
            Some(signed) => bot.adapter(signed.clone()),
            None => bot,
        }
    }

    /// Their routes, which have secrets of their own and need no token of the server's.
    pub(crate) fn routes(&self, config: &Config, door: &Door) -> Router {
        let (mut routes, options) = (Router::new(), WebhookOptions::default());
        if let Some((hook, _)) = &self.telegram {
            routes = routes.route(TELEGRAM_PATH, webhook(door.clone(), hook.clone(), options));
        }
        if let Some(signed) = &self.signed {
            routes = routes.route(&config.webhook.path(), webhook(door.clone(), signed.clone(), options));
        }
        routes
    }

    /// Prints where they are; `url` is the server's.
    pub(crate) fn announce(&self, config: &Config, url: &str) {
        if let Some((_, public)) = &self.telegram {
            output::line(format_args!("          posts to {public}"));
        }
        if self.signed.is_some() {
            output::line(format_args!("webhook   signed posts to {url}{}", config.webhook.path()));
        }
    }

    /// Tells Telegram where to post, until it knows. Resolves only if it cannot be told, with the reason.
    ///
    /// # Cancel safety
    /// If dropped, Telegram may have been told or not.
    pub(crate) async fn registering(&self, clock: &Clock) -> tertulia::Error {
        let Some((hook, url)) = &self.telegram else { return std::future::pending().await };
        let mut wait = FIRST_WAIT;
        loop {
            let error = match hook.register(url).await {
                Ok(()) => {
                    tracing::info!(url, "Telegram posts updates");
                    return std::future::pending().await;
                }
                Err(error) if error.kind() == Kind::Unavailable => error,
                Err(error) => return error,
            };
            let told = error.detail().map_or(wait, |RetryAfter(told)| *told);
            tracing::warn!(%error, "Telegram cannot be told where to post, trying again in {} ms", told.as_millis());
            clock.sleep(told).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// The platform of the system that signs its posts, if one is configured.
///
/// # Errors
/// `Usage`, naming the key.
fn signed(configured: &SignedWebhook) -> Result<Option<Signed>, Failure> {
    let wrong = |error| Failure::Usage(format!("webhook: {error}"));
    let signed = match (&configured.key, &configured.previous) {
        (Some(key), _) => Signed::by_pointer(&configured.name, key.reveal(), &configured.conversation),
        (None, None) => return Ok(None),
        (None, Some(_)) => {
            return Err(Failure::Usage("webhook.secret_previous: is set, but webhook.secret is not".into()));
        }
    };
    let signed = signed.and_then(|signed| signed.text(&configured.text));
    let signed = match &configured.previous {
        Some(previous) => signed.and_then(|signed| signed.previous_key(previous.reveal())),
        None => signed,
    };
    signed.map(Some).map_err(wrong)
}
