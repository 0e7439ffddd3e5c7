//! The names of what turns make.

use bytes::{BufMut, BytesMut};

use super::fields::put_text;
use crate::Name;
use crate::storage::{ItemId, Offset};

/// The space of the ids that are made of tickets.
const CALLS: Name = Name::from_static("call");

/// Names something a turn made: which update, and which of the things its turn made, in order. A turn that runs
/// again gives the same names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The update.
    pub update: ItemId,
    /// From 0.
    pub ordinal: u32,
}

impl Ticket {
    /// The id of the dead letter of the call that is this entry of the outbox: the same letter is not written twice,
    /// and a call that is replayed and dies again leaves another one.
    pub(in crate::runner) fn dead_id(&self, entry: Offset) -> ItemId {
        let mut bytes = BytesMut::new();
        self.put(&mut bytes);
        bytes.put_u64_le(entry.0);
        ItemId::Bytes(CALLS, xxhash_rust::xxh3::xxh3_128(&bytes).to_le_bytes())
    }

    pub(super) fn put(&self, out: &mut BytesMut) {
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
