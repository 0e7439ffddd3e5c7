//! How heads and queue entries are stored. Each record begins with the version of its format; numbers are unsigned
//! and big-endian. `scripts/commit.lua` writes them.

use std::time::Duration;

use bytes::Bytes;
use tertulia::storage::{CommitId, Etag, ItemId, LogHead, Offset, QueueEntry, QueueHead, Revision};
use tertulia::{Error, Key, Name, Result};

/// The only version so far.
const FORMAT: u8 = 1;

/// Reads a log's head: format, incarnation, commit, version, base version, base length, start, end, bytes of
/// entries, deadline (milliseconds since 1970, 0 for none). `None` once expired.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn log_head(key: &Key, record: &[u8], now: u64) -> Result<Option<LogHead>> {
    let mut fields = Fields { key, rest: record };
    fields.format()?;
    let (incarnation, commit) = (fields.commit()?, fields.commit()?);
    let head = LogHead {
        incarnation,
        etag: Etag { commit, version: fields.number()? },
        base_version: fields.number()?,
        base_len: fields.number()?,
        start: Offset(fields.number()?),
        end: Offset(fields.number()?),
        entry_bytes: fields.number()?,
        expires_in: None,
    };
    let deadline = fields.number()?;
    fields.end()?;
    if head.start > head.end || head.base_version > head.etag.version {
        return Err(Error::corrupt(format!("{key}: the head contradicts itself")));
    }
    Ok(match deadline {
        0 => Some(head),
        deadline if deadline <= now => None,
        deadline => Some(LogHead { expires_in: Some(Duration::from_millis(deadline - now)), ..head }),
    })
}

/// Reads a queue's head: format, incarnation, commit, version, end, count, bytes.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn queue_head(key: &Key, record: &[u8]) -> Result<QueueHead> {
    let mut fields = Fields { key, rest: record };
    fields.format()?;
    let (incarnation, commit) = (fields.commit()?, fields.commit()?);
    let head = QueueHead {
        incarnation,
        etag: Etag { commit, version: fields.number()? },
        end: Offset(fields.number()?),
        count: fields.number()?,
        bytes: fields.number()?,
    };
    fields.end()?;
    if head.count > head.end.0 {
        return Err(Error::corrupt(format!("{key}: the head contradicts itself")));
    }
    Ok(head)
}

/// Reads an entry of a queue: format, offset, revision, birth, length of the id (2 bytes), id, bytes.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn queue_entry(key: &Key, record: &Bytes) -> Result<QueueEntry> {
    let mut fields = Fields { key, rest: record };
    fields.format()?;
    let offset = Offset(fields.number()?);
    let (revision, born) = (Revision(fields.commit()?), fields.commit()?);
    let id_len = usize::from(u16::from_be_bytes(*fields.take()?));
    let corrupt = || Error::corrupt(format!("{key}: entry {offset} cannot be read"));
    let (id, bytes) = fields.rest.split_at_checked(id_len).ok_or_else(corrupt)?;
    let id = if id.is_empty() { None } else { Some(item_id(id).ok_or_else(corrupt)?) };
    Ok(QueueEntry { offset, born, revision, id, bytes: record.slice_ref(bytes) })
}

/// Writes an item's id: a letter for its kind, 8 or 16 bytes, the space.
pub(crate) fn write_item_id(id: &ItemId, out: &mut Vec<u8>) {
    let space = match id {
        ItemId::Number(space, number) => {
            out.push(b'n');
            out.extend(number.to_be_bytes());
            space
        }
        ItemId::Bytes(space, bytes) => {
            out.push(b'b');
            out.extend(bytes);
            space
        }
    };
    out.extend(space.as_str().as_bytes());
}

/// The item's id that was written so.
pub(crate) fn item_id(id: &[u8]) -> Option<ItemId> {
    let space = |rest: &[u8]| Name::new(std::str::from_utf8(rest).ok()?).ok();
    match id.split_first()? {
        (b'n', rest) => {
            let (number, rest) = rest.split_first_chunk()?;
            Some(ItemId::Number(space(rest)?, i64::from_be_bytes(*number)))
        }
        (b'b', rest) => {
            let (bytes, rest) = rest.split_first_chunk()?;
            Some(ItemId::Bytes(space(rest)?, *bytes))
        }
        _ => None,
    }
}

/// A record, read field by field.
struct Fields<'a> {
    key: &'a Key,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let short = || Error::corrupt(format!("{}: a record is cut short", self.key));
        let (field, rest) = self.rest.split_first_chunk().ok_or_else(short)?;
        self.rest = rest;
        Ok(field)
    }

    fn format(&mut self) -> Result<()> {
        let [format] = *self.take()?;
        if format == FORMAT {
            return Ok(());
        }
        let text = format!("{}: a record has format {format}, this program knows {FORMAT}", self.key);
        Err(Error::corrupt(text))
    }

    fn number(&mut self) -> Result<u64> {
        self.take().map(|bytes| u64::from_be_bytes(*bytes))
    }

    fn commit(&mut self) -> Result<CommitId> {
        self.number().map(CommitId)
    }

    fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Error::corrupt(format!("{}: a record is too long", self.key)))
    }
}
