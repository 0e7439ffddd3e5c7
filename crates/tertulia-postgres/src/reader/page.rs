//! Pages of logs and of queues, as `read_pages` gives them: for each read its head, then its entries.

use bytes::Bytes;
use tertulia::storage::{Base, From, LogHead, LogPage, Offset, Page, QueueEntry, QueuePage, Read, Revision};
use tertulia::{Error, Key, Result};
use tokio_postgres::Row;

use super::Reader;
use crate::error::corrupt;
use crate::keys::{item_id, parts};
use crate::rows::{LogRow, QueueRow, commit};
use crate::values::value;

/// More than there can be, and little enough to be added to.
const MANY: i64 = 1 << 60;

/// The reads as columns, in the order of the function's parameters.
#[derive(Default)]
struct Asked<'a> {
    queues: Vec<bool>,
    shards: Vec<i16>,
    conversations: Vec<&'a str>,
    names: Vec<&'a str>,
    from_kinds: Vec<i16>,
    from_incarnations: Vec<i64>,
    from_places: Vec<i64>,
    max_entries: Vec<i64>,
    max_bytes: Vec<i64>,
    base_kinds: Vec<i16>,
    base_incarnations: Vec<i64>,
    base_versions: Vec<i64>,
}

pub(super) async fn pages(reader: &Reader, reads: &[Read]) -> Result<Vec<Result<Option<Page>>>> {
    if reads.is_empty() {
        return Ok(Vec::new());
    }
    let asked = Asked::new(reads);
    let rows = reader
        .pool
        .with("cannot read", async |link| {
            let values = [
                value(&asked.queues),
                value(&asked.shards),
                value(&asked.conversations),
                value(&asked.names),
                value(&asked.from_kinds),
                value(&asked.from_incarnations),
                value(&asked.from_places),
                value(&asked.max_entries),
                value(&asked.max_bytes),
                value(&asked.base_kinds),
                value(&asked.base_incarnations),
                value(&asked.base_versions),
            ];
            link.call(&reader.schema, "read_pages", &values).await
        })
        .await?;
    let mut rest = &rows[..];
    let mut pages = Vec::with_capacity(reads.len());
    for (number, read) in (1_i32..).zip(reads) {
        let of_this = rest.iter().take_while(|row| row.get::<_, i32>(0) == number).count();
        let (rows, after) = rest.split_at(of_this);
        rest = after;
        pages.push(match rows.split_first() {
            None => Ok(None),
            Some((head, entries)) => page(read, head, entries).map(Some),
        });
    }
    if rest.is_empty() { Ok(pages) } else { Err(Error::internal("the server answered what was not asked")) }
}

impl<'a> Asked<'a> {
    fn new(reads: &'a [Read]) -> Self {
        let mut asked = Self::default();
        for read in reads {
            let (shard, conversation, name) = parts(&read.key);
            asked.queues.push(read.key.is_queue());
            asked.shards.push(shard);
            asked.conversations.push(conversation);
            asked.names.push(name);
            let (kind, incarnation, place) = match read.from {
                From::Start => (0, 0, 0),
                From::At(incarnation, offset) => (1, incarnation.0.cast_signed(), bounded(offset.0)),
                From::Last(n) => (2, 0, bounded(n as u64)),
            };
            asked.from_kinds.push(kind);
            asked.from_incarnations.push(incarnation);
            asked.from_places.push(place);
            asked.max_entries.push(bounded(read.max_entries as u64));
            asked.max_bytes.push(bounded(read.max_bytes as u64));
            let (kind, incarnation, version) = match read.base {
                Base::Always => (0, 0, 0),
                Base::Never => (1, 0, 0),
                Base::Unless(incarnation, version) => (2, incarnation.0.cast_signed(), bounded(version)),
            };
            asked.base_kinds.push(kind);
            asked.base_incarnations.push(incarnation);
            asked.base_versions.push(version);
        }
        asked
    }
}

fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(MANY).min(MANY)
}

fn page(read: &Read, head: &Row, entries: &[Row]) -> Result<Page> {
    let key = &read.key;
    let numbers: Vec<Option<i64>> = head.get(7);
    match head.get::<_, i16>(1) {
        0 => {
            let head_of = log_row(&numbers, key)?.live(0);
            let head_of = head_of.ok_or_else(|| Error::internal(format!("{key}: read after it expired")))?;
            log_page(read, head_of, head, entries).map(Page::Log)
        }
        1 => {
            let head = queue_row(&numbers, key)?.head;
            head.first(read)?;
            let entries = entries.iter().map(|row| queue_entry(row, key)).collect::<Result<_>>()?;
            Ok(Page::Queue(QueuePage { head, entries }))
        }
        _ => Err(Error::internal(format!("{key}: a page without a head"))),
    }
}

/// A log's row as readers get it: its deadline counts from now.
pub(super) fn log_row(numbers: &[Option<i64>], key: &Key) -> Result<LogRow> {
    let [rest @ .., deadline] = numbers else { return Err(short(key)) };
    let numbers: Option<Vec<i64>> = rest.iter().copied().collect();
    let numbers = numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| short(key))?;
    LogRow::decode(&numbers, *deadline, key)
}

pub(super) fn queue_row(numbers: &[Option<i64>], key: &Key) -> Result<QueueRow> {
    let numbers: Option<Vec<i64>> = numbers.iter().copied().collect();
    let numbers = numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| short(key))?;
    QueueRow::decode(&numbers, key)
}

fn short(key: &Key) -> Error {
    corrupt(format_args!("{key}: the head is not whole"))
}

fn log_page(read: &Read, head: LogHead, row: &Row, rows: &[Row]) -> Result<LogPage> {
    let key = &read.key;
    let first = head.first(read)?;
    let base = if head.base_version > 0 && head.wants_base(read.base) {
        let base: Option<&[u8]> = row.get(8);
        let base = base.ok_or_else(|| corrupt(format_args!("{key}: the base is missing")))?;
        if base.len() as u64 != head.base_len {
            let text =
                format_args!("{key}: the base has {} bytes, the head says {}", base.len(), head.base_len);
            return Err(corrupt(text));
        }
        Some(Bytes::copy_from_slice(base))
    } else {
        None
    };
    let mut entries = Vec::with_capacity(rows.len());
    for (offset, row) in (first.0..).zip(rows) {
        if row.get::<_, i64>(2).cast_unsigned() != offset {
            return Err(missing(key, offset));
        }
        entries.push(Bytes::copy_from_slice(row.get(8)));
    }
    if entries.is_empty() && first < head.end && read.max_entries > 0 && read.from != From::Last(0) {
        return Err(missing(key, first.0));
    }
    Ok(LogPage { head, base, first, entries })
}

fn missing(key: &Key, offset: u64) -> Error {
    corrupt(format_args!("{key}: entry {offset} is missing"))
}

fn queue_entry(row: &Row, key: &Key) -> Result<QueueEntry> {
    let id = match (row.get::<_, Option<&str>>(5), row.get::<_, Option<&[u8]>>(6)) {
        (Some(space), Some(bytes)) => Some(item_id(space, bytes).map_err(|error| error.context(key))?),
        (None, None) => None,
        _ => return Err(corrupt(format_args!("{key}: an entry's id is of an unknown space"))),
    };
    Ok(QueueEntry {
        offset: Offset(row.get::<_, i64>(2).cast_unsigned()),
        born: commit(row.get(4)),
        revision: Revision(commit(row.get(3))),
        id,
        bytes: Bytes::copy_from_slice(row.get(8)),
    })
}
