//! The stored shapes of sessions.
//!
//! Each begins with a byte that says which version of the shape it is, and ends with the XXH3 64-bit hash of all
//! that is before, little-endian. Numbers are varints. Between the two:
//! - Base of `session/<name>`: next log number, the state as MessagePack with field names.
//! - Entry of `session/<name>`: next log number, the state's length afterwards, the patch (see [`patch`](super::patch)).
//! - Entry of `session/<name>/log/<number>`: start, from, and an item as MessagePack or nothing.

use xxhash_rust::xxh3::xxh3_64;

/// The only version of the shapes there is so far.
const VERSION: u8 = 1;

const CHECKSUM: usize = 8;

/// A whole session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base<'a> {
    /// The number that the next new log inside the session gets, from 1; never taken back.
    pub(super) next_log: u64,
    /// The state.
    pub(super) state: &'a [u8],
}

impl<'a> Base<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        seal([self.next_log], self.state)
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let ([next_log], state) = open(bytes)?;
        Ok(Self { next_log, state })
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
        seal([self.next_log, self.state_len], self.changes)
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let ([next_log, state_len], changes) = open(bytes)?;
        Ok(Self { next_log, state_len, changes })
    }
}

/// What changed in a log inside a session: it has no items before `start`, and none at or after `from` but this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The first position that the log still has.
    pub(super) start: u64,
    /// The position of the item; without one, where the log ends.
    pub(super) from: u64,
    /// The item; empty if there is none.
    pub(super) item: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        seal([self.start, self.from], self.item)
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let ([start, from], item) = open(bytes)?;
        Ok(Self { start, from, item })
    }

    /// The position after the item.
    pub(super) fn end(&self) -> u64 {
        self.from.saturating_add(u64::from(!self.item.is_empty()))
    }
}

/// Why stored bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
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
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("a record ends too early"),
            Self::Version(found) => {
                write!(f, "a record has format version {found}, this program knows up to {VERSION}")
            }
            Self::Checksum => f.write_str("the checksum of a record is wrong"),
            Self::Number => f.write_str("a number in a record does not fit in 64 bits"),
            Self::MessagePack => f.write_str("the state is not MessagePack"),
            Self::Depth => {
                write!(f, "values are nested more than {} levels deep", super::msgpack::MAX_DEPTH)
            }
            Self::Patch => f.write_str("a patch does not fit the state"),
            Self::Gap => f.write_str("the records of a log leave out an item"),
        }
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for crate::Error {
    fn from(malformed: Malformed) -> Self {
        Self::corrupt(malformed.to_string()).with_source(malformed)
    }
}

fn seal<const N: usize>(numbers: [u64; N], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 10 * N + payload.len() + CHECKSUM);
    out.push(VERSION);
    for number in numbers {
        put_varint(&mut out, number);
    }
    out.extend_from_slice(payload);
    let checksum = xxh3_64(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

fn open<const N: usize>(bytes: &[u8]) -> Result<([u64; N], &[u8]), Malformed> {
    match bytes.first() {
        Some(&VERSION) => {}
        Some(&found) => return Err(Malformed::Version(found)),
        None => return Err(Malformed::Truncated),
    }
    let (sealed, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Malformed::Truncated)?;
    if xxh3_64(sealed) != u64::from_le_bytes(*checksum) {
        return Err(Malformed::Checksum);
    }
    let mut rest = sealed.get(1..).ok_or(Malformed::Truncated)?;
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = take_varint(&mut rest)?;
    }
    Ok((numbers, rest))
}

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Takes a number from the front.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
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
