//! The stored shape of an update that was received and not yet applied.

use bytes::{BufMut, Bytes, BytesMut};

use super::VERSION;
use super::fields::{Fields, put_text};
use crate::{Conversation, Result, Timestamp};

/// An update received and not yet applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRecord {
    /// Where it belongs.
    pub conversation: Conversation,
    /// When it arrived; never goes back within a store.
    pub arrived: Timestamp,
    /// How often it was run and failed.
    pub attempts: u16,
    /// Not to be run before; zero if it may run at once.
    pub not_before: Timestamp,
    /// The update as its source gave it.
    pub body: Bytes,
}

impl InboxRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let Self { conversation, arrived, attempts, not_before, body } = self;
        Self::encode_fields(conversation, *arrived, *attempts, *not_before, body)
    }

    /// The record of an update that has just arrived, without taking it apart.
    pub(crate) fn encode_new(conversation: &Conversation, arrived: Timestamp, body: &[u8]) -> Bytes {
        Self::encode_fields(conversation, arrived, 0, Timestamp(0), body)
    }

    fn encode_fields(
        conversation: &Conversation,
        arrived: Timestamp,
        attempts: u16,
        not_before: Timestamp,
        body: &[u8],
    ) -> Bytes {
        let text = conversation.as_str();
        let mut out = BytesMut::with_capacity(21 + text.len() + body.len());
        out.put_u8(VERSION);
        out.put_u64_le(arrived.0);
        out.put_u16_le(attempts);
        out.put_u64_le(not_before.0);
        put_text(&mut out, text);
        out.put_slice(body);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let mut fields = Fields::open("inbox entry", bytes)?;
        Ok(Self {
            arrived: Timestamp(fields.u64()?),
            attempts: fields.u16()?,
            not_before: Timestamp(fields.u64()?),
            conversation: fields.conversation()?,
            body: fields.rest,
        })
    }
}
