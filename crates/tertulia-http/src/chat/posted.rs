//! The messages of a conversation whose senders did not wait for an answer: a log of the last ones, so that they are shown
//! from when they are accepted, not only when a handler has begun to answer or has answered.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tertulia::bot::Door;
use tertulia::storage::{
    Base, Batch, CommitId, Expire, ItemId, LogPage, LogWrite, Offset, Page, Read, Write,
};
use tertulia::{Conversation, Error, Key, Name, Result, Timestamp};

use super::said::{Said, State};
use crate::{Message, request};

/// The log.
const POSTED: Name = Name::from_static("posted");
/// The version this program writes.
const VERSION: u8 = 1;
/// How many are kept, and how long after the last one: as long as its answer.
const MOST: u64 = 64;
const KEPT: Duration = Duration::from_hours(48);

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Posted {
    /// Its update, in hexadecimal digits.
    pub(super) update: String,
    /// Its `Idempotency-Key`, by which its sender knows it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// When it was accepted, in milliseconds since 1970.
    pub(super) at: u64,
    pub(super) message: Message,
}

impl Posted {
    fn encode(&self) -> Bytes {
        let mut out = vec![VERSION];
        serde_json::to_writer(&mut out, self).expect("texts and numbers can be written");
        out.into()
    }

    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    fn decode(entry: &[u8]) -> Result<Self> {
        let wrong = || Error::corrupt("not a posted message of a version this program reads");
        let body = entry.strip_prefix(&[VERSION]).ok_or_else(wrong)?;
        serde_json::from_slice(body).map_err(|cause| wrong().with_source(cause))
    }

    /// As it is shown before it is answered.
    pub(super) fn said(self) -> Said {
        let mut said = Said::new(self.update, Timestamp(self.at), &self.message);
        (said.key, said.state) = (self.key, State::Accepted);
        said
    }
}

pub(super) fn key(conversation: &Conversation) -> Key {
    Key::Log(conversation.clone(), POSTED)
}

/// What a page of the log says.
///
/// # Errors
/// `Corrupt`.
pub(super) fn read(page: &LogPage) -> Result<Vec<Posted>> {
    page.entries.iter().map(|entry| Posted::decode(entry)).collect()
}

/// Notes a message that was accepted, unless it is there. If that fails the message is shown when it is answered.
pub(crate) async fn note(
    door: &Door,
    conversation: &Conversation,
    id: &ItemId,
    key: Option<&str>,
    message: &Message,
) {
    if let Err(error) = try_note(door, conversation, id, key, message).await {
        tracing::warn!(%conversation, %error, "a message that was accepted could not be noted");
    }
}

async fn try_note(
    door: &Door,
    conversation: &Conversation,
    id: &ItemId,
    idempotency: Option<&str>,
    message: &Message,
) -> Result<()> {
    let (key, update) = (key(conversation), request::hex(id));
    let reads = [Read::new(key.clone()).base(Base::Never)];
    let page = door.storage.read(&reads).await?.pop().transpose()?.flatten().and_then(Page::into_log);
    if let Some(page) = &page
        && read(page)?.iter().any(|posted| posted.update == update)
    {
        return Ok(());
    }
    let posted = Posted {
        update,
        key: idempotency.map(str::to_owned),
        at: door.clock.now().0,
        message: message.clone(),
    };
    let mut write = LogWrite::new(key).expire(Expire::After(KEPT));
    write.append = vec![posted.encode()];
    let end = page.map_or(0, |page| page.head.end.0);
    write.trim = (end >= MOST).then(|| Offset(end + 1 - MOST));
    door.storage.commit(Batch::new(CommitId(door.clock.random()), vec![Write::Log(write)])).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_what_earlier_versions_wrote() {
        let entry = b"\x01{\"update\":\"0a\",\"key\":\"k\",\"at\":7,\"message\":{\"text\":\"hi\"}}";
        let posted =
            Posted { update: "0a".into(), key: Some("k".into()), at: 7, message: Message::new("hi") };
        assert_eq!(Posted::decode(entry).unwrap(), posted);
        assert_eq!(posted.encode()[..], entry[..]);
        for entry in [&b""[..], b"\x02{}", b"\x01{}"] {
            assert_eq!(Posted::decode(entry).unwrap_err().kind(), tertulia::error::Kind::Corrupt);
        }
    }
}
