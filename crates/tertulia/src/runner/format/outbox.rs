//! The stored shape of a call to make.

use bytes::{BufMut, Bytes, BytesMut};

use super::fields::{Fields, put_text};
use crate::runner::Call;
use crate::{Result, Timestamp};

/// The version of this record.
const VERSION: u8 = 1;

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRecord {
    /// When it was made.
    pub made: Timestamp,
    /// The call.
    pub call: Call,
}

impl OutboxRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let Call { conversation, ticket, body } = &self.call;
        let mut out = BytesMut::with_capacity(64 + conversation.as_str().len() + body.len());
        out.put_u8(VERSION);
        out.put_u64_le(self.made.0);
        ticket.put(&mut out);
        put_text(&mut out, conversation.as_str());
        out.put_slice(body);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let (_, mut fields) = Fields::open("outbox entry", bytes, VERSION)?;
        let made = Timestamp(fields.u64()?);
        let (ticket, conversation) = (fields.ticket()?, fields.conversation()?);
        Ok(Self { made, call: Call { conversation, ticket, body: fields.rest } })
    }
}
