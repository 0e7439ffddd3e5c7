//! The stored shapes of queue entries: updates received, calls to make, and dead letters.
//!
//! Every record starts with a version byte. Numbers are little-endian; a text is its length in two bytes, then
//! UTF-8; a body is the rest of the record.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Call;
use crate::storage::ItemId;
use crate::{Conversation, Error, Name, Result, Timestamp};

/// The space of the ids that are made of tickets.
const CALLS: Name = Name::from_static("call");

/// The version this program writes. All up to it are read.
const VERSION: u8 = 1;

/// What any of these records adds to the body that it holds, at most.
pub(super) const RESERVED: usize = 4096;
/// How much of an error a dead letter keeps.
const MAX_ERROR: usize = 2000;

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

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRecord {
    /// When it was made.
    pub made: Timestamp,
    /// The call.
    pub call: Call,
}

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

/// A call that was made: an entry of a conversation's `sent` log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRecord {
    /// Which call.
    pub ticket: Ticket,
    /// The id that the platform gave the message; empty if it gave none.
    pub message: String,
}

/// Names something a turn made: which update, and which of the things its turn made, in order. A turn that runs
/// again gives the same names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The update.
    pub update: ItemId,
    /// From 0.
    pub ordinal: u32,
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
        let mut fields = Fields::open("outbox entry", bytes)?;
        let made = Timestamp(fields.u64()?);
        let (ticket, conversation) = (fields.ticket()?, fields.conversation()?);
        Ok(Self { made, call: Call { conversation, ticket, body: fields.rest } })
    }
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
        let mut fields = Fields::open("sent entry", bytes)?;
        Ok(Self { ticket: fields.ticket()?, message: fields.text()? })
    }
}

impl Ticket {
    /// The ticket as one id, for a queue that must not take the same thing twice.
    pub(super) fn id(&self) -> ItemId {
        let mut bytes = BytesMut::new();
        self.put(&mut bytes);
        ItemId::Bytes(CALLS, xxhash_rust::xxh3::xxh3_128(&bytes).to_le_bytes())
    }

    fn put(&self, out: &mut BytesMut) {
        match &self.update {
            ItemId::Number(space, number) => {
                out.put_u8(0);
                put_text(out, space.as_str());
                out.put_i64_le(*number);
            }
            ItemId::Bytes(space, bytes) => {
                out.put_u8(1);
                put_text(out, space.as_str());
                out.put_slice(bytes);
            }
        }
        out.put_u32_le(self.ordinal);
    }
}

/// Writes at most 65,535 bytes of `text`, cut at a character.
fn put_text(out: &mut BytesMut, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    out.put_u16_le(u16::try_from(text.len()).expect("cut to fit"));
    out.put_slice(text.as_bytes());
}

/// Reads a record's fields in order; names the record when it ends early.
struct Fields {
    what: &'static str,
    rest: Bytes,
}

impl Fields {
    fn open(what: &'static str, bytes: &Bytes) -> Result<Self> {
        let mut fields = Self { what, rest: bytes.clone() };
        match fields.u8()? {
            VERSION => Ok(fields),
            other => Err(Error::corrupt(format!(
                "{what} has format version {other}, this program reads up to {VERSION}"
            ))),
        }
    }

    fn need(&self, bytes: usize) -> Result<()> {
        if self.rest.len() < bytes {
            Err(Error::corrupt(format!("{} ends early", self.what)))
        } else {
            Ok(())
        }
    }

    fn u8(&mut self) -> Result<u8> {
        self.need(1)?;
        Ok(self.rest.get_u8())
    }

    fn u16(&mut self) -> Result<u16> {
        self.need(2)?;
        Ok(self.rest.get_u16_le())
    }

    fn u64(&mut self) -> Result<u64> {
        self.need(8)?;
        Ok(self.rest.get_u64_le())
    }

    fn text(&mut self) -> Result<String> {
        let len = usize::from(self.u16()?);
        self.need(len)?;
        String::from_utf8(self.rest.split_to(len).into()).map_err(|error| {
            Error::corrupt(format!("{} holds a text that is not UTF-8", self.what)).with_source(error)
        })
    }

    fn conversation(&mut self) -> Result<Conversation> {
        let text = self.text()?;
        Conversation::parse(&text).map_err(|error| Error::corrupt(self.what).with_source(error))
    }

    fn ticket(&mut self) -> Result<Ticket> {
        let tag = self.u8()?;
        let space = Name::new(self.text()?).map_err(|error| Error::corrupt(self.what).with_source(error))?;
        let update = match tag {
            0 => ItemId::Number(space, self.u64()?.cast_signed()),
            1 => {
                self.need(16)?;
                let mut bytes = [0; 16];
                self.rest.copy_to_slice(&mut bytes);
                ItemId::Bytes(space, bytes)
            }
            other => return Err(Error::corrupt(format!("{} has the unknown id kind {other}", self.what))),
        };
        self.need(4)?;
        Ok(Ticket { update, ordinal: self.rest.get_u32_le() })
    }
}

#[cfg(test)]
mod tests;
