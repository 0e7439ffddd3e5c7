//! What is configured of a handler in any language.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

use super::print::without_password;
use super::{Secret, Values, plain_name, seconds, token, url};
use crate::client::is_local;
use crate::demo;

/// A handler that updates are posted to.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) url: Url,
    /// What posts are signed with; without one they are not signed.
    pub(crate) secret: Option<Secret>,
    /// The name of its sessions.
    pub(crate) session: String,
    /// What somebody says to cancel what it does for him.
    pub(crate) cancel: Option<String>,
    /// How long it may take to answer, or to go on with an answer.
    pub(crate) time_limit: Duration,
}

impl Handler {
    /// Whether it is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.url.host_str().is_some_and(is_local)
    }
}

impl fmt::Display for Handler {
    /// Without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(self.url.as_str()))
    }
}

/// # Errors
/// A line that names the key; that a handler on another machine could not tell who posts.
pub(super) fn handler(get: &Values<'_>) -> Result<Option<Handler>, String> {
    let secret = get.optional("handler_secret", token)?;
    let session =
        get.needed("handler_session", |text| plain_name(text).filter(|name| name != demo::SESSION))?;
    let time_limit = get.needed("handler_timeout", seconds)?;
    let cancel = get.optional("handler_cancel", said)?;
    let url = get.optional("handler", |text| Url::parse(&url(text)?).ok())?;
    let Some(url) = url else { return Ok(None) };
    let handler = Handler { url, secret, session, cancel, time_limit };
    if handler.secret.is_none() && !handler.is_local() {
        return Err(format!(
            "handler: `{handler}` is on another machine, and no secret is set that it could tell posts by; set \
             TERTULIA_HANDLER_SECRET, or use a loopback address such as http://127.0.0.1:8700"
        ));
    }
    Ok(Some(handler))
}

/// Something that can be said.
fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (1..=64).contains(&text.chars().count()).then(|| text.to_owned())
}
