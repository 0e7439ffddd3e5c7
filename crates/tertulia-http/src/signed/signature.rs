//! What a signed post says of itself, and whether its signature is by one of the keys.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tertulia::bot::{Header, Headers};
use tertulia::{Error, Result, Timestamp};

const TIMESTAMP: &str = "x-webhook-timestamp";
const SIGNATURE: &str = "x-webhook-signature";
const ID: &str = "x-webhook-id";
/// What the signature begins with: the version of what is signed.
const VERSION: &[u8] = b"v1=";
/// How far a timestamp may be from now.
const TOLERANCE: Duration = Duration::from_mins(5);
/// The most bytes of an id.
const MAX_ID: usize = 255;
/// The least bytes of a key.
const MIN_KEY: usize = 16;

/// The key of a webhook and the one before it, ready to be used.
#[derive(Clone)]
pub(super) struct Keys([Hmac<Sha256>; 2]);

/// What the headers of a signed post say.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    /// Decimal digits.
    timestamp: &'a [u8],
    /// What the sender calls the post.
    pub(super) id: Option<&'a [u8]>,
    mac: [u8; 32],
}

impl Keys {
    /// One key.
    ///
    /// # Errors
    /// `Invalid` if it is shorter than 16 bytes.
    pub(super) fn new(key: &[u8]) -> Result<Self> {
        let key = ready(key)?;
        Ok(Self([key.clone(), key]))
    }

    /// Another one beside it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn previous(self, key: &[u8]) -> Result<Self> {
        let [current, _] = self.0;
        Ok(Self([current, ready(key)?]))
    }
}

fn ready(key: &[u8]) -> Result<Hmac<Sha256>> {
    if key.len() < MIN_KEY {
        let text = format!("the key of a webhook has {} bytes, at least {MIN_KEY} are needed", key.len());
        return Err(Error::invalid(text));
    }
    Ok(Hmac::new_from_slice(key).expect("any length is a key"))
}

impl<'a> Claim<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// `Invalid` if one is missing, there twice, or not of its form.
    pub(super) fn read(headers: &Headers<'a>) -> Result<Self> {
        let digits = |text: &&[u8]| (1..=12).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
        let timestamp = headers(TIMESTAMP).one().filter(digits);
        let timestamp = timestamp
            .ok_or_else(|| Error::invalid("a post needs one X-Webhook-Timestamp: the seconds since 1970"))?;
        let mut mac = [0; 32];
        let hex = headers(SIGNATURE).one().and_then(|value| value.strip_prefix(VERSION));
        let read = hex
            .filter(|hex| hex.len() == 64)
            .is_some_and(|hex| base16ct::mixed::decode(hex, &mut mac).is_ok());
        if !read {
            return Err(Error::invalid(
                "a post needs one X-Webhook-Signature: `v1=` and 64 hexadecimal digits",
            ));
        }
        // Without a dot, the end of the id is the end of what is signed before the body.
        let allowed = |byte: &u8| byte.is_ascii_graphic() && *byte != b'.';
        let id = match headers(ID) {
            Header::Absent => None,
            Header::One(id) if (1..=MAX_ID).contains(&id.len()) && id.iter().all(allowed) => Some(id),
            Header::One(_) | Header::Several => {
                let text =
                    format!("an X-Webhook-Id is one of 1 to {MAX_ID} visible ASCII characters, no dot");
                return Err(Error::invalid(text));
            }
        };
        Ok(Self { timestamp, id, mac })
    }

    /// Whether the post is of these minutes.
    ///
    /// # Errors
    /// `Invalid` if it is not.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<()> {
        let said = self.timestamp.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let now = now.0 / 1_000;
        let tolerance = TOLERANCE.as_secs();
        if said.abs_diff(now) > tolerance {
            let text =
                format!("the X-Webhook-Timestamp is more than {tolerance} s from {now}, which it is here");
            return Err(Error::invalid(text));
        }
        Ok(())
    }

    /// Whether one of the keys signed this body with these headers: `<timestamp>.<body>`, or with an id
    /// `<timestamp>:<id>.<body>`. A timestamp has only digits, so neither can be taken for the other.
    ///
    /// # Errors
    /// `Invalid` if none did.
    pub(super) fn verify(&self, keys: &Keys, body: &[u8]) -> Result<()> {
        let signed = |key: &Hmac<Sha256>| {
            let mut mac = key.clone().chain_update(self.timestamp);
            if let Some(id) = self.id {
                mac.update(b":");
                mac.update(id);
            }
            // In constant time.
            mac.chain_update(b".").chain_update(body).verify_slice(&self.mac).is_ok()
        };
        let [current, previous] = &keys.0;
        match signed(current) | signed(previous) {
            true => Ok(()),
            false => Err(Error::invalid("the X-Webhook-Signature is not the right one")),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<keys>")
    }
}
