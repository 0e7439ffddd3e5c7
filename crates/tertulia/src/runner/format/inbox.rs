//! The stored shape of an update that was received and not yet applied.

use bytes::{BufMut, Bytes, BytesMut};

use super::MAX_ERROR;
use super::fields::{Fields, cut, put_text};
use crate::{Conversation, Error, Result, Timestamp};

/// The versions of this record: 1 has no mark. An update without marks is written as 1.
const PLAIN: u8 = 1;
const MARKED: u8 = 2;

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
    /// What is known of it beyond that.
    pub mark: Mark,
    /// The update as its source gave it.
    pub body: Bytes,
}

/// What keeps an update from being run like any other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It was begun and has not ended: if nobody runs it, the process stopped while it ran.
    Begun(Begun),
    /// It is not run until it is let go, and holds back the updates behind it. The text says why; cut after 2,000
    /// bytes.
    Parked(String),
}

/// How an update was begun, in a row of processes that stopped without having been told to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// Names the row: what was begun in an earlier one counts no more.
    pub row: u64,
    /// How often it was begun.
    pub times: u8,
    /// How often of these no other handler ran.
    pub alone: u8,
}

impl InboxRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let Self { conversation, arrived, attempts, not_before, mark, body } = self;
        Self::encode_fields(conversation, *arrived, *attempts, *not_before, mark, body)
    }

    /// The record of an update that has just arrived, without taking it apart.
    pub(crate) fn encode_new(conversation: &Conversation, arrived: Timestamp, body: &[u8]) -> Bytes {
        Self::encode_fields(conversation, arrived, 0, Timestamp(0), &Mark::None, body)
    }

    fn encode_fields(
        conversation: &Conversation,
        arrived: Timestamp,
        attempts: u16,
        not_before: Timestamp,
        mark: &Mark,
        body: &[u8],
    ) -> Bytes {
        let text = conversation.as_str();
        let mut out = BytesMut::with_capacity(32 + text.len() + mark.len() + body.len());
        out.put_u8(if *mark == Mark::None { PLAIN } else { MARKED });
        out.put_u64_le(arrived.0);
        out.put_u16_le(attempts);
        out.put_u64_le(not_before.0);
        match mark {
            Mark::None => {}
            Mark::Begun(Begun { row, times, alone }) => {
                out.put_u8(0);
                out.put_u64_le(*row);
                out.put_u8(*times);
                out.put_u8(*alone);
            }
            Mark::Parked(why) => {
                out.put_u8(1);
                put_text(&mut out, cut(why, MAX_ERROR));
            }
        }
        put_text(&mut out, text);
        out.put_slice(body);
        out.freeze()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupt` if it is none, or of a version this program does not know.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        let (version, mut fields) = Fields::open("inbox entry", bytes, MARKED)?;
        Ok(Self {
            arrived: Timestamp(fields.u64()?),
            attempts: fields.u16()?,
            not_before: Timestamp(fields.u64()?),
            mark: if version == PLAIN { Mark::None } else { Mark::read(&mut fields)? },
            conversation: fields.conversation()?,
            body: fields.rest,
        })
    }
}

impl Mark {
    fn read(fields: &mut Fields) -> Result<Self> {
        match fields.u8()? {
            0 => Ok(Self::Begun(Begun { row: fields.u64()?, times: fields.u8()?, alone: fields.u8()? })),
            1 => Ok(Self::Parked(fields.text()?)),
            other => Err(Error::corrupt(format!("inbox entry has the unknown mark {other}"))),
        }
    }

    /// About how many bytes it takes.
    fn len(&self) -> usize {
        match self {
            Self::Parked(why) => why.len(),
            Self::None | Self::Begun(_) => 0,
        }
    }
}
