//! The stored shape of a dead letter.

use bytes::{BufMut, Bytes, BytesMut};

use super::fields::{Fields, cut, put_text};
use super::options::{put_options, read_options};
use super::{MAX_ERROR, Ticket};
use crate::runner::CallOptions;
use crate::{Conversation, Error, Result, Timestamp};

/// The versions of this record: 1 has no tickets of calls, 2 no options of calls. Each record is written as the first
/// that can hold it; an update is written as 1.
const PLAIN: u8 = 1;
const TICKETED: u8 = 2;
const SPECIAL: u8 = 3;

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
    /// How a call was to be made, and is if it is replayed; the default for an update.
    pub options: CallOptions,
    /// Why; cut after 2,000 bytes.
    pub error: String,
    /// The bytes of the update or call.
    pub body: Bytes,
}

/// What a dead letter was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadKind {
    /// An update.
    Update,
    /// A call, with its ticket; one of the first version of this record had none.
    Call(Option<Ticket>),
}

impl DeadRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let special = matches!(self.what, DeadKind::Call(Some(_))) && !self.options.is_plain();
        let mut out = BytesMut::with_capacity(32 + self.error.len() + self.body.len());
        out.put_u8(match self.what {
            DeadKind::Call(Some(_)) if special => SPECIAL,
            DeadKind::Call(Some(_)) => TICKETED,
            DeadKind::Update | DeadKind::Call(None) => PLAIN,
        });
        out.put_u64_le(self.died.0);
        out.put_u16_le(self.attempts);
        match &self.what {
            DeadKind::Update => out.put_u8(0),
            DeadKind::Call(None) => out.put_u8(1),
            DeadKind::Call(Some(ticket)) => {
                out.put_u8(2);
                ticket.put(&mut out);
            }
        }
        if special {
            put_options(&mut out, &self.options);
        }
        put_text(&mut out, self.conversation.as_str());
        put_text(&mut out, cut(&self.error, MAX_ERROR));
        out.put_slice(&self.body);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let (version, mut fields) = Fields::open("dead letter", bytes, SPECIAL)?;
        Ok(Self {
            died: Timestamp(fields.u64()?),
            attempts: fields.u16()?,
            what: match fields.u8()? {
                0 => DeadKind::Update,
                1 => DeadKind::Call(None),
                2 => DeadKind::Call(Some(fields.ticket()?)),
                other => return Err(Error::corrupt(format!("dead letter has the unknown kind {other}"))),
            },
            options: if version == SPECIAL { read_options(&mut fields)? } else { CallOptions::default() },
            conversation: fields.conversation()?,
            error: fields.text()?,
            body: fields.rest,
        })
    }
}
