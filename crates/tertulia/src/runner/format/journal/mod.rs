//! The stored shape of a turn in the journal of its conversation.

mod parts;
mod segments;
#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};

use self::parts::{put_list, put_write, read_write};
pub(in crate::runner) use self::segments::{Segment, decode_segments, encode_segments};
use super::OnceRecord;
use super::fields::{Fields, put_bytes, put_text};
use crate::runner::CallOptions;
use crate::storage::{ItemId, LogWrite, Offset};
use crate::{Conversation, Key, Result, Timestamp};

/// The version of this record.
const VERSION: u8 = 1;

/// A committed turn: an entry of the log `journal` of its conversation.
#[derive(Clone, Debug)]
pub struct JournalRecord {
    /// Names the segment: what was known of a session in another one is not known in this.
    pub segment: u64,
    /// The segment begins here.
    pub begins: bool,
    /// When the turn was committed.
    pub at: Timestamp,
    /// Which try it was, from 1.
    pub attempt: u16,
    /// The update that it ran.
    pub update: JournalUpdate,
    /// Other updates that it took in, in order.
    pub taken: Vec<Taken>,
    /// How often it waited for an update.
    pub waits: u16,
    /// The updates that it cancelled.
    pub cancelled: Vec<JournalUpdate>,
    /// The recorded results that it used, in order.
    pub once: Vec<OnceRecord>,
    /// Its calls, in order, those that were given out before its end included.
    pub calls: Vec<JournalCall>,
    /// The logs of sessions that it met for the first time in its segment, or that something else has changed.
    pub found: Vec<Found>,
    /// What it wrote: to sessions, and whatever else logs were given, such as answers, but not what keeps its own history.
    /// Nothing is expected in these.
    pub writes: Vec<LogWrite>,
    /// How many bytes it would have had; then all but its updates is left out.
    pub too_large: Option<u64>,
}

/// An update of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalUpdate {
    /// Its id.
    pub id: ItemId,
    /// When it arrived.
    pub arrived: Timestamp,
    /// The update as its source gave it.
    pub body: Bytes,
}

/// An update that a turn took in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How.
    pub how: How,
    /// The update.
    pub update: JournalUpdate,
}

/// How a turn took in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// They were joined before the turn began.
    Joined,
    /// The turn waited for it: the wait with this number, from 0.
    Asked(u16),
    /// It came while the turn ran, and was taken at this look, from 0.
    Steered(u32),
}

/// A call of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalCall {
    /// The call as its adapter encoded it.
    pub body: Bytes,
    /// How it is to be made.
    pub options: CallOptions,
}

/// A log as a turn found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub key: Key,
    /// The turn has saved it by itself, and this is how it was afterwards. Tells how it was before.
    pub saved: Option<Saved>,
    /// How it was.
    pub state: FoundState,
}

/// How a log was that a turn has saved by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// As the journal tells before.
    Known,
    /// It was not there.
    Absent,
    /// Nobody knows.
    Unknown,
}

/// How a turn found a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundState {
    /// It was not there.
    Absent,
    /// It was there.
    Stored {
        /// Its base.
        base: Option<Bytes>,
        /// Where the entries begin. What was before them is not told.
        first: Offset,
        /// Its entries, or the last of them.
        entries: Vec<Bytes>,
    },
    /// It had so many bytes, which is too much for a journal.
    TooLarge(u64),
}

impl JournalRecord {
    pub(crate) fn encode(&self, here: &Conversation) -> Bytes {
        let mut out = BytesMut::with_capacity(512);
        out.put_u8(VERSION);
        out.put_u8(u8::from(self.begins) | u8::from(self.too_large.is_some()) << 1);
        out.put_u64_le(self.segment);
        out.put_u64_le(self.at.0);
        out.put_u16_le(self.attempt);
        out.put_u16_le(self.waits);
        if let Some(bytes) = self.too_large {
            out.put_u64_le(bytes);
        }
        self.update.put(&mut out);
        put_list(&mut out, &self.taken, |out, taken| taken.put(out));
        put_list(&mut out, &self.cancelled, |out, update| update.put(out));
        put_list(&mut out, &self.once, |out, result| {
            put_text(out, &result.name);
            put_bytes(out, &result.result);
        });
        put_list(&mut out, &self.calls, |out, call| call.put(out));
        put_list(&mut out, &self.found, |out, found| found.put(out, here));
        put_list(&mut out, &self.writes, |out, write| put_write(out, write, here));
        out.freeze()
    }

    /// Reads an entry of the journal of `here`.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes, here: &Conversation) -> Result<Self> {
        let (_, mut fields) = Fields::open("journal entry", bytes, VERSION)?;
        let flags = fields.u8()?;
        if flags > 3 {
            return Err(fields.unknown("flags", flags));
        }
        let segment = fields.u64()?;
        let (at, attempt, waits) = (Timestamp(fields.u64()?), fields.u16()?, fields.u16()?);
        let too_large = if flags & 2 == 0 { None } else { Some(fields.u64()?) };
        Ok(Self {
            segment,
            begins: flags & 1 != 0,
            at,
            attempt,
            waits,
            too_large,
            update: JournalUpdate::read(&mut fields)?,
            taken: fields.list(Taken::read)?,
            cancelled: fields.list(JournalUpdate::read)?,
            once: fields.list(|fields| Ok(OnceRecord { name: fields.text()?, result: fields.bytes()? }))?,
            calls: fields.list(JournalCall::read)?,
            found: fields.list(|fields| Found::read(fields, here))?,
            writes: fields.list(|fields| read_write(fields, here))?,
        })
    }
}
