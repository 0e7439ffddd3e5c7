//! Keys with their heads: the queues by shard and name, then the logs by shard, conversation and name.

use bytes::Bytes;
use tertulia::storage::{Cursor, Head, ListQuery, Listed, Listing, Names};
use tertulia::{Conversation, Error, Key, Result};
use tokio_postgres::Row;

use super::Reader;
use super::page::{log_row, queue_row};
use crate::keys::{self, parts};
use crate::values::value;

/// The place after which a page begins.
struct After {
    /// Past all queues.
    logs: bool,
    shard: i16,
    conversation: String,
    name: String,
}

/// What a query wants of the names, as SQL takes it.
struct Filter<'a> {
    from_shard: i16,
    to_shard: i16,
    exactly: Option<&'a str>,
    prefix: Option<&'a str>,
    /// The first text a conversation may have, and the text it stays below.
    conversations: Option<(String, String)>,
    not_empty: bool,
}

pub(super) async fn list(reader: &Reader, query: &ListQuery) -> Result<Listing> {
    let after = query.after.as_ref().map(decode).transpose()?;
    let Some(filter) = Filter::new(query) else { return Ok(Listing::default()) };
    let limit = query.limit.max(1);
    // One more than the page holds tells whether another page follows.
    let wanted = limit.saturating_add(1);
    let mut keys = Vec::new();
    if filter.conversations.is_none() && after.as_ref().is_none_or(|after| !after.logs) {
        keys = queues(reader, &filter, after.as_ref(), wanted).await?;
    }
    if keys.len() <= limit {
        let after = after.as_ref().filter(|after| after.logs);
        keys.extend(logs(reader, &filter, after, wanted - keys.len()).await?);
    }
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().filter(|_| more).map(|listed| encode(&listed.key));
    Ok(Listing { keys, next })
}

async fn queues(
    reader: &Reader,
    filter: &Filter<'_>,
    after: Option<&After>,
    wanted: usize,
) -> Result<Vec<Listed>> {
    let (after_shard, after_name) = after.map_or((-1, ""), |after| (after.shard, after.name.as_str()));
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let rows = reader.pool.with("cannot list", async |link| {
        let values = [
            value(&filter.from_shard),
            value(&filter.to_shard),
            value(&after_shard),
            value(&after_name),
            value(&filter.exactly),
            value(&filter.prefix),
            value(&filter.not_empty),
            value(&wanted),
        ];
        link.call(&reader.schema, "list_queues", &values).await
    });
    let listed = |row: &Row| {
        let key = keys::queue(row.get(0), row.get(1))?;
        let head = Head::Queue(queue_row(&row.get::<_, Vec<Option<i64>>>(2), &key)?.head);
        Ok(Listed { key, head })
    };
    rows.await?.iter().map(listed).collect()
}

async fn logs(
    reader: &Reader,
    filter: &Filter<'_>,
    after: Option<&After>,
    wanted: usize,
) -> Result<Vec<Listed>> {
    let (after_shard, after_conversation, after_name) =
        after.map_or((-1, "", ""), |after| (after.shard, after.conversation.as_str(), after.name.as_str()));
    let (from, below) = match &filter.conversations {
        Some((from, below)) => (from.as_str(), Some(below.as_str())),
        None => ("", None),
    };
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let rows = reader.pool.with("cannot list", async |link| {
        let values = [
            value(&filter.from_shard),
            value(&filter.to_shard),
            value(&after_shard),
            value(&after_conversation),
            value(&after_name),
            value(&from),
            value(&below),
            value(&filter.exactly),
            value(&filter.prefix),
            value(&filter.not_empty),
            value(&wanted),
        ];
        link.call(&reader.schema, "list_logs", &values).await
    });
    let listed = |row: &Row| {
        let key = keys::log(row.get(0), row.get(1), row.get(2))?;
        let head = log_row(&row.get::<_, Vec<Option<i64>>>(3), &key)?.live(0);
        Ok(head.map(|head| Listed { key, head: Head::Log(head) }))
    };
    rows.await?.iter().map(listed).filter_map(Result::transpose).collect()
}

impl<'a> Filter<'a> {
    /// `None` if nothing can match.
    fn new(query: &'a ListQuery) -> Option<Self> {
        let (exactly, prefix) = match &query.names {
            Names::Any => (None, None),
            Names::Exactly(name) => (Some(name.as_str()), None),
            Names::Prefix(prefix) => (None, Some(prefix.as_str())),
        };
        // No name holds a zero, which the server would not even take.
        if prefix.is_some_and(|prefix| prefix.contains('\0')) {
            return None;
        }
        let conversations = match &query.source {
            None => None,
            Some(source) => {
                let some = Conversation::new(source, "x").ok()?;
                let source = some.as_str().strip_suffix(":x")?;
                // A semicolon follows a colon.
                Some((format!("{source}:"), format!("{source};")))
            }
        };
        let (from_shard, to_shard) = match query.shard {
            Some(shard) => (i16::from(shard.0), i16::from(shard.0)),
            None => (0, i16::from(u8::MAX)),
        };
        Some(Self { from_shard, to_shard, exactly, prefix, conversations, not_empty: query.not_empty })
    }
}

/// Whether a log, the shard, then conversation and name with a zero between, which neither can hold.
fn encode(key: &Key) -> Cursor {
    let (_, conversation, name) = parts(key);
    let mut bytes = vec![u8::from(!key.is_queue()), key.shard().0];
    bytes.extend_from_slice(conversation.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(name.as_bytes());
    Cursor(Bytes::from(bytes))
}

fn decode(Cursor(bytes): &Cursor) -> Result<After> {
    let foreign = || Error::invalid("this cursor was not given by the PostgreSQL storage");
    let [logs @ (0 | 1), shard, rest @ ..] = &bytes[..] else { return Err(foreign()) };
    let text = std::str::from_utf8(rest).map_err(|_| foreign())?;
    let (conversation, name) = text.split_once('\0').ok_or_else(foreign)?;
    if name.contains('\0') {
        return Err(foreign());
    }
    let (conversation, name) = (conversation.to_owned(), name.to_owned());
    Ok(After { logs: *logs == 1, shard: i16::from(*shard), conversation, name })
}
