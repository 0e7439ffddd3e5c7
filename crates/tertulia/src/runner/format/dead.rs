//! The stored shape of a dead letter.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::fields::{Fields, cut, put_text};
use super::{MAX_ERROR, Ticket};
use crate::runner::{CallOptions, Delivery};
use crate::{Conversation, Error, Result, Timestamp};

/// The versions of this record: 1 has no tickets of calls, 2 no options of calls. Each record is written as the first
/// that can hold it; an update is written as 1.
const PLAIN: u8 = 1;
const TICKETED: u8 = 2;
const SPECIAL: u8 = 3;

/// What a call of version 3 has, by bits.
const AT_MOST_ONCE: u8 = 1;
const WITHIN: u8 = 2;
const JOINED: u8 = 4;
const REFERS: u8 = 8;

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
            self.put_options(&mut out);
        }
        put_text(&mut out, self.conversation.as_str());
        put_text(&mut out, cut(&self.error, MAX_ERROR));
        out.put_slice(&self.body);
        out.freeze()
    }

    fn put_options(&self, out: &mut BytesMut) {
        let CallOptions { delivery, within, join, refers } = &self.options;
        let at_most_once = if *delivery == Delivery::AtMostOnce { AT_MOST_ONCE } else { 0 };
        let has_within = if within.is_some() { WITHIN } else { 0 };
        let has_join = if join.is_some() { JOINED } else { 0 };
        out.put_u8(at_most_once | has_within | has_join | if refers.is_some() { REFERS } else { 0 });
        if let Some(within) = within {
            out.put_u64_le(within.as_millis().try_into().unwrap_or(u64::MAX));
        }
        if let Some(join) = join {
            put_text(out, join);
        }
        if let Some(refers) = refers {
            refers.put(out);
        }
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
            options: if version == SPECIAL { options(&mut fields)? } else { CallOptions::default() },
            conversation: fields.conversation()?,
            error: fields.text()?,
            body: fields.rest,
        })
    }
}

fn options(fields: &mut Fields) -> Result<CallOptions> {
    let has = fields.u8()?;
    if has & !(AT_MOST_ONCE | WITHIN | JOINED | REFERS) != 0 {
        return Err(Error::corrupt(format!("dead letter has the unknown options {has}")));
    }
    let delivery = if has & AT_MOST_ONCE == 0 { Delivery::AtLeastOnce } else { Delivery::AtMostOnce };
    let within = if has & WITHIN == 0 { None } else { Some(Duration::from_millis(fields.u64()?)) };
    let join = if has & JOINED == 0 { None } else { Some(fields.text()?) };
    let refers = if has & REFERS == 0 { None } else { Some(fields.ticket()?) };
    Ok(CallOptions { delivery, within, join, refers })
}
