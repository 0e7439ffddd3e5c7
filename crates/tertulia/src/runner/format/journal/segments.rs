//! The stored shape of what a journal knows of itself: the base of its log.

use bytes::{BufMut, Bytes, BytesMut};

use super::parts::put_list;
use crate::runner::format::fields::Fields;
use crate::storage::Offset;
use crate::{Result, Timestamp};

/// The version of this record.
const VERSION: u8 = 1;

/// A part of a journal that can be read without what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runner) struct Segment {
    /// Where it begins.
    pub(in crate::runner) first: Offset,
    /// When it was begun.
    pub(in crate::runner) begun: Timestamp,
    /// The bytes of its entries; 0 for the last one, which grows.
    pub(in crate::runner) bytes: u64,
}

/// The base of a journal: its segments, the oldest first.
pub(in crate::runner) fn encode_segments(segments: &[Segment]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + segments.len() * 24);
    out.put_u8(VERSION);
    put_list(&mut out, segments, |out, Segment { first, begun, bytes }| {
        out.put_u64_le(first.0);
        out.put_u64_le(begun.0);
        out.put_u64_le(*bytes);
    });
    out.freeze()
}

pub(in crate::runner) fn decode_segments(base: &Bytes) -> Result<Vec<Segment>> {
    let (_, mut fields) = Fields::open("journal base", base, VERSION)?;
    fields.list(|fields| {
        let (first, begun) = (Offset(fields.u64()?), Timestamp(fields.u64()?));
        Ok(Segment { first, begun, bytes: fields.u64()? })
    })
}
