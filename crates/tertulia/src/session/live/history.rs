//! What changed in a log inside a session, as operations on its array.

use serde_json::Value;

use super::json::{self, Lists};
use super::operation::Operation;
use super::render::Render;
use crate::session::format::Malformed;
use crate::session::log::Tail;
use crate::storage::CommitId;

/// The operations that make of the array at `path` the items of `new`, having been those of `old`.
///
/// Items are the same if they have the same position and the same bytes, so that nothing is searched: a log is only
/// changed at its ends.
pub(super) fn changes(
    old: &Tail,
    new: &Tail,
    path: &str,
    json: &mut Value,
) -> Result<Vec<Operation>, Malformed> {
    let mut render = Render::new(Lists::default(), path.to_owned());
    if incarnation(old) != incarnation(new) {
        // Positions mean nothing to each other.
        render.set(json, json::list(new)?);
        return Ok(render.into_operations());
    }
    let Value::Array(items) = json else { return Err(Malformed::Patch) };
    let mark = render.mark();
    let (from, to) = (old.first.max(new.first), end(old).min(end(new)));
    if from >= to {
        render.drop(items, 0, old.items.len());
        render.add(items, 0, values(new, new.first, end(new))?);
    } else {
        render.drop(items, index(old, to), index(old, end(old)) - index(old, to));
        render.drop(items, 0, index(old, from));
        render.add(items, 0, values(new, new.first, from)?);
        for position in from..to {
            let at = index(new, position);
            let (_, before) = &old.items[index(old, position)];
            render.edit(items, at, before, &new.items[at].1)?;
        }
        render.add(items, items.len(), values(new, to, end(new))?);
    }
    render.shorten(mark, json);
    Ok(render.into_operations())
}

fn incarnation(tail: &Tail) -> Option<CommitId> {
    tail.place.head().map(|head| head.incarnation)
}

/// The position after the last item.
fn end(tail: &Tail) -> u64 {
    tail.first + tail.items.len() as u64
}

/// Where the item at a position is among those that are loaded.
fn index(tail: &Tail, position: u64) -> usize {
    usize::try_from(position - tail.first).unwrap_or(usize::MAX)
}

/// The items from one position to another.
fn values(tail: &Tail, from: u64, to: u64) -> Result<Vec<Value>, Malformed> {
    let items = &tail.items[index(tail, from)..index(tail, to)];
    items.iter().map(|(_, item)| json::value(item, Lists::default())).collect()
}
