//! The stored shape of what a call that was made gave.

use bytes::{BufMut, Bytes, BytesMut};

use super::Ticket;
use super::fields::{Fields, put_text};
use crate::Result;

/// The version of this record.
const VERSION: u8 = 1;

/// A call that was made: an entry of a conversation's `sent` log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRecord {
    /// Which call.
    pub ticket: Ticket,
    /// The id that the platform gave the message; empty if it gave none.
    pub message: String,
}

impl SentRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        out.put_u8(VERSION);
        self.ticket.put(&mut out);
        put_text(&mut out, &self.message);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let (_, mut fields) = Fields::open("sent entry", bytes, VERSION)?;
        Ok(Self { ticket: fields.ticket()?, message: fields.text()? })
    }
}
