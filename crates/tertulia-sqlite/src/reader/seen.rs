//! The ids that are remembered, in the order of their table: by space and id.

use std::time::Duration;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params};
use tertulia::storage::{Cursor, ItemId, SeenId, SeenPage, SeenQuery};
use tertulia::{Error, Key, Name, Result, Shard, Timestamp};

use crate::error::{corrupt, failed};
use crate::rows::forgotten;

/// What a cursor begins with, so that one of a listing is told apart.
const CURSOR: &[u8] = b"sqlite ids";

/// A space, with the names of its queues and its own.
struct Space {
    number: i64,
    queue: Name,
    name: Name,
}

/// Looks at as many rows as the page may have ids; those that are forgotten, or were appended before the shard was
/// stored, are passed over.
pub(super) fn seen(connection: &Connection, query: &SeenQuery, now: Timestamp) -> Result<SeenPage> {
    const SQL: &str = "SELECT space, id, at, shard FROM seen WHERE (space, id) > (?1, ?2)
        ORDER BY space, id LIMIT ?3";
    let (space, id) = query.after.as_ref().map_or(Ok((0, Value::Null)), decode)?;
    let limit = i64::try_from(query.limit.max(1)).unwrap_or(i64::MAX);
    let forgotten = forgotten(now);
    let mut statement = connection.prepare_cached(SQL).map_err(cannot_list)?;
    let mut rows = statement.query(params![space, id, limit]).map_err(cannot_list)?;
    let mut page = SeenPage::default();
    let mut known: Option<Space> = None;
    let (mut looked, mut last) = (0, None);
    while let Some(row) = rows.next().map_err(cannot_list)? {
        looked += 1;
        let number: i64 = row.get(0).map_err(cannot_list)?;
        if looked == limit {
            last = Some(encode(number, row.get_ref(1).map_err(cannot_list)?)?);
        }
        let at: i64 = row.get(2).map_err(cannot_list)?;
        let shard: Option<u8> = row.get(3).map_err(cannot_list)?;
        let (Some(shard), true) = (shard, at > forgotten) else { continue };
        let space = match known.take().filter(|space| space.number == number) {
            Some(space) => space,
            None => Space::load(connection, number)?,
        };
        let queue = Key::Queue(Shard(shard), space.queue.clone());
        let left = Duration::from_millis(at.abs_diff(forgotten));
        page.ids.push(SeenId { queue, id: item_id(space.name.clone(), row)?, left });
        known = Some(space);
    }
    page.next = last;
    Ok(page)
}

impl Space {
    fn load(connection: &Connection, number: i64) -> Result<Self> {
        let mut statement =
            connection.prepare_cached("SELECT queue, name FROM spaces WHERE id = ?1").map_err(cannot_list)?;
        let mut rows = statement.query([number]).map_err(cannot_list)?;
        let row = rows.next().map_err(cannot_list)?;
        let row = row.ok_or_else(|| corrupt(format_args!("an id is of the unknown space {number}")))?;
        let name = |column| Name::new(row.get::<_, String>(column).map_err(cannot_list)?).map_err(corrupt);
        Ok(Self { number, queue: name(0)?, name: name(1)? })
    }
}

fn item_id(space: Name, row: &Row<'_>) -> Result<ItemId> {
    match row.get_ref(1).map_err(cannot_list)? {
        ValueRef::Integer(number) => Ok(ItemId::Number(space, number)),
        ValueRef::Blob(bytes) => {
            bytes.try_into().map(|bytes| ItemId::Bytes(space, bytes)).map_err(|_| no_id())
        }
        _ => Err(no_id()),
    }
}

fn no_id() -> Error {
    corrupt("an id is neither a number nor 16 bytes")
}

/// The number of the space, then 8 bytes of a number or 16 of another id.
fn encode(space: i64, id: ValueRef<'_>) -> Result<Cursor> {
    let space = space.to_be_bytes();
    match id {
        ValueRef::Integer(number) => Ok(Cursor([CURSOR, &space, &number.to_be_bytes()].concat().into())),
        ValueRef::Blob(bytes) if bytes.len() == 16 => Ok(Cursor([CURSOR, &space, bytes].concat().into())),
        _ => Err(no_id()),
    }
}

fn decode(Cursor(bytes): &Cursor) -> Result<(i64, Value)> {
    let place = || {
        let (space, id) = bytes.strip_prefix(CURSOR)?.split_first_chunk()?;
        let id = match (<[u8; 8]>::try_from(id), id.len()) {
            (Ok(number), _) => Value::Integer(i64::from_be_bytes(number)),
            (_, 16) => Value::Blob(id.to_vec()),
            _ => return None,
        };
        Some((i64::from_be_bytes(*space), id))
    };
    place().ok_or_else(|| Error::invalid("this cursor was not given by the SQLite storage"))
}

fn cannot_list(cause: rusqlite::Error) -> Error {
    failed("cannot list ids", cause)
}
