//! The stored shape of a call to make.

use bytes::{BufMut, Bytes, BytesMut};

use super::Ticket;
use super::fields::{Fields, put_text};
use crate::runner::{Call, CallOptions, Delivery};
use crate::{Error, Result, Timestamp};

/// The versions of this record: 1 is a call made at least once within 24 h, and nothing else. A call of which there
/// is no more to say is written as 1.
const PLAIN: u8 = 1;
const SPECIAL: u8 = 2;

/// What a record of version 2 has, by bits.
const AT_MOST_ONCE: u8 = 1;
const SENDING: u8 = 2;
const JOINED: u8 = 4;
const REFERS: u8 = 8;
const STEPS: u8 = 16;

/// The longest join key.
pub(in crate::runner) const MAX_JOIN: usize = 256;

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRecord {
    /// When its turn asked for it.
    pub made: Timestamp,
    /// Not to be made from then on.
    pub deadline: Timestamp,
    /// What happens when nobody knows whether it was made.
    pub delivery: Delivery,
    /// How far it is.
    pub state: CallState,
    /// What it overwrites.
    pub join: Option<String>,
    /// The call that it is about.
    pub refers: Option<Ticket>,
    /// What its sender keeps of the steps so far, if it is made in steps.
    pub steps: Option<String>,
    /// The call.
    pub call: Call,
}

/// How far a call is. One that was made, or was given up, is no longer in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// It waits. If it is made at least once, it may have been made all the same.
    Pending,
    /// It is to be made at most once, and may have been made since this was written. The number tells who wrote it.
    Sending(u64),
}

impl OutboxRecord {
    /// The record of a call that a turn has just asked for.
    pub(crate) fn new(made: Timestamp, options: Option<CallOptions>, call: Call) -> Self {
        let CallOptions { delivery, within, join, refers, steps } = options.unwrap_or_default();
        let deadline = made.after(within.unwrap_or(CallOptions::WITHIN));
        let delivery = if steps { Delivery::AtLeastOnce } else { delivery };
        let steps = steps.then(String::new);
        Self { made, deadline, delivery, state: CallState::Pending, join, refers, steps, call }
    }

    /// A plain call's record can be written as version 1.
    pub(in crate::runner) fn is_plain(&self) -> bool {
        self.delivery == Delivery::AtLeastOnce
            && self.state == CallState::Pending
            && self.join.is_none()
            && self.refers.is_none()
            && self.steps.is_none()
            && self.deadline == self.made.after(CallOptions::WITHIN)
    }

    pub(crate) fn encode(&self) -> Bytes {
        let Call { conversation, ticket, body, refers: _ } = &self.call;
        let plain = self.is_plain();
        let join = self.join.as_deref();
        let refers = if self.refers.is_some() { 64 } else { 0 };
        let texts = join.map_or(0, str::len) + self.steps.as_ref().map_or(0, String::len);
        let special = if plain { 0 } else { 24 + texts + refers };
        let mut out = BytesMut::with_capacity(64 + special + conversation.as_str().len() + body.len());
        out.put_u8(if plain { PLAIN } else { SPECIAL });
        out.put_u64_le(self.made.0);
        ticket.put(&mut out);
        if !plain {
            let at_most_once = if self.delivery == Delivery::AtMostOnce { AT_MOST_ONCE } else { 0 };
            let sending = if self.state == CallState::Pending { 0 } else { SENDING };
            let joined = if join.is_some() { JOINED } else { 0 };
            let refers = if self.refers.is_some() { REFERS } else { 0 };
            let steps = if self.steps.is_some() { STEPS } else { 0 };
            out.put_u8(at_most_once | sending | joined | refers | steps);
            out.put_u64_le(self.deadline.0);
            if let CallState::Sending(by) = self.state {
                out.put_u64_le(by);
            }
            if let Some(join) = join {
                put_text(&mut out, join);
            }
            if let Some(refers) = &self.refers {
                refers.put(&mut out);
            }
            if let Some(steps) = &self.steps {
                put_text(&mut out, steps);
            }
        }
        put_text(&mut out, conversation.as_str());
        out.put_slice(body);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let (version, mut fields) = Fields::open("outbox entry", bytes, SPECIAL)?;
        let made = Timestamp(fields.u64()?);
        let ticket = fields.ticket()?;
        let (mut deadline, mut has) = (made.after(CallOptions::WITHIN), 0);
        if version == SPECIAL {
            has = fields.u8()?;
            deadline = Timestamp(fields.u64()?);
        }
        if has & !(AT_MOST_ONCE | SENDING | JOINED | REFERS | STEPS) != 0 {
            return Err(Error::corrupt(format!("outbox entry has the unknown options {has}")));
        }
        let delivery = if has & AT_MOST_ONCE == 0 { Delivery::AtLeastOnce } else { Delivery::AtMostOnce };
        let state = if has & SENDING == 0 { CallState::Pending } else { CallState::Sending(fields.u64()?) };
        let join = if has & JOINED == 0 { None } else { Some(fields.text()?) };
        let refers = if has & REFERS == 0 { None } else { Some(fields.ticket()?) };
        let steps = if has & STEPS == 0 { None } else { Some(fields.text()?) };
        let call = Call::new(fields.conversation()?, ticket, fields.rest);
        Ok(Self { made, deadline, delivery, state, join, refers, steps, call })
    }
}
