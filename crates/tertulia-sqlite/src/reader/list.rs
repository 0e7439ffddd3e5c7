//! Keys with their heads, in the order of the index: by shard, its queues, its own logs, its conversations' logs.

use bytes::Bytes;
use rusqlite::{Connection, Row, params};
use tertulia::storage::{Cursor, Head, ListQuery, Listed, Listing, Names};
use tertulia::{Conversation, Error, Key, Name, Result, Shard, Timestamp};

use crate::error::{corrupt, failed};
use crate::rows::{LogRow, QueueRow, log_columns, queue_columns};

/// The place after which a page begins.
struct After {
    shard: u8,
    /// Past the queues of the shard.
    logs: bool,
    conversation: String,
    name: String,
}

/// What a query wants of the names, as SQL takes it.
struct Filter<'a> {
    exactly: Option<&'a str>,
    prefix: Option<&'a str>,
    /// The first text a conversation may have, and the text it stays below.
    conversations: Option<(String, String)>,
}

pub(super) fn list(connection: &Connection, query: &ListQuery, now: Timestamp) -> Result<Listing> {
    let mut after = query.after.as_ref().map(decode).transpose()?;
    let Some(filter) = Filter::new(query) else { return Ok(Listing::default()) };
    let limit = query.limit.max(1);
    let mut keys: Vec<Listed> = Vec::new();
    for shard in Shard::all().filter(|shard| query.shard.is_none_or(|only| only == *shard)) {
        if after.as_ref().is_some_and(|after| after.shard > shard.0) {
            continue;
        }
        let after = after.take_if(|after| after.shard == shard.0);
        // One more than the page holds tells whether another page follows.
        if filter.conversations.is_none() && after.as_ref().is_none_or(|after| !after.logs) {
            let name = after.as_ref().map(|after| after.name.as_str());
            queues(connection, query, &filter, shard, name, limit + 1 - keys.len(), &mut keys)?;
        }
        if keys.len() <= limit {
            let after = after.as_ref().filter(|after| after.logs);
            let after = after.map(|after| (after.conversation.as_str(), after.name.as_str()));
            logs(connection, query, &filter, shard, after, now, limit + 1 - keys.len(), &mut keys)?;
        }
        if keys.len() > limit {
            keys.truncate(limit);
            let next = keys.last().map(|listed| encode(&listed.key));
            return Ok(Listing { keys, next });
        }
    }
    Ok(Listing { keys, next: None })
}

fn queues(
    connection: &Connection,
    query: &ListQuery,
    filter: &Filter<'_>,
    shard: Shard,
    after: Option<&str>,
    limit: usize,
    keys: &mut Vec<Listed>,
) -> Result<()> {
    const SQL: &str = concat!(
        "SELECT name, ",
        queue_columns!(),
        " FROM queues WHERE shard = ?1 AND name > ?2
            AND (?3 IS NULL OR name = ?3) AND (?4 IS NULL OR substr(name, 1, length(?4)) = ?4)
            AND (NOT ?5 OR count > 0)
          ORDER BY name LIMIT ?6"
    );
    let mut statement = connection.prepare_cached(SQL).map_err(cannot_list)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = params![shard.0, after.unwrap_or(""), filter.exactly, filter.prefix, query.not_empty, limit];
    let mut rows = statement.query(values).map_err(cannot_list)?;
    while let Some(row) = rows.next().map_err(cannot_list)? {
        let key = Key::Queue(shard, name(row, 0)?);
        let head = Head::Queue(QueueRow::decode(row, 1, &key)?.head);
        keys.push(Listed { key, head });
    }
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "a query and its values")]
fn logs(
    connection: &Connection,
    query: &ListQuery,
    filter: &Filter<'_>,
    shard: Shard,
    after: Option<(&str, &str)>,
    now: Timestamp,
    limit: usize,
    keys: &mut Vec<Listed>,
) -> Result<()> {
    // A blob is above every text.
    const SQL: &str = concat!(
        "SELECT conversation, name, ",
        log_columns!(),
        " FROM logs WHERE shard = ?1 AND (conversation, name) > (?2, ?3) AND conversation < ifnull(?4, x'')
            AND (?5 IS NULL OR name = ?5) AND (?6 IS NULL OR substr(name, 1, length(?6)) = ?6)
            AND (NOT ?7 OR base_version > 0 OR first < next) AND (deadline IS NULL OR deadline > ?8)
          ORDER BY conversation, name LIMIT ?9"
    );
    let mut statement = connection.prepare_cached(SQL).map_err(cannot_list)?;
    let (from, below) = match &filter.conversations {
        Some((from, below)) => (from.as_str(), Some(below.as_str())),
        None => ("", None),
    };
    let (conversation, after) = after.unwrap_or((from, ""));
    let values = params![
        shard.0,
        conversation,
        after,
        below,
        filter.exactly,
        filter.prefix,
        query.not_empty,
        now.0.cast_signed(),
        i64::try_from(limit).unwrap_or(i64::MAX)
    ];
    let mut rows = statement.query(values).map_err(cannot_list)?;
    while let Some(row) = rows.next().map_err(cannot_list)? {
        let name = name(row, 1)?;
        let key = match text(row, 0)? {
            "" => Key::ShardLog(shard, name),
            text => Key::Log(Conversation::parse(text).map_err(corrupt)?, name),
        };
        if let Some(head) = LogRow::decode(row, 2, &key)?.live(now) {
            keys.push(Listed { key, head: Head::Log(head) });
        }
    }
    Ok(())
}

impl<'a> Filter<'a> {
    /// `None` if nothing can match.
    fn new(query: &'a ListQuery) -> Option<Self> {
        let (exactly, prefix) = match &query.names {
            Names::Any => (None, None),
            Names::Exactly(name) => (Some(name.as_str()), None),
            Names::Prefix(prefix) => (None, Some(prefix.as_str())),
        };
        let conversations = match &query.source {
            None => None,
            Some(source) => {
                let some = Conversation::new(source, "x").ok()?;
                let source = some.as_str().strip_suffix(":x")?;
                // A semicolon follows a colon.
                Some((format!("{source}:"), format!("{source};")))
            }
        };
        Some(Self { exactly, prefix, conversations })
    }
}

/// Shard, whether a log, then conversation and name with a zero between, which neither can hold.
fn encode(key: &Key) -> Cursor {
    let conversation = match key {
        Key::Log(conversation, _) => conversation.as_str(),
        Key::ShardLog(..) | Key::Queue(..) => "",
    };
    let mut bytes = vec![key.shard().0, u8::from(!key.is_queue())];
    bytes.extend_from_slice(conversation.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(key.name().as_str().as_bytes());
    Cursor(Bytes::from(bytes))
}

fn decode(Cursor(bytes): &Cursor) -> Result<After> {
    let foreign = || Error::invalid("this cursor was not given by the SQLite storage");
    let [shard, logs @ (0 | 1), rest @ ..] = &bytes[..] else { return Err(foreign()) };
    let text = std::str::from_utf8(rest).map_err(|_| foreign())?;
    let (conversation, name) = text.split_once('\0').ok_or_else(foreign)?;
    Ok(After { shard: *shard, logs: *logs == 1, conversation: conversation.into(), name: name.into() })
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str> {
    let value = row.get_ref(column).map_err(cannot_list)?;
    value.as_str().map_err(|_| corrupt("a key is not a text"))
}

fn name(row: &Row<'_>, column: usize) -> Result<Name> {
    Name::new(text(row, column)?).map_err(corrupt)
}

fn cannot_list(cause: rusqlite::Error) -> Error {
    failed("cannot list", cause)
}
