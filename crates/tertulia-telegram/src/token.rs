//! The bot token, which must not be seen anywhere but in the path of a request.

use std::fmt;

use tertulia::{Error, Result};

/// A bot token. Neither its `Debug` nor any error shows it.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// Checks that the token can stand in a path.
    ///
    /// # Errors
    /// `Invalid`, without the token.
    pub(crate) fn new(token: &str) -> Result<Self> {
        let token = token.trim();
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.');
        if token.is_empty() {
            return Err(Error::invalid("the bot token is empty: @BotFather gives the token of a bot"));
        }
        // A segment of dots would name another path.
        if !token.bytes().all(known) || token.bytes().all(|byte| byte == b'.') {
            return Err(Error::invalid(
                "the bot token has a character that no token has: it looks like 123456:ABC-DEF, as @BotFather gives it",
            ));
        }
        Ok(Self(token.to_owned()))
    }

    /// The token itself: for the path of a request, and to make secrets of.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The bot's id, which is public: what stands before the colon.
    pub(crate) fn bot(&self) -> Option<i64> {
        self.0.split_once(':').and_then(|(id, _)| id.parse().ok())
    }

    /// `text` with the token taken out, for texts that come from elsewhere.
    pub(crate) fn scrub(&self, text: &str) -> String {
        // The part after the colon is the secret one, and may stand alone.
        let secret = self.0.split_once(':').map_or(self.0.as_str(), |(_, secret)| secret);
        let text = text.replace(&self.0, "<token>");
        if secret.len() < 8 { text } else { text.replace(secret, "<token>") }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<token>")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_is_shown_by_nothing_but_reveal() {
        let token = Token::new("123:abcdefgh-IJ").unwrap();
        assert_eq!(format!("{token:?}"), "<token>");
        assert_eq!(token.scrub("at /bot123:abcdefgh-IJ/getMe: abcdefgh-IJ"), "at /bot<token>/getMe: <token>");
        assert_eq!((token.reveal(), token.bot()), ("123:abcdefgh-IJ", Some(123)));
    }
}
