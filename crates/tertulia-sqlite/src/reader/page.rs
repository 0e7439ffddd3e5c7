//! A page of a log or of a queue.

use std::collections::hash_map::Entry;

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tertulia::storage::{
    CommitId, From, ItemId, LogHead, LogPage, Offset, Page, QueueEntry, QueueHead, QueuePage, Read, Revision,
};
use tertulia::{Error, Key, Name, Timestamp};

use super::{Halt, Reader, spend};
use crate::error::corrupt;
use crate::rows::{LogRow, QueueRow, log_columns, queue_columns};
use crate::schema::{INLINE_BASE, OFFSET_BITS};

impl Reader {
    pub(super) fn page(
        &mut self,
        read: &Read,
        now: Timestamp,
        budget: &mut usize,
    ) -> Result<Option<Page>, Halt> {
        match &read.key {
            Key::Log(conversation, name) => {
                self.log_page(read, conversation.as_str(), name, now, budget).map(|page| page.map(Page::Log))
            }
            Key::ShardLog(_, name) => {
                self.log_page(read, "", name, now, budget).map(|page| page.map(Page::Log))
            }
            Key::Queue(_, name) => self.queue_page(read, name, budget).map(|page| page.map(Page::Queue)),
        }
    }

    fn log_page(
        &self,
        read: &Read,
        conversation: &str,
        name: &Name,
        now: Timestamp,
        budget: &mut usize,
    ) -> Result<Option<LogPage>, Halt> {
        const HEAD: &str = concat!(
            "SELECT ",
            log_columns!(),
            ", base FROM logs WHERE shard = ?1 AND conversation = ?2 AND name = ?3"
        );
        let key = &read.key;
        let mut statement = self.connection.prepare_cached(HEAD)?;
        let mut rows = statement.query(params![key.shard().0, conversation, name.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let log = LogRow::decode(row, 0, key).map_err(Halt::One)?;
        let Some(head) = log.live(now) else { return Ok(None) };
        let first = head.first(read).map_err(Halt::One)?;
        let base = if head.base_version > 0 && head.wants_base(read.base) {
            spend(budget, head.base_len)?;
            Some(if head.base_len > INLINE_BASE {
                base_apart(&self.connection, log.id, head.base_len, key)?
            } else {
                checked_base(row.get_ref(10)?, head.base_len, key)?
            })
        } else {
            None
        };
        let entries = self.log_entries(read, log.id, head, first, budget)?;
        Ok(Some(LogPage { head, base, first, entries }))
    }

    fn log_entries(
        &self,
        read: &Read,
        log: i64,
        head: LogHead,
        first: Offset,
        budget: &mut usize,
    ) -> Result<Vec<Bytes>, Halt> {
        const ENTRIES: &str = "SELECT offset, bytes FROM entries
            WHERE log = ?1 AND offset >= ?2 AND offset < ?3 ORDER BY offset";
        let wanted = usize::try_from(head.end.0 - first.0).unwrap_or(usize::MAX).min(read.max_entries);
        let mut entries = Vec::new();
        if wanted == 0 {
            return Ok(entries);
        }
        let mut statement = self.connection.prepare_cached(ENTRIES)?;
        let end = first.0.saturating_add(wanted as u64);
        let mut rows = statement.query(params![log, first.0.cast_signed(), end.cast_signed()])?;
        // `None` once an entry alone was more than the page's bound.
        let mut room = Some(read.max_bytes);
        for offset in first.0..end {
            let row =
                rows.next()?.filter(|row| row.get(0).is_ok_and(|found: i64| found == offset.cast_signed()));
            let row = row.ok_or_else(|| missing(&read.key, offset))?;
            let bytes = blob(row.get_ref(1)?, &read.key)?;
            if !entries.is_empty() && room.is_none_or(|room| bytes.len() > room) {
                break;
            }
            spend(budget, bytes.len() as u64)?;
            room = room.and_then(|room| room.checked_sub(bytes.len()));
            entries.push(Bytes::copy_from_slice(bytes));
        }
        Ok(entries)
    }

    fn queue_page(
        &mut self,
        read: &Read,
        name: &Name,
        budget: &mut usize,
    ) -> Result<Option<QueuePage>, Halt> {
        const HEAD: &str =
            concat!("SELECT ", queue_columns!(), " FROM queues WHERE shard = ?1 AND name = ?2");
        let key = &read.key;
        let found = self
            .connection
            .prepare_cached(HEAD)?
            .query_row(params![key.shard().0, name.as_str()], |row| Ok(QueueRow::decode(row, 0, key)))
            .optional()?;
        let Some(queue) = found.transpose().map_err(Halt::One)? else { return Ok(None) };
        let first = queue.head.first(read).map_err(Halt::One)?;
        let entries = self.queue_entries(read, queue.id, queue.head, first, budget)?;
        Ok(Some(QueuePage { head: queue.head, entries }))
    }

    fn queue_entries(
        &mut self,
        read: &Read,
        queue: i64,
        head: QueueHead,
        first: Offset,
        budget: &mut usize,
    ) -> Result<Vec<QueueEntry>, Halt> {
        const ENTRIES: &str = "SELECT place, revision, space, id, bytes, ifnull(born, revision) FROM items
            WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ?3";
        let mut entries = Vec::new();
        let start = queue << OFFSET_BITS;
        let end = start + head.end.0.cast_signed();
        let from = match read.from {
            From::Last(n) if (n as u64) < head.count => match last(&self.connection, start, end, n)? {
                Some(place) => place,
                None => return Ok(entries),
            },
            _ => start + first.0.cast_signed(),
        };
        let limit = i64::try_from(read.max_entries).unwrap_or(i64::MAX);
        // `None` once an entry alone was more than the page's bound.
        let mut room = Some(read.max_bytes);
        let Self { connection, spaces } = self;
        let mut statement = connection.prepare_cached(ENTRIES)?;
        let mut rows = statement.query(params![from, end, limit])?;
        while let Some(row) = rows.next()? {
            let bytes = blob(row.get_ref(4)?, &read.key)?;
            if !entries.is_empty() && room.is_none_or(|room| bytes.len() > room) {
                break;
            }
            spend(budget, bytes.len() as u64)?;
            room = room.and_then(|room| room.checked_sub(bytes.len()));
            let offset = Offset((row.get::<_, i64>(0)? - start).cast_unsigned());
            let commit = |column| row.get::<_, i64>(column).map(|id| CommitId(id.cast_unsigned()));
            let (revision, born) = (Revision(commit(1)?), commit(5)?);
            let id = match row.get_ref(2)? {
                ValueRef::Null => None,
                space => {
                    let space = space.as_i64().map_err(|_| missing(&read.key, offset.0))?;
                    let name = match spaces.entry(space) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(unknown) => {
                            unknown.insert(load_space(connection, space, &read.key)?).clone()
                        }
                    };
                    Some(item_id(name, row, &read.key)?)
                }
            };
            entries.push(QueueEntry { offset, born, revision, id, bytes: Bytes::copy_from_slice(bytes) });
        }
        Ok(entries)
    }
}

/// The place of the `n`th entry from the end.
fn last(connection: &Connection, start: i64, end: i64, n: usize) -> rusqlite::Result<Option<i64>> {
    const SQL: &str = "SELECT place FROM items WHERE place >= ?1 AND place < ?2
        ORDER BY place DESC LIMIT 1 OFFSET ?3";
    let Some(skip) = n.checked_sub(1) else { return Ok(None) };
    let skip = i64::try_from(skip).unwrap_or(i64::MAX);
    connection.prepare_cached(SQL)?.query_row(params![start, end, skip], |row| row.get(0)).optional()
}

fn base_apart(connection: &Connection, log: i64, len: u64, key: &Key) -> Result<Bytes, Halt> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM bases WHERE log = ?1")?;
    let mut rows = statement.query([log])?;
    let row = rows.next()?.ok_or_else(|| Halt::One(corrupt(format_args!("{key}: the base is missing"))))?;
    checked_base(row.get_ref(0)?, len, key)
}

fn checked_base(value: ValueRef<'_>, len: u64, key: &Key) -> Result<Bytes, Halt> {
    let base = blob(value, key)?;
    if base.len() as u64 != len {
        let text = format_args!("{key}: the base has {} bytes, the head says {len}", base.len());
        return Err(Halt::One(corrupt(text)));
    }
    Ok(Bytes::copy_from_slice(base))
}

fn load_space(connection: &Connection, space: i64, key: &Key) -> Result<Name, Halt> {
    let name = connection
        .prepare_cached("SELECT name FROM spaces WHERE id = ?1")?
        .query_row([space], |row| row.get::<_, String>(0))
        .optional()?;
    let name = name.and_then(|name| Name::new(name).ok());
    name.ok_or_else(|| Halt::One(corrupt(format_args!("{key}: an entry's id is of an unknown space"))))
}

fn item_id(space: Name, row: &Row<'_>, key: &Key) -> Result<ItemId, Halt> {
    match row.get_ref(3)? {
        ValueRef::Integer(number) => return Ok(ItemId::Number(space, number)),
        ValueRef::Blob(bytes) => {
            if let Ok(bytes) = bytes.try_into() {
                return Ok(ItemId::Bytes(space, bytes));
            }
        }
        _ => {}
    }
    Err(Halt::One(corrupt(format_args!("{key}: an entry's id is neither a number nor 16 bytes"))))
}

fn blob<'a>(value: ValueRef<'a>, key: &Key) -> Result<&'a [u8], Halt> {
    value.as_blob().map_err(|_| Halt::One(corrupt(format_args!("{key}: stored bytes are of another type"))))
}

fn missing(key: &Key, offset: u64) -> Halt {
    let error: Error = corrupt(format_args!("{key}: entry {offset} is missing"));
    Halt::One(error)
}
