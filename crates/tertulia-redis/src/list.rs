//! Keys with their heads: by shard, and within one as the ids of its keys sort.

use std::collections::VecDeque;

use bytes::Bytes;
use redis::pipe;
use tertulia::storage::{Cursor, ListQuery, Listed, Listing, Read};
use tertulia::{Error, Key, Result, Shard};

use crate::answer::{array, bytes};
use crate::error::unexpected;
use crate::names::{self, Kind};
use crate::store::Redis;

/// The most ids fetched of a shard at once, and the fewest where some are not wanted.
const MOST: usize = 1_000;
const FEWEST: usize = 100;

/// The most shards looked at in one round trip.
const SHARDS: usize = 64;

/// Where to go on in a shard: after this id, if any.
type Place = (Shard, Option<String>);

/// One page.
///
/// # Errors
/// `Invalid` for a foreign cursor, `Unavailable`, `Corrupt`.
pub(crate) async fn list(store: &Redis, query: &ListQuery) -> Result<Listing> {
    let mut places = places(query)?;
    let limit = query.limit.max(1);
    let mut listing = Listing::default();
    let mut together = 1;
    while !places.is_empty() {
        let some: Vec<Place> = places.drain(..together.min(places.len())).collect();
        // One more than the page holds tells whether another page follows.
        let most = (limit + 1 - listing.keys.len()).clamp(FEWEST, MOST);
        let (keys, left) = candidates(store, query, some, most).await?;
        // A cluster has each shard somewhere else.
        together = if left.is_empty() && !store.is_cluster() { (together * 2).min(SHARDS) } else { 1 };
        for place in left.into_iter().rev() {
            places.push_front(place);
        }
        let reads: Vec<Read> = keys.into_iter().map(Read::head).collect();
        for (read, page) in reads.iter().zip(store.read_pages(&reads).await?) {
            // One that is in the index and not there has expired.
            let Some(head) = page?.map(|page| page.head()) else { continue };
            if query.not_empty && head.is_empty() {
                continue;
            }
            if listing.keys.len() == limit {
                listing.next = listing.keys.last().map(|listed| encode(&listed.key));
                return Ok(listing);
            }
            listing.keys.push(Listed { key: read.key.clone(), head });
        }
    }
    Ok(listing)
}

/// The next keys of these shards that the query wants, and where to go on with those that have more.
async fn candidates(
    store: &Redis,
    query: &ListQuery,
    places: Vec<Place>,
    most: usize,
) -> Result<(Vec<Key>, Vec<Place>)> {
    let doing = "cannot list";
    let of_source = query.source.as_deref().map(names::ids_of_source);
    let Some(of_source) = of_source.map_or(Some(None), |ids| ids.map(Some)) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let mut asking = pipe();
    for (shard, after) in &places {
        let (from, to) = match &of_source {
            None => ("-".to_owned(), "+".to_owned()),
            // A semicolon follows the colon that ends a source.
            Some(ids) => (format!("[{ids}"), format!("({};", ids.trim_end_matches(':'))),
        };
        let from = after.as_ref().map_or(from, |after| format!("({after}"));
        let index = store.names().of_shard(*shard, Kind::Index);
        asking.cmd("ZRANGE").arg(index).arg(from).arg(to).arg("BYLEX").arg("LIMIT").arg(0).arg(most);
    }
    let Some((shard, _)) = places.first() else { return Ok((Vec::new(), Vec::new())) };
    let answers = store.send_all(doing, *shard, &asking).await?;
    let (mut keys, mut left) = (Vec::new(), Vec::new());
    for ((shard, after), ids) in places.into_iter().zip(answers) {
        if !left.is_empty() {
            // The one before has more, which comes first.
            left.push((shard, after));
            continue;
        }
        let ids = array(ids).ok_or_else(|| unexpected(doing))?;
        let (count, mut last) = (ids.len(), None);
        for id in ids {
            let id = bytes(id).ok_or_else(|| unexpected(doing))?;
            let corrupt = || Error::corrupt(format!("shard {shard}: the index holds what is no key"));
            let id = std::str::from_utf8(&id).map_err(|_| corrupt())?;
            let key = names::key(shard, id).ok_or_else(corrupt)?;
            last = Some(id.to_owned());
            if query.matches(&key) {
                keys.push(key);
            }
        }
        if count == most {
            left.push((shard, last));
        }
    }
    Ok((keys, left))
}

fn places(query: &ListQuery) -> Result<VecDeque<Place>> {
    let after = query.after.as_ref().map(decode).transpose()?;
    let shards = Shard::all().filter(|shard| query.shard.is_none_or(|only| only == *shard));
    Ok(match after {
        None => shards.map(|shard| (shard, None)).collect(),
        Some((from, id)) => shards
            .filter(|shard| *shard >= from)
            .map(|shard| (shard, (shard == from).then(|| id.clone())))
            .collect(),
    })
}

/// The shard and the id of the last key given.
fn encode(key: &Key) -> Cursor {
    let mut cursor = vec![key.shard().0];
    cursor.extend(names::id(key).into_bytes());
    Cursor(Bytes::from(cursor))
}

fn decode(Cursor(cursor): &Cursor) -> Result<(Shard, String)> {
    let foreign = || Error::invalid("this cursor was not given by the Redis storage");
    let (shard, id) = cursor.split_first().ok_or_else(foreign)?;
    let (shard, id) = (Shard(*shard), std::str::from_utf8(id).map_err(|_| foreign())?);
    names::key(shard, id).ok_or_else(foreign)?;
    Ok((shard, id.to_owned()))
}
