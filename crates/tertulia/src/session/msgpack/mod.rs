//! MessagePack as bytes: where a value begins and ends, what is in it, without decoding it.

mod align;
pub(super) mod diff;
pub(super) mod encoding;
pub(super) mod patch;
pub(super) mod unordered;

use crate::session::format::Malformed;

/// The deepest nesting of maps and arrays that is written or read.
pub(in crate::session) const MAX_DEPTH: usize = 128;

/// What a value is, as far as a patch tells values apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Kind {
    Map,
    Array,
    Text,
    Bytes,
    /// An extension; its payload begins with its type.
    Ext,
    /// Nil, a boolean, a number.
    Scalar,
}

/// The beginning of a value.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Header {
    pub(in crate::session) kind: Kind,
    /// Where the payload begins.
    pub(in crate::session) payload: usize,
    /// Pairs of a map, items of an array, bytes of anything else.
    pub(in crate::session) len: usize,
}

/// Reads the header at `at`.
pub(in crate::session) fn header(bytes: &[u8], at: usize) -> Result<Header, Malformed> {
    let marker = *bytes.get(at).ok_or(Malformed::MessagePack)?;
    let low = |mask: u8| usize::from(marker & mask);
    let fixed = |kind, len| Ok(Header { kind, payload: at + 1, len });
    let sized = |kind, width: usize, extra: usize| {
        let digits = bytes.get(at + 1..at + 1 + width).ok_or(Malformed::MessagePack)?;
        let len = digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit));
        Ok(Header { kind, payload: at + 1 + width, len: len + extra })
    };
    match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => fixed(Kind::Scalar, 0),
        0x80..=0x8f => fixed(Kind::Map, low(0x0f)),
        0x90..=0x9f => fixed(Kind::Array, low(0x0f)),
        0xa0..=0xbf => fixed(Kind::Text, low(0x1f)),
        0xc1 => Err(Malformed::MessagePack),
        0xc4..=0xc6 => sized(Kind::Bytes, 1 << (marker - 0xc4), 0),
        0xc7..=0xc9 => sized(Kind::Ext, 1 << (marker - 0xc7), 1),
        0xca => fixed(Kind::Scalar, 4),
        0xcb => fixed(Kind::Scalar, 8),
        0xcc..=0xcf => fixed(Kind::Scalar, 1 << (marker - 0xcc)),
        0xd0..=0xd3 => fixed(Kind::Scalar, 1 << (marker - 0xd0)),
        0xd4..=0xd8 => fixed(Kind::Ext, 1 + (1 << (marker - 0xd4))),
        0xd9..=0xdb => sized(Kind::Text, 1 << (marker - 0xd9), 0),
        0xdc | 0xdd => sized(Kind::Array, 2 << (marker - 0xdc), 0),
        0xde | 0xdf => sized(Kind::Map, 2 << (marker - 0xde), 0),
    }
}

/// Where the value at `at` ends.
pub(in crate::session) fn skip(bytes: &[u8], mut at: usize) -> Result<usize, Malformed> {
    let mut left = 1_usize;
    while left > 0 {
        left -= 1;
        let header = header(bytes, at)?;
        at = header.payload;
        match header.kind {
            Kind::Map => left += 2 * header.len,
            Kind::Array => left += header.len,
            _ => at += header.len,
        }
        // Every value has a byte, so that a false length ends here and not in an overflow.
        if left > bytes.len() || at > bytes.len() {
            return Err(Malformed::MessagePack);
        }
    }
    Ok(at)
}

/// Takes one value from the front.
pub(in crate::session) fn take_value<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let end = skip(bytes, 0)?;
    let (value, rest) = bytes.split_at(end);
    *bytes = rest;
    Ok(value)
}

/// Walks the value at `at`, which lies `depth` levels deep, and shows every extension's payload; tells where the
/// value ends.
pub(in crate::session) fn walk(
    bytes: &[u8],
    at: usize,
    depth: usize,
    found: &mut impl FnMut(&[u8]),
) -> Result<usize, Malformed> {
    let header = header(bytes, at)?;
    let mut at = header.payload;
    let children = match header.kind {
        Kind::Map => 2 * header.len,
        Kind::Array => header.len,
        kind => {
            let end = at + header.len;
            let payload = bytes.get(at..end).ok_or(Malformed::MessagePack)?;
            if kind == Kind::Ext {
                found(payload);
            }
            return Ok(end);
        }
    };
    if depth >= MAX_DEPTH {
        return Err(Malformed::Depth);
    }
    for _ in 0..children {
        at = walk(bytes, at, depth + 1, found)?;
    }
    Ok(at)
}

/// Appends the header of a map, an array, a text or bytes, in its shortest form as the encoder writes it.
pub(in crate::session) fn put_header(out: &mut Vec<u8>, kind: Kind, len: usize) {
    let (fixed, fixed_max, narrow, wide): (u8, usize, Option<u8>, [u8; 2]) = match kind {
        Kind::Map => (0x80, 15, None, [0xde, 0xdf]),
        Kind::Array => (0x90, 15, None, [0xdc, 0xdd]),
        Kind::Text => (0xa0, 31, Some(0xd9), [0xda, 0xdb]),
        // Bytes have no shortest form; no length is below zero, so 0 stays out of the first branch.
        _ => (0xc4, 0, Some(0xc4), [0xc5, 0xc6]),
    };
    let [.., b3, b2, b1, b0] = len.to_be_bytes();
    if len <= fixed_max && kind != Kind::Bytes {
        out.push(fixed | b0);
    } else if let (Some(marker), 0..=0xff) = (narrow, len) {
        out.extend_from_slice(&[marker, b0]);
    } else if len <= 0xffff {
        out.extend_from_slice(&[wide[0], b1, b0]);
    } else {
        out.extend_from_slice(&[wide[1], b3, b2, b1, b0]);
    }
}
