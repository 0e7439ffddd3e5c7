//! The names of what turns make.

use std::fmt;
use std::str::FromStr;

use bytes::{BufMut, BytesMut};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fields::put_item_id;
use crate::storage::{ItemId, Offset};
use crate::{Error, Name, Result};

/// The space of the ids that are made of tickets.
const CALLS: Name = Name::from_static("call");
/// The longest text of a ticket that is not shortened where it becomes part of something: a name may be longer.
const MAX_SHORT: usize = 128;

/// The ordinals of calls that are made before their turn's end begin here.
const EARLY: u32 = 1 << 31;

/// Names something a turn made: which update, and which of the things its turn made, in order. A turn that runs
/// again gives the same names.
///
/// A ticket can be kept, such as in a session, to change later what was said. It is written as a text:
/// the update's space and number, a point and the ordinal, `telegram/7000001/4711.0`. It is worth something only in the
/// conversation it was made in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The update.
    pub update: ItemId,
    /// From 0, and from 2^31 for what was made before the turn's end.
    pub ordinal: u32,
}

impl Ticket {
    /// Of the call with this number that a turn makes before its end.
    pub(in crate::runner) fn early(update: ItemId, number: u16) -> Self {
        Self { update, ordinal: Self::of_early(number) }
    }

    /// The ordinal of a call that is made before its turn's end.
    pub(in crate::runner) fn of_early(number: u16) -> u32 {
        EARLY + u32::from(number)
    }

    /// The number of a call that is made before its turn's end.
    pub(in crate::runner) fn early_number(&self) -> Option<u16> {
        self.ordinal.checked_sub(EARLY).and_then(|number| u16::try_from(number).ok())
    }

    /// The id of the dead letter of the call that is this entry of the outbox: the same letter is not written twice,
    /// and a call that is replayed and dies again leaves another one.
    pub(in crate::runner) fn dead_id(&self, entry: Offset) -> ItemId {
        let mut bytes = BytesMut::new();
        self.put(&mut bytes);
        bytes.put_u64_le(entry.0);
        ItemId::Bytes(CALLS, xxhash_rust::xxh3::xxh3_128(&bytes).to_le_bytes())
    }

    /// What edits of the message have as [`join`](crate::runner::CallOptions::join), so that of those that wait only
    /// the last is made.
    pub fn edits(&self) -> String {
        let text = self.to_string();
        if text.len() <= MAX_SHORT {
            return format!("edit of {text}");
        }
        format!("edit of {:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
        put_item_id(out, &self.update);
        out.put_u32_le(self.ordinal);
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.update, self.ordinal)
    }
}

impl FromStr for Ticket {
    type Err = Error;

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    fn from_str(text: &str) -> Result<Self> {
        let ticket = read(text).filter(|ticket| ticket.to_string() == text);
        ticket.ok_or_else(|| {
            let begins = &text[..text.floor_char_boundary(MAX_SHORT)];
            Error::invalid(format!("{begins:?} is no ticket: one looks like `telegram/7000001/4711.0`"))
        })
    }
}

/// The ticket in a text, which may have been written in another way too.
fn read(text: &str) -> Option<Ticket> {
    let (update, ordinal) = text.rsplit_once('.')?;
    let (space, id) = update.rsplit_once('/')?;
    let space = Name::new(space).ok()?;
    // No number has as many digits as bytes are written in.
    let update = if id.len() == 32 {
        ItemId::Bytes(space, u128::from_str_radix(id, 16).ok()?.to_be_bytes())
    } else {
        ItemId::Number(space, id.parse().ok()?)
    };
    Some(Ticket { update, ordinal: ordinal.parse().ok()? })
}

impl Serialize for Ticket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
