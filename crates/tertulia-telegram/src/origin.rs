//! Where a bot's updates come from: what its conversations are called, and its update ids.

use tertulia::{Error, Name, Result};

use crate::NAME;
use crate::client::Client;

/// The longest name of a bot among several.
const MAX_NAME: usize = 32;

/// The source of a bot's conversations, and the space of its update ids.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) source: String,
    /// One for each bot, since each counts by itself.
    pub(crate) ids: Name,
}

impl Origin {
    pub(crate) fn new(source: &str, client: &Client) -> Self {
        let of_bot = client.bot().and_then(|bot| Name::new(format!("{NAME}/{bot}")).ok());
        let ids = of_bot.unwrap_or(const { Name::from_static(NAME) });
        Self { source: source.to_owned(), ids }
    }
}

/// The source of the conversations of a bot that has a name among several.
///
/// # Errors
/// `Invalid` if it is not of 1 to 32 lowercase letters, digits, `-` and `_`.
pub(crate) fn source_of(name: &str) -> Result<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(format!("{NAME}-{name}"));
    }
    Err(Error::invalid(format!(
        "a bot cannot be named `{name}`: 1 to {MAX_NAME} lowercase letters, digits, `-` and `_` are allowed"
    )))
}

/// Whether conversations of this source are Telegram's.
pub(crate) fn is_telegram(source: &str) -> bool {
    source.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
