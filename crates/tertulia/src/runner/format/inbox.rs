//! The stored shape of an update that was received and not yet applied.

use bytes::{BufMut, Bytes, BytesMut};

use super::MAX_ERROR;
use super::fields::{Fields, cut, put_text};
use crate::{Conversation, Error, Result, Timestamp};

/// The versions of this record: 1 has no mark, 2 has one, 3 may have one and tells what was released, 4 also
/// which calls were made early. An update is written as the lowest that has room for it.
const PLAIN: u8 = 1;
const MARKED: u8 = 2;
const RELEASED: u8 = 3;
const EARLY: u8 = 4;

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
    /// What its turn has given out before its end; nothing for nearly all.
    pub released: Released,
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

/// What a turn has given out before its end, to wait for an answer: it stays whatever becomes of the turn, and a turn
/// that runs again does not give it out again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// How many of its calls.
    pub calls: u32,
    /// When it did so, each time.
    pub waits: Vec<Timestamp>,
    /// How many updates were run together with it: a turn that runs again has these and no more, since what came
    /// later may have been its answer.
    pub joined: u16,
    /// The numbers of the calls that it has made before its end.
    pub early: Vec<u16>,
}

impl Released {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self { calls: 0, waits: Vec::new(), joined: 0, early: Vec::new() };

    /// How often a turn waits at most.
    pub(crate) const MAX_WAITS: usize = 128;

    /// Whether what it has given out was the update's answer: a call made early is none.
    pub(crate) fn has_answered(&self) -> bool {
        self.calls > 0 || !self.waits.is_empty()
    }

    fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }
}

impl InboxRecord {
    pub(crate) fn encode(&self) -> Bytes {
        let Self { conversation, arrived, attempts, not_before, mark, released, body } = self;
        Self::encode_fields(conversation, *arrived, *attempts, *not_before, (mark, released), body)
    }

    /// The record of an update that has just arrived, without taking it apart.
    pub(crate) fn encode_new(conversation: &Conversation, arrived: Timestamp, body: &[u8]) -> Bytes {
        let plain = (&Mark::None, &Released::NOTHING);
        Self::encode_fields(conversation, arrived, 0, Timestamp(0), plain, body)
    }

    fn encode_fields(
        conversation: &Conversation,
        arrived: Timestamp,
        attempts: u16,
        not_before: Timestamp,
        (mark, released): (&Mark, &Released),
        body: &[u8],
    ) -> Bytes {
        let text = conversation.as_str();
        let more = mark.len() + 8 * released.waits.len() + 2 * released.early.len();
        let mut out = BytesMut::with_capacity(40 + text.len() + more + body.len());
        let version = match (mark, released.is_nothing()) {
            (Mark::None, true) => PLAIN,
            (_, true) => MARKED,
            (_, false) if released.early.is_empty() => RELEASED,
            (_, false) => EARLY,
        };
        out.put_u8(version);
        out.put_u64_le(arrived.0);
        out.put_u16_le(attempts);
        out.put_u64_le(not_before.0);
        match mark {
            Mark::None if version >= RELEASED => out.put_u8(2),
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
        if version >= RELEASED {
            out.put_u32_le(released.calls);
            out.put_u16_le(u16::try_from(released.waits.len()).expect("a turn waits at most 128 times"));
            released.waits.iter().for_each(|wait| out.put_u64_le(wait.0));
            out.put_u16_le(released.joined);
        }
        if version == EARLY {
            out.put_u16_le(
                u16::try_from(released.early.len()).expect("a turn makes at most 256 calls early"),
            );
            released.early.iter().for_each(|number| out.put_u16_le(*number));
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
        let (version, mut fields) = Fields::open("inbox entry", bytes, EARLY)?;
        Ok(Self {
            arrived: Timestamp(fields.u64()?),
            attempts: fields.u16()?,
            not_before: Timestamp(fields.u64()?),
            mark: if version == PLAIN { Mark::None } else { Mark::read(version, &mut fields)? },
            released: match version {
                RELEASED | EARLY => Released::read(version, &mut fields)?,
                _ => Released::NOTHING,
            },
            conversation: fields.conversation()?,
            body: fields.rest,
        })
    }
}

impl Released {
    fn read(version: u8, fields: &mut Fields) -> Result<Self> {
        let calls = fields.u32()?;
        let waits = (0..fields.u16()?).map(|_| fields.u64().map(Timestamp)).collect::<Result<_>>()?;
        let joined = fields.u16()?;
        let early = if version < EARLY { 0 } else { fields.u16()? };
        let early = (0..early).map(|_| fields.u16()).collect::<Result<_>>()?;
        Ok(Self { calls, waits, joined, early })
    }
}

impl Mark {
    fn read(version: u8, fields: &mut Fields) -> Result<Self> {
        match fields.u8()? {
            2 if version >= RELEASED => Ok(Self::None),
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
