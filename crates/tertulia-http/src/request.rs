//! What an `Idempotency-Key` was used for: a log of the conversation that holds the message's fingerprint, so that
//! the key with another message is refused and not answered with what the first one got.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tertulia::error::Kind;
use tertulia::runner::Incoming;
use tertulia::storage::{Batch, CommitId, Expect, Expire, ItemId, LogWrite, Page, Read, Storage, Write};
use tertulia::{Clock, Conversation, Error, Key, Name, Result};

use crate::{Problem, ProblemKind};

/// The space of the ids of updates that came over HTTP.
const SPACE: Name = Name::from_static("http");
/// The version this program writes.
const VERSION: u8 = 1;
/// How long a key is remembered: as long as the id of its update and its answer.
const KEPT: Duration = Duration::from_hours(48);

/// The id that an `Idempotency-Key` gives an update. It is a hash of the conversation too, so that an id never
/// belongs to two conversations, and a key that somebody guesses is of no use in another one.
pub(crate) fn id(conversation: &Conversation, key: &str) -> ItemId {
    // The conversation's text form ends at a byte that it cannot hold.
    let digest =
        Sha256::new().chain_update(conversation.as_str()).chain_update([0]).chain_update(key).finalize();
    ItemId::Bytes(SPACE, first_half(&digest))
}

/// The id of an update that came without a key.
pub(crate) fn random_id(clock: &Clock) -> ItemId {
    ItemId::Bytes(SPACE, ((u128::from(clock.random()) << 64) | u128::from(clock.random())).to_be_bytes())
}

/// An update's id in a response.
pub(crate) fn hex(id: &ItemId) -> String {
    match id {
        ItemId::Number(_, number) => number.to_string(),
        ItemId::Bytes(_, bytes) => format!("{:032x}", u128::from_be_bytes(*bytes)),
    }
}

/// The update that [`hex`] wrote so, if it came over HTTP.
pub(crate) fn from_hex(text: &str) -> Option<ItemId> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let number = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
    Some(ItemId::Bytes(SPACE, number.to_be_bytes()))
}

/// Notes what the update's key is used for, before the update is put into the inbox.
///
/// # Errors
/// `KeyReused` if it was used for something else; else what the storage gives.
///
/// # Cancel safety
/// If dropped, the note may be there or not; noting the same again is no error.
pub(crate) async fn note(storage: &dyn Storage, clock: &Clock, update: &Incoming) -> Result<(), Problem> {
    let key = Key::Log(update.conversation.clone(), Name::new(format!("request/{}", hex(&update.id)))?);
    let base = fingerprint(&update.body);
    let write =
        LogWrite::new(key.clone()).expect(Expect::Absent).base(base.clone()).expire(Expire::After(KEPT));
    let batch = Batch::new(CommitId(clock.random()), vec![Write::Log(write)]);
    match storage.commit(batch).await {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == Kind::Conflict => {}
        Err(error) => return Err(error.into()),
    }
    let mut pages = storage.read(&[Read::new(key.clone())]).await?;
    let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
    match page.and_then(Page::into_log).and_then(|page| page.base) {
        // It has just expired.
        None => Ok(()),
        Some(noted) if noted == base => Ok(()),
        Some(noted) if noted.first() == Some(&VERSION) => Err(Problem::new(
            ProblemKind::KeyReused,
            "the Idempotency-Key was used for another message in this conversation",
        )),
        Some(_) => {
            Err(Error::corrupt(format!("{key}: not a fingerprint of a version this program reads")).into())
        }
    }
}

fn fingerprint(body: &Bytes) -> Bytes {
    let mut out = vec![VERSION];
    out.extend_from_slice(&first_half(&Sha256::digest(body)));
    out.into()
}

/// Half of a SHA-256 digest, which is enough to tell things apart.
pub(crate) fn first_half(digest: &[u8]) -> [u8; 16] {
    *digest.first_chunk().expect("a SHA-256 digest has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_fingerprints_are_those_of_earlier_versions() {
        let alice = Conversation::new("http", "alice").unwrap();
        assert_eq!(hex(&id(&alice, "1")), "e3dd5a9bb6e4441f56fa9f454d062a10");
        assert_eq!(from_hex("e3dd5a9bb6e4441f56fa9f454d062a10"), Some(id(&alice, "1")));
        assert_eq!((from_hex("7"), from_hex("+3dd5a9bb6e4441f56fa9f454d062a10")), (None, None));
        // The version, then the first half of the SHA-256 of `{}`.
        let noted = b"\x01\x44\x13\x6f\xa3\x55\xb3\x67\x8a\x11\x46\xad\x16\xf7\xe8\x64\x9e";
        assert_eq!(fingerprint(&Bytes::from_static(b"{}"))[..], noted[..]);
    }

    #[test]
    fn an_id_belongs_to_one_conversation() {
        let (a, b) = (Conversation::new("http", "a").unwrap(), Conversation::new("http", "a1").unwrap());
        assert_ne!(id(&a, "11"), id(&b, "1"));
        assert_ne!(id(&a, "1"), id(&b, "1"));
        assert_eq!(id(&a, "1"), id(&a, "1"));
    }
}
