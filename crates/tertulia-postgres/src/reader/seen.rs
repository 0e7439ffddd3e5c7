//! The ids that are remembered, in the order of their table: by space and id.

use std::time::Duration;

use tertulia::storage::{Cursor, SEEN_FOR, SeenId, SeenPage, SeenQuery};
use tertulia::{Error, Result};
use tokio_postgres::Row;

use super::Reader;
use crate::keys::{self, item_id};
use crate::schema::REMEMBERED;
use crate::values::value;

/// What a cursor begins with, so that one of a listing is told apart.
const CURSOR: &[u8] = b"postgres ids";

/// Looks at as many rows as the page may have ids; those that are forgotten, or were appended before the shard was
/// stored, are passed over.
pub(super) async fn seen(reader: &Reader, query: &SeenQuery) -> Result<SeenPage> {
    let (space, id) = query.after.as_ref().map_or(Ok((0, Vec::new())), decode)?;
    let limit = query.limit.max(1);
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = reader.pool.with("cannot list ids", async |link| {
        let values = [value(&space), value(&id), value(&most), value(&REMEMBERED)];
        link.call(&reader.schema, "list_seen", &values).await
    });
    let rows = rows.await?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|row| encode(row.get(0), row.get(3)));
    let ids = rows.iter().map(seen_id).filter_map(Result::transpose).collect::<Result<_>>()?;
    Ok(SeenPage { ids, next })
}

fn seen_id(row: &Row) -> Result<Option<SeenId>> {
    let (shard, left): (Option<i16>, i64) = (row.get(4), row.get(5));
    let (Some(shard), Ok(left @ 1..)) = (shard, u64::try_from(left)) else { return Ok(None) };
    let left = Duration::from_micros(left).min(SEEN_FOR);
    let (queue, id) = (keys::queue(shard, row.get(1))?, item_id(row.get(2), row.get(3))?);
    Ok(Some(SeenId { queue, id, left }))
}

/// The number of the space, then the bytes of the id.
fn encode(space: i32, id: &[u8]) -> Cursor {
    Cursor([CURSOR, &space.to_be_bytes(), id].concat().into())
}

fn decode(Cursor(bytes): &Cursor) -> Result<(i32, Vec<u8>)> {
    let place = bytes.strip_prefix(CURSOR).and_then(|rest| rest.split_first_chunk());
    let foreign = || Error::invalid("this cursor was not given by the PostgreSQL storage");
    let (space, id) = place.ok_or_else(foreign)?;
    Ok((i32::from_be_bytes(*space), id.to_vec()))
}
