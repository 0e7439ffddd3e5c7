//! A capability token: what it says, its text, and the keys that it is signed with.
//!
//! The text is `tc1_` and, as base64 for URLs without padding: the first 4 bytes of the key's fingerprint, a byte of
//! rights whose highest bit says that it may stand in a query, the 8 bytes of the moment it expires at, a byte for what it
//! opens, the 2 bytes of the length of the conversation, the conversation, the name; then HMAC-SHA256 over `tc1_` and all
//! of these. Numbers are big-endian.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tertulia::{Conversation, Error, Result, Timestamp};

use super::{Resource, Rights};

/// What the text begins with; the number is the version.
pub(super) const PREFIX: &str = "tc1_";
/// The bit of the rights that says that it may stand in a query.
const QUERY: u8 = 1 << 7;
/// The least bytes of a key.
const MIN_KEY: usize = 16;
/// The bytes of a signature.
const MAC: usize = 32;

/// What a capability token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capability {
    pub(super) rights: Rights,
    /// Whether it may stand in a query.
    pub(super) query: bool,
    pub(super) expires: Timestamp,
    conversation: Conversation,
    part: Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Everything,
    Streams,
    Sessions,
    Stream(Box<str>),
    Session(Box<str>),
}

impl Capability {
    pub(super) fn new(resource: Resource<'_>, rights: Rights, expires: Timestamp, query: bool) -> Self {
        let part = match resource {
            Resource::Conversation(_) => Part::Everything,
            Resource::Streams(_) => Part::Streams,
            Resource::Sessions(_) => Part::Sessions,
            Resource::Stream(_, name) => Part::Stream(name.into()),
            Resource::Session(_, name) => Part::Session(name.into()),
        };
        Self { rights, query, expires, conversation: resource.conversation().clone(), part }
    }

    /// What it opens.
    pub(super) fn resource(&self) -> Resource<'_> {
        let of = &self.conversation;
        match &self.part {
            Part::Everything => Resource::Conversation(of),
            Part::Streams => Resource::Streams(of),
            Part::Sessions => Resource::Sessions(of),
            Part::Stream(name) => Resource::Stream(of, name),
            Part::Session(name) => Resource::Session(of, name),
        }
    }

    /// Its text, signed with the key.
    pub(super) fn write(&self, key: &SigningKey) -> String {
        let (part, name) = match &self.part {
            Part::Everything => (0, ""),
            Part::Streams => (1, ""),
            Part::Sessions => (2, ""),
            Part::Stream(name) => (3, &**name),
            Part::Session(name) => (4, &**name),
        };
        let conversation = self.conversation.as_str();
        let length = u16::try_from(conversation.len()).expect("a conversation has at most 1537 bytes");
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(&key.fingerprint);
        out.push(self.rights.bits() | if self.query { QUERY } else { 0 });
        out.extend_from_slice(&self.expires.0.to_be_bytes());
        out.push(part);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(conversation.as_bytes());
        out.extend_from_slice(name.as_bytes());
        let mac = key.mac(&out).finalize().into_bytes();
        out.extend_from_slice(&mac);
        format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&out))
    }

    /// What a text says that was signed with one of the keys, expired or not.
    pub(super) fn read(text: &str, keys: &[SigningKey]) -> Option<Self> {
        let bytes = Base64UrlUnpadded::decode_vec(text.strip_prefix(PREFIX)?).ok()?;
        let (signed, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        let (fingerprint, said) = signed.split_first_chunk()?;
        let key = keys.iter().find(|key| key.fingerprint == *fingerprint)?;
        // In constant time.
        key.mac(signed).verify_slice(mac).ok()?;
        Self::parse(said)
    }

    fn parse(said: &[u8]) -> Option<Self> {
        let (flags, said) = said.split_first()?;
        let (expires, said) = said.split_first_chunk()?;
        let (part, said) = said.split_first()?;
        let (length, said) = said.split_first_chunk()?;
        let (conversation, name) = said.split_at_checked(u16::from_be_bytes(*length).into())?;
        let name = std::str::from_utf8(name).ok()?;
        let part = match (part, name) {
            (0, "") => Part::Everything,
            (1, "") => Part::Streams,
            (2, "") => Part::Sessions,
            (3, name) => Part::Stream(name.into()),
            (4, name) => Part::Session(name.into()),
            _ => return None,
        };
        Some(Self {
            rights: Rights::from_bits(flags & !QUERY)?,
            query: flags & QUERY != 0,
            expires: Timestamp(u64::from_be_bytes(*expires)),
            conversation: Conversation::parse(std::str::from_utf8(conversation).ok()?).ok()?,
            part,
        })
    }
}

/// A key, ready to sign.
#[derive(Clone)]
pub(super) struct SigningKey {
    /// Tells it from the other one.
    fingerprint: [u8; 4],
    hmac: Hmac<Sha256>,
}

impl SigningKey {
    /// # Errors
    /// `Invalid` if it is shorter than 16 bytes.
    pub(super) fn new(key: &[u8]) -> Result<Self> {
        if key.len() < MIN_KEY {
            let text =
                format!("the key of capabilities has {} bytes, at least {MIN_KEY} are needed", key.len());
            return Err(Error::invalid(text));
        }
        let digest = Sha256::new().chain_update("capability key").chain_update(key).finalize();
        let fingerprint = *digest.first_chunk().expect("a SHA-256 digest has 32 bytes");
        Ok(Self { fingerprint, hmac: Hmac::new_from_slice(key).expect("any length is a key") })
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        self.hmac.clone().chain_update(PREFIX).chain_update(signed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<key>")
    }
}
