//! The ids that are remembered, by shard, queue and id.

use super::super::{Cursor, ItemId, SeenId, SeenPage, SeenQuery};
use super::Memory;
use super::shelf::Now;
use crate::{Error, Key, Name, Result, Shard};

/// What a cursor begins with, so that one of another storage, or of a listing, is told apart.
const CURSOR: &[u8] = b"memory ids";

impl Memory {
    pub(super) fn seen_now(&self, query: &SeenQuery) -> Result<SeenPage> {
        let after = query.after.as_ref().map(decode).transpose()?;
        let limit = query.limit.max(1);
        let mut ids = Vec::new();
        for shard in Shard::all() {
            if after.as_ref().is_some_and(|(from, _)| shard < from.shard()) {
                continue;
            }
            let after = after.as_ref().filter(|(from, _)| from.shard() == shard);
            let shelf = self.0.shelves[shard.index()].lock();
            // One more than the page holds tells whether another page follows.
            ids.extend(shelf.seen_after(after, limit + 1 - ids.len(), &Now::new(&self.0.clock)));
            if ids.len() > limit {
                ids.truncate(limit);
                let next = ids.last().map(encode);
                return Ok(SeenPage { ids, next });
            }
        }
        Ok(SeenPage { ids, next: None })
    }
}

/// The shard, the kind of the id, its bytes, then the names of queue and space with a zero between, which neither can
/// hold.
fn encode(SeenId { queue, id, .. }: &SeenId) -> Cursor {
    let (kind, bytes, space) = match id {
        ItemId::Number(space, number) => (0, &number.to_be_bytes()[..], space),
        ItemId::Bytes(space, bytes) => (1, &bytes[..], space),
    };
    let (queue, shard) = (queue.name().as_str().as_bytes(), queue.shard().0);
    Cursor([CURSOR, &[shard, kind], bytes, queue, &[0], space.as_str().as_bytes()].concat().into())
}

fn decode(Cursor(bytes): &Cursor) -> Result<(Key, ItemId)> {
    let place = || {
        let [shard, kind, rest @ ..] = bytes.strip_prefix(CURSOR)? else { return None };
        let (id, names) = rest.split_at_checked(if *kind == 0 { 8 } else { 16 })?;
        let (queue, space) = std::str::from_utf8(names).ok()?.split_once('\0')?;
        let (queue, space) = (Name::new(queue).ok()?, Name::new(space).ok()?);
        let id = match kind {
            0 => ItemId::Number(space, i64::from_be_bytes(id.try_into().ok()?)),
            1 => ItemId::Bytes(space, id.try_into().ok()?),
            _ => return None,
        };
        Some((Key::Queue(Shard(*shard), queue), id))
    };
    place().ok_or_else(|| Error::invalid("this cursor was not given by the memory storage"))
}
