//! The ids that queues remember, so that what is appended again is seen: asked for, page by page, and handed over.

use std::collections::HashSet;
use std::time::Duration;

use super::{Cursor, ItemId, QueueWrite, State};
use crate::{Key, Result};

/// How long the id of an appended entry is remembered, whatever becomes of the entry: 48 hours.
pub const SEEN_FOR: Duration = Duration::from_hours(48);

/// Which of the ids that a store remembers to give, each once unless it is forgotten and appended again meanwhile.
#[derive(Clone, Debug)]
pub struct SeenQuery {
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// The most ids of a page, at least 1.
    pub limit: usize,
}

impl Default for SeenQuery {
    fn default() -> Self {
        Self { after: None, limit: 1_000 }
    }
}

/// A page of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenPage {
    /// The ids, in an order of the storage's own. There may be fewer than asked for, even none, before the last page.
    pub ids: Vec<SeenId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// An id that a queue remembers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenId {
    /// The queue.
    pub queue: Key,
    /// The id, of an entry that is there or is gone.
    pub id: ItemId,
    /// How much longer: above zero, at most [`SEEN_FOR`].
    pub left: Duration,
}

/// An id to remember as if its entry had been appended and removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct See {
    /// The id. One that is remembered already, or appended by the same write, is left as it is.
    pub id: ItemId,
    /// How much longer, at most [`SEEN_FOR`]; not at all if zero.
    pub left: Duration,
}

/// Which of the ids that a write hands over are to be remembered.
pub(super) fn new_ids(write: &QueueWrite, state: &mut impl State) -> Result<Vec<bool>> {
    if write.see.is_empty() {
        return Ok(Vec::new());
    }
    let mut named: HashSet<&ItemId> = write.append.iter().filter_map(|append| append.id.as_ref()).collect();
    let mut new = Vec::with_capacity(write.see.len());
    for See { id, left } in &write.see {
        new.push(!left.is_zero() && named.insert(id) && !state.seen(&write.key, id)?);
    }
    Ok(new)
}
