//! The stored shapes of live replies: an entry of a conversation's index, and a call that shows a stream.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::runner::Ticket;
use crate::storage::ItemId;
use crate::{Conversation, Error, Key, Name, Result, Timestamp};

/// The version this program writes.
const VERSION: u8 = 1;
/// The most bytes of the message that an entry tells of.
const MAX_TEXT: usize = 1 << 20;
/// The log of a conversation that tells of its live replies.
const LIVE: Name = Name::from_static("live");

/// A live reply of a conversation, as whoever shows the conversation finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveEntry {
    /// The update whose turn says it.
    pub update: ItemId,
    /// The update that it answers: the last that the turn had received when it began.
    pub to: ItemId,
    /// The name of its stream in the conversation.
    pub stream: String,
    /// When it began, the first time.
    pub at: Timestamp,
    /// The text of the message that it answers, at most 1 MiB of it.
    pub text: String,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    update: Ticket,
    to: Ticket,
    stream: String,
    at: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
}

/// The log of the entries of a conversation.
pub(super) fn key(conversation: &Conversation) -> Key {
    Key::Log(conversation.clone(), LIVE)
}

impl LiveEntry {
    pub(super) fn encode(self) -> Result<Bytes> {
        let of = |update: ItemId| Ticket { update, ordinal: 0 };
        let Self { update, to, stream, at, mut text } = self;
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        let wire = Wire { update: of(update), to: of(to), stream, at: at.0, text };
        let json = serde_json::to_vec(&wire)
            .map_err(|error| Error::internal("a live reply cannot be written as JSON").with_source(error))?;
        let mut entry = BytesMut::with_capacity(1 + json.len());
        entry.put_u8(VERSION);
        entry.put_slice(&json);
        Ok(entry.freeze())
    }

    pub(super) fn decode(entry: &[u8]) -> Result<Self> {
        let none = || Error::corrupt("an entry of `live` is not of a version this program reads");
        let json = entry.strip_prefix(&[VERSION]).ok_or_else(none)?;
        let Wire { update, to, stream, at, text } = serde_json::from_slice(json).map_err(|error| {
            Error::corrupt(format!("an entry of `live` cannot be read: {error}")).with_source(error)
        })?;
        Ok(Self { update: update.update, to: to.update, stream, at: Timestamp(at), text })
    }
}

/// The body of a call that shows a stream, as people find it in an outbox.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shows {
    /// The version of this shape.
    live: u8,
    stream: String,
}

/// The call that shows the stream with this name as one message.
pub(super) fn call(stream: &str) -> Result<Bytes> {
    let failed = |error| Error::internal("a live reply cannot be written as JSON").with_source(error);
    serde_json::to_vec(&Shows { live: VERSION, stream: stream.to_owned() }).map(Bytes::from).map_err(failed)
}

/// The name of the stream that a call shows; `None` if it is another call.
pub(super) fn shown(body: &[u8]) -> Option<String> {
    let shows: Shows = serde_json::from_slice(body).ok()?;
    (shows.live == VERSION).then_some(shows.stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_what_earlier_versions_wrote() {
        let update = ItemId::Number(Name::from_static("telegram/7"), 4711);
        let to = ItemId::Bytes(Name::from_static("http"), 0x0102_u128.to_be_bytes());
        let (stream, text) = ("telegram/7/4711/reply-0".to_owned(), "hi".to_owned());
        let entry = LiveEntry { update, to, stream, at: Timestamp(7), text };
        let stored = "\x01{\"update\":\"telegram/7/4711.0\",\"to\":\"http/00000000000000000000000000000102.0\",\
            \"stream\":\"telegram/7/4711/reply-0\",\"at\":7,\"text\":\"hi\"}";
        assert_eq!(String::from_utf8_lossy(&entry.clone().encode().unwrap()), stored);
        assert_eq!(LiveEntry::decode(stored.as_bytes()).unwrap(), entry);
        for none in [&b""[..], b"\x02{}", b"\x01{}"] {
            assert_eq!(LiveEntry::decode(none).unwrap_err().kind(), crate::error::Kind::Corrupt);
        }
    }

    #[test]
    fn a_call_that_shows_a_stream_is_told_from_others() {
        assert_eq!(&*call("u/reply-0").unwrap(), br#"{"live":1,"stream":"u/reply-0"}"#);
        assert_eq!(shown(&call("u/reply-0").unwrap()).as_deref(), Some("u/reply-0"));
        for other in [&b"u/reply-0"[..], br#"{"live":2,"stream":"u/reply-0"}"#, b"{}"] {
            assert_eq!(shown(other), None);
        }
    }
}
