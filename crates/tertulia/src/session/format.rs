//! The stored shapes of sessions.
//!
//! Each begins with a byte that says which version of the shape it is, and ends with the XXH3 64-bit hash of all
//! that is before, little-endian. Numbers are varints. Between the two:
//! - Base of `session/<name>`: next log number, the state as MessagePack with field names.
//! - Entry of `session/<name>`: next log number, the state's length afterwards, the patch (see [`patch`](super::msgpack::patch)).
//! - Entry of `session/<name>/log/<number>`: start, from, and an item as MessagePack or nothing.
//!
//! Version 2 of a base and of a log's entry has the version of the user's [migrations](super::Migrations) before all
//! that; version 1 stands for 0 there. Version 3 is a record that went through a [codec](super::Codec): the codec's tag,
//! and what the codec made of the record, which has a version of its own.

use xxhash_rust::xxh3::xxh3_64;

/// Without a schema, which is 0 then.
const PLAIN: u8 = 1;

/// With a schema first.
const MIGRATED: u8 = 2;

/// What went through a codec.
pub(crate) const SEALED: u8 = 3;

const CHECKSUM: usize = 8;

/// A whole session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base<'a> {
    /// The version of the state, by the user's migrations.
    pub(super) schema: u32,
    /// The number that the next new log inside the session gets, from 1; never taken back.
    pub(super) next_log: u64,
    /// The state.
    pub(super) state: &'a [u8],
}

impl<'a> Base<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        seal(self.schema, [self.next_log], self.state)
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (schema, [next_log], state) = open(bytes)?;
        Ok(Self { schema, next_log, state })
    }
}

/// What changed in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patch<'a> {
    /// As in the base.
    pub(super) next_log: u64,
    /// How long the state is afterwards: one more way to see that a patch met the state it was made for.
    pub(super) state_len: u64,
    /// The changes.
    pub(super) changes: &'a [u8],
}

impl<'a> Patch<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        seal(0, [self.next_log, self.state_len], self.changes)
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (_, [next_log, state_len], changes) = open(bytes)?;
        Ok(Self { next_log, state_len, changes })
    }
}

/// What changed in a log inside a session: it has no items before `start`, and none at or after `from` but this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The version of the item, by the user's migrations.
    pub(super) schema: u32,
    /// The first position that the log still has.
    pub(super) start: u64,
    /// The position of the item; without one, where the log ends.
    pub(super) from: u64,
    /// The item; empty if there is none.
    pub(super) item: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        seal(self.schema, [self.start, self.from], self.item)
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (schema, [start, from], item) = open(bytes)?;
        Ok(Self { schema, start, from, item })
    }

    /// The position after the item.
    pub(super) fn end(&self) -> u64 {
        self.from.saturating_add(u64::from(!self.item.is_empty()))
    }
}

/// Why stored bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// They end too early.
    Truncated,
    /// They are of a version that this program does not know.
    Version(u8),
    /// They are not the ones that were written.
    Checksum,
    /// A number does not fit in 64 bits.
    Number,
    /// What should be MessagePack is not.
    MessagePack,
    /// Values are nested more deeply than is ever written.
    Depth,
    /// A patch does not fit what it should change.
    Patch,
    /// The records of a log leave out an item.
    Gap,
    /// A version of a run's state is written in a way that this program does not know.
    Tracked(u8),
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("a record ends too early"),
            Self::Version(found) => {
                write!(f, "a record has format version {found}, this program knows up to {SEALED}")
            }
            Self::Checksum => f.write_str("the checksum of a record is wrong"),
            Self::Number => f.write_str("a number in a record does not fit in 64 bits"),
            Self::MessagePack => f.write_str("the state is not MessagePack"),
            Self::Depth => {
                write!(f, "values are nested more than {} levels deep", super::msgpack::MAX_DEPTH)
            }
            Self::Patch => f.write_str("a patch does not fit the state"),
            Self::Gap => f.write_str("the records of a log leave out an item"),
            Self::Tracked(found) => {
                write!(f, "a run's state has format version {found}, this program knows 1")
            }
        }
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for crate::Error {
    fn from(malformed: Malformed) -> Self {
        Self::corrupt(malformed.to_string()).with_source(malformed)
    }
}

fn seal<const N: usize>(schema: u32, numbers: [u64; N], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 5 + 10 * N + payload.len() + CHECKSUM);
    if schema == 0 {
        out.push(PLAIN);
    } else {
        out.push(MIGRATED);
        put_varint(&mut out, schema.into());
    }
    for number in numbers {
        put_varint(&mut out, number);
    }
    out.extend_from_slice(payload);
    let checksum = xxh3_64(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

fn open<const N: usize>(bytes: &[u8]) -> Result<(u32, [u64; N], &[u8]), Malformed> {
    let has_schema = match bytes.first() {
        Some(&PLAIN) => false,
        Some(&MIGRATED) => true,
        Some(&found) => return Err(Malformed::Version(found)),
        None => return Err(Malformed::Truncated),
    };
    let (sealed, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Malformed::Truncated)?;
    if xxh3_64(sealed) != u64::from_le_bytes(*checksum) {
        return Err(Malformed::Checksum);
    }
    let mut rest = sealed.get(1..).ok_or(Malformed::Truncated)?;
    let schema = if has_schema { take_varint(&mut rest)? } else { 0 };
    let schema = u32::try_from(schema).map_err(|_| Malformed::Number)?;
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = take_varint(&mut rest)?;
    }
    Ok((schema, numbers, rest))
}

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// How many bytes [`put_varint`] appends.
pub(crate) fn varint_len(number: u64) -> usize {
    let bits = u64::BITS - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Takes a number from the front.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Malformed::Truncated)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(Malformed::Number);
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Malformed::Number)
}
