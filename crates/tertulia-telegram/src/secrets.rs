//! The secret that a webhook's posts carry, and the one before it while it is being changed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tertulia::{Error, Result};

/// The most characters of a secret: Telegram's limit.
const MAX_SECRET: usize = 256;
/// What a secret is derived for.
const PURPOSE: &[u8] = b"tertulia/telegram/webhook/1";

/// The secrets of a webhook. Neither `Debug` nor any error shows them.
#[derive(Clone)]
pub struct Secrets {
    current: String,
    /// Of the current secret, then of the previous one. Secrets are compared by their digests, so that the time it
    /// takes tells nothing about them.
    digests: [[u8; 32]; 2],
}

impl Secrets {
    /// This secret: 1 to 256 characters out of `A-Z a-z 0-9 _ -`, which is what Telegram allows.
    ///
    /// # Errors
    /// `Invalid` if it is another text, which the error does not show.
    pub fn new(secret: &str) -> Result<Self> {
        let digest = checked(secret)?;
        Ok(Self { current: secret.to_owned(), digests: [digest, digest] })
    }

    /// A secret made of the bot token, by HMAC-SHA256: the same after each start and in each process, without being
    /// kept anywhere, and of no use to find the token. It changes when the token does.
    pub fn of_token(token: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(token.trim().as_bytes()).expect("any length is a key");
        mac.update(PURPOSE);
        let current: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let digest = digest(current.as_bytes());
        Self { current, digests: [digest, digest] }
    }

    /// Accepts this secret too: the one that posts under way still carry while Telegram is being told another.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn previous(mut self, secret: &str) -> Result<Self> {
        self.digests[1] = checked(secret)?;
        Ok(self)
    }

    /// The secret that Telegram is told.
    pub(crate) fn reveal(&self) -> &str {
        &self.current
    }

    /// Whether this is one of them.
    pub(crate) fn accept(&self, given: &[u8]) -> bool {
        let given = digest(given);
        // Both are compared, whichever it is.
        (given == self.digests[0]) | (given == self.digests[1])
    }
}

fn checked(secret: &str) -> Result<[u8; 32]> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if secret.is_empty() || secret.len() > MAX_SECRET || !secret.bytes().all(known) {
        return Err(Error::invalid(format!(
            "the secret of a webhook has 1 to {MAX_SECRET} characters out of A-Z, a-z, 0-9, _ and -"
        )));
    }
    Ok(digest(secret.as_bytes()))
}

fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secrets>")
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn a_secret_made_of_a_token_is_that_of_earlier_versions_and_has_nothing_of_the_token() {
        let secrets = Secrets::of_token("7000001:AA-canary");
        assert_eq!(secrets.reveal(), "6611694f27a1b124c650795cfa1dbcb75c3a35f5a7003e3dcdd9dff1cc20c6f7");
        assert!(secrets.accept(secrets.reveal().as_bytes()));
        assert_ne!(secrets.reveal(), Secrets::of_token("7000001:AA-canarz").reveal());
    }

    #[test]
    fn secrets_are_shown_by_nothing() {
        let secrets = Secrets::new("canary-1").unwrap().previous("canary-2").unwrap();
        assert_eq!(format!("{secrets:?}"), "<secrets>");
        let error = Secrets::new("canary 1").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}
