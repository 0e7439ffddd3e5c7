//! What is configured of webhooks.

use super::{Secret, Values, plain_name, token, url};

/// How Telegram posts its updates.
#[derive(Debug)]
pub(crate) struct TelegramWebhook {
    /// Where Telegram is told to post; without one it is polled.
    pub(crate) url: Option<String>,
    /// Without one, the secret is made of the bot token.
    pub(crate) secret: Option<Secret>,
    pub(crate) previous: Option<Secret>,
}

/// How another system posts, and signs.
#[derive(Debug)]
pub(crate) struct SignedWebhook {
    /// The source of its conversations, and the end of its path.
    pub(crate) name: String,
    /// Without one there is no such webhook.
    pub(crate) key: Option<Secret>,
    pub(crate) previous: Option<Secret>,
    /// Where a body names its conversation, and its text.
    pub(crate) conversation: String,
    pub(crate) text: String,
}

impl SignedWebhook {
    /// The path that it posts to.
    pub(crate) fn path(&self) -> String {
        format!("/webhook/{}", self.name)
    }
}

/// The path that Telegram posts to.
pub(crate) const TELEGRAM_PATH: &str = "/webhook/telegram";

/// # Errors
/// A line that names the key.
pub(super) fn telegram(get: &Values<'_>) -> Result<TelegramWebhook, String> {
    Ok(TelegramWebhook {
        url: get.optional("telegram.webhook_url", url)?.map(with_path),
        secret: get.optional("telegram.webhook_secret", telegram_secret)?,
        previous: get.optional("telegram.webhook_secret_previous", telegram_secret)?,
    })
}

/// # Errors
/// A line that names the key.
pub(super) fn signed(get: &Values<'_>) -> Result<SignedWebhook, String> {
    Ok(SignedWebhook {
        name: get.needed("webhook.name", name)?,
        key: get.optional("webhook.secret", token)?,
        previous: get.optional("webhook.secret_previous", token)?,
        conversation: get.needed("webhook.conversation", pointer)?,
        text: get.needed("webhook.text", pointer)?,
    })
}

/// A server alone is completed with the path that this one answers at.
fn with_path(url: String) -> String {
    match reqwest::Url::parse(&url) {
        Ok(mut parsed) if parsed.path() == "/" => {
            parsed.set_path(TELEGRAM_PATH);
            parsed.into()
        }
        _ => url,
    }
}

fn telegram_secret(text: &str) -> Option<Secret> {
    tertulia_telegram::Secrets::new(text).is_ok().then(|| Secret::new(text))
}

fn name(text: &str) -> Option<String> {
    plain_name(text).filter(|name| ![tertulia_telegram::NAME, tertulia_http::SOURCE].contains(&name.as_str()))
}

fn pointer(text: &str) -> Option<String> {
    text.starts_with('/').then(|| text.to_owned())
}
