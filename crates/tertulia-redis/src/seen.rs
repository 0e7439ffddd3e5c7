//! The ids that are remembered: by shard and queue, and within one by the time at which they are forgotten.

use std::time::Duration;

use bytes::Bytes;
use redis::pipe;
use tertulia::storage::{Cursor, SEEN_FOR, SeenId, SeenPage, SeenQuery};
use tertulia::{Error, Key, Result, Shard};

use crate::answer::{array, bytes, number};
use crate::error::unexpected;
use crate::names::{self, Kind};
use crate::records::item_id;
use crate::script::SEEN;
use crate::store::Redis;
use crate::wire;

const DOING: &str = "cannot list ids";

/// The most ids that a server gives at once, so that it is soon there for others again.
const MOST: usize = 5_000;

/// The most queues of a shard that are looked for at once.
const QUEUES: usize = 1_000;

/// What a cursor begins with, so that one of a listing is told apart.
const CURSOR: &[u8] = b"redis ids";

/// Behind which id to go on: its queue, its time and itself as it is stored.
#[derive(Clone)]
struct Place {
    shard: Shard,
    /// As in the shard's index.
    queue: String,
    at: u64,
    id: Bytes,
}

/// One page.
///
/// # Errors
/// `Invalid` for a foreign cursor, `Unavailable`, `Corrupt`.
pub(crate) async fn seen(store: &Redis, query: &SeenQuery) -> Result<SeenPage> {
    let after = query.after.as_ref().map(decode).transpose()?;
    let limit = query.limit.max(1);
    let mut page = SeenPage::default();
    let from = after.as_ref().map_or(Shard(0), |after| after.shard);
    for shard in Shard::all().filter(|shard| *shard >= from) {
        let mut after = after.clone().filter(|after| after.shard == shard);
        let mut begin = after.as_ref().map_or("[Q".to_owned(), |after| format!("[{}", after.queue));
        loop {
            let queues = queues(store, shard, &begin).await?;
            let more = queues.len() == QUEUES;
            for queue in queues {
                // The queue of the place may be missing, after a failover.
                let mut last = after.take_if(|after| after.queue == queue);
                loop {
                    let most = (limit - page.ids.len()).min(MOST);
                    let (count, place) = some(store, shard, &queue, most, last, &mut page.ids).await?;
                    last = place;
                    if page.ids.len() == limit {
                        page.next = last.as_ref().map(encode);
                        return Ok(page);
                    }
                    if count < most {
                        break;
                    }
                }
                begin = format!("({queue}");
            }
            if !more {
                break;
            }
        }
    }
    Ok(page)
}

/// The next queues of a shard, as its index has them.
async fn queues(store: &Redis, shard: Shard, from: &str) -> Result<Vec<String>> {
    let index = store.names().of_shard(shard, Kind::Index);
    let mut asking = pipe();
    asking.cmd("ZRANGE").arg(index).arg(from).arg("(R").arg("BYLEX").arg("LIMIT").arg(0).arg(QUEUES);
    let answers = store.send_all(DOING, shard, &asking).await?;
    let ids = answers.into_iter().next().and_then(array).ok_or_else(|| unexpected(DOING))?;
    let text = |id| String::from_utf8(bytes(id)?.to_vec()).ok();
    ids.into_iter().map(|id| text(id).ok_or_else(|| unexpected(DOING))).collect()
}

/// The next ids of a queue: how many there were, and the place of the last.
async fn some(
    store: &Redis,
    shard: Shard,
    queue: &str,
    most: usize,
    after: Option<Place>,
    found: &mut Vec<SeenId>,
) -> Result<(usize, Option<Place>)> {
    let odd = || unexpected(DOING);
    let corrupt = |what| Error::corrupt(format!("shard {shard}: {what} that cannot be understood"));
    let key =
        names::key(shard, queue).filter(Key::is_queue).ok_or_else(|| corrupt("the index holds a queue"))?;
    let place = after.as_ref().map(|after| (after.at, &after.id));
    let call = wire::seen(shard, queue, most, place, store.names());
    let mut parts = array(store.ask(DOING, shard, &SEEN, &call).await?).ok_or_else(odd)?.into_iter();
    let now = parts.next().and_then(number).ok_or_else(odd)?;
    let ids = parts.next().and_then(array).ok_or_else(odd)?;
    let times = parts.next().and_then(bytes).ok_or_else(odd)?;
    let (times, []) = times.as_chunks() else { return Err(odd()) };
    if times.len() != ids.len() {
        return Err(odd());
    }
    let count = ids.len();
    let mut last = after;
    for (id, at) in ids.into_iter().zip(times) {
        let (id, at) = (bytes(id).ok_or_else(odd)?, u64::from_be_bytes(*at));
        let left = (Duration::from_millis(at) + SEEN_FOR).saturating_sub(Duration::from_millis(now));
        let item = item_id(&id).ok_or_else(|| corrupt("a queue remembers an id"))?;
        found.push(SeenId { queue: key.clone(), id: item, left: left.min(SEEN_FOR) });
        last = Some(Place { shard, queue: queue.to_owned(), at, id });
    }
    Ok((count, last))
}

/// The shard, the time, the queue and, behind a zero that no queue can hold, the id.
fn encode(Place { shard, queue, at, id }: &Place) -> Cursor {
    Cursor([CURSOR, &[shard.0], &at.to_be_bytes(), queue.as_bytes(), &[0], id].concat().into())
}

fn decode(Cursor(cursor): &Cursor) -> Result<Place> {
    let place = || {
        let (shard, rest) = cursor.strip_prefix(CURSOR)?.split_first()?;
        let (at, rest) = rest.split_first_chunk()?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (queue, id) = (std::str::from_utf8(&rest[..end]).ok()?, Bytes::copy_from_slice(&rest[end + 1..]));
        names::key(Shard(*shard), queue).filter(Key::is_queue)?;
        Some(Place { shard: Shard(*shard), queue: queue.to_owned(), at: u64::from_be_bytes(*at), id })
    };
    place().ok_or_else(|| Error::invalid("this cursor was not given by the Redis storage"))
}
