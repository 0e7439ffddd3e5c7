//! The stored shape of a dead letter.

use bytes::{BufMut, Bytes, BytesMut};

use super::VERSION;
use super::fields::{Fields, put_text};
use crate::{Conversation, Error, Result, Timestamp};

/// How much of an error a dead letter keeps.
const MAX_ERROR: usize = 2000;

/// An update or a call that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadRecord {
    /// Where it belongs.
    pub conversation: Conversation,
    /// When it was given up.
    pub died: Timestamp,
    /// How often it was tried.
    pub attempts: u16,
    /// What is in `body`.
    pub what: DeadKind,
    /// Why; cut after 2,000 bytes.
    pub error: String,
    /// The bytes of the update or call.
    pub body: Bytes,
}

/// What a dead letter was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadKind {
    /// An update.
    Update,
    /// A call.
    Call,
}

impl DeadRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(32 + self.error.len() + self.body.len());
        out.put_u8(VERSION);
        out.put_u64_le(self.died.0);
        out.put_u16_le(self.attempts);
        out.put_u8(match self.what {
            DeadKind::Update => 0,
            DeadKind::Call => 1,
        });
        put_text(&mut out, self.conversation.as_str());
        put_text(&mut out, &self.error[..self.error.floor_char_boundary(MAX_ERROR)]);
        out.put_slice(&self.body);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let mut fields = Fields::open("dead letter", bytes)?;
        Ok(Self {
            died: Timestamp(fields.u64()?),
            attempts: fields.u16()?,
            what: match fields.u8()? {
                0 => DeadKind::Update,
                1 => DeadKind::Call,
                other => return Err(Error::corrupt(format!("dead letter has the unknown kind {other}"))),
            },
            conversation: fields.conversation()?,
            error: fields.text()?,
            body: fields.rest,
        })
    }
}
