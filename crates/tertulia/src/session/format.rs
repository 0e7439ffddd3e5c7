//! The stored shapes of sessions. Each begins with a byte that says which version of the shape it is.
//!
//! Base of `session/<name>`: version, next log number (varint), the state as MessagePack with field names.

/// The only version of the shapes there is so far.
const VERSION: u8 = 1;

/// A whole session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base<'a> {
    /// The number that the next new log inside the session gets, from 1; never taken back.
    pub(crate) next_log: u64,
    /// The state.
    pub(crate) state: &'a [u8],
}

impl<'a> Base<'a> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.state.len() + 11);
        out.push(VERSION);
        put_varint(&mut out, self.next_log);
        out.extend_from_slice(self.state);
        out
    }

    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = versioned(bytes)?;
        let next_log = take_varint(&mut rest)?;
        Ok(Self { next_log, state: rest })
    }
}

/// Why stored bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// They end too early.
    Truncated,
    /// They are of a version that this program does not know.
    Version(u8),
    /// A number does not fit in 64 bits.
    Number,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("the record ends too early"),
            Self::Version(found) => {
                write!(f, "the record has format version {found}, this program knows up to {VERSION}")
            }
            Self::Number => f.write_str("a number in the record does not fit in 64 bits"),
        }
    }
}

impl std::error::Error for Malformed {}

fn versioned(bytes: &[u8]) -> Result<&[u8], Malformed> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((&found, _)) => Err(Malformed::Version(found)),
        None => Err(Malformed::Truncated),
    }
}

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
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
