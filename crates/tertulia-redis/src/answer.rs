//! Answers of the scripts, turned into what the contract gives.

use bytes::Bytes;
use redis::Value;
use tertulia::storage::{
    Appended, Batch, Committed, Conflict, Expire, Full, Head, Limits, LogHead, LogPage, Mismatch, Offset,
    Page, QueuePage, Read, Write,
};
use tertulia::{Error, Result};

use crate::error::unexpected;
use crate::records::{log_head, queue_entry, queue_head};

const COMMIT: &str = "cannot commit";
const READ: &str = "cannot read";

/// What a batch came to.
///
/// # Errors
/// Those of a commit.
pub(crate) fn committed(batch: &Batch, limits: &Limits, answer: Value) -> Result<Committed> {
    let odd = || unexpected(COMMIT);
    let mut parts = array(answer).ok_or_else(odd)?.into_iter();
    let status = parts.next().and_then(number).ok_or_else(odd)?;
    let second = parts.next().and_then(number).ok_or_else(odd)?;
    match status {
        0 => {
            let heads = parts.next().and_then(array).ok_or_else(odd)?;
            let appended = parts.next().and_then(bytes).ok_or_else(odd)?;
            if heads.len() != batch.writes.len() {
                return Err(odd());
            }
            let heads =
                batch.writes.iter().zip(heads).map(|(write, record)| head_after(write, record, second));
            let (appended, []) = appended.as_chunks() else { return Err(odd()) };
            let appended = appended.iter().map(|next| match u64::from_be_bytes(*next) {
                0 => Appended::Seen,
                next => Appended::At(Offset(next - 1)),
            });
            Ok(Committed { heads: heads.collect::<Result<_>>()?, appended: appended.collect() })
        }
        1 => Err(conflict(batch, parts.next().and_then(array).ok_or_else(odd)?, second)?.into()),
        _ => {
            let write = usize::try_from(second).ok().and_then(|at| batch.writes.get(at.checked_sub(1)?));
            let key = write.ok_or_else(odd)?.key();
            Err(match status {
                2 => Error::invalid(format!("{key}: a first offset was given for a log that exists")),
                3 => {
                    let (entries, bytes) = (parts.next().and_then(number), parts.next().and_then(number));
                    let (entries, bytes) = (entries.ok_or_else(odd)?, bytes.ok_or_else(odd)?);
                    Full { key: key.clone(), entries, bytes }.error(limits)
                }
                4 => {
                    let what = parts.next().and_then(bytes).ok_or_else(odd)?;
                    let what = String::from_utf8_lossy(&what);
                    Error::corrupt(format!("{key}: {what} cannot be understood or does not fit the rest"))
                }
                _ => odd(),
            })
        }
    }
}

fn head_after(write: &Write, record: Value, now: u64) -> Result<Option<Head>> {
    let key = write.key();
    let Some(record) = maybe_bytes(record).ok_or_else(|| unexpected(COMMIT))? else { return Ok(None) };
    match write {
        Write::Queue(_) => Ok(Some(Head::Queue(queue_head(key, &record)?))),
        Write::Log(write) => {
            // One that expires at once is told all the same, as it was made.
            let head = log_head(key, &record, 0)?.ok_or_else(|| unexpected(COMMIT))?;
            let left = |left: std::time::Duration| left.saturating_sub(std::time::Duration::from_millis(now));
            let expires_in = match write.expire {
                Expire::Keep => head.expires_in.map(left),
                Expire::Never => None,
                Expire::After(duration) => Some(duration),
            };
            Ok(Some(Head::Log(LogHead { expires_in, ..head })))
        }
    }
}

fn conflict(batch: &Batch, failed: Vec<Value>, now: u64) -> Result<Conflict> {
    let odd = || unexpected(COMMIT);
    let mut conflict = Conflict { failed: Vec::with_capacity(failed.len() / 2) };
    let mut failed = failed.into_iter();
    while let Some(which) = failed.next() {
        let which = bytes(which).ok_or_else(odd)?;
        let record = failed.next().and_then(maybe_bytes).ok_or_else(odd)?;
        let ([write, entry], []) = which.as_chunks::<4>() else { return Err(odd()) };
        let (write, entry) = (index(*write), index(*entry));
        let write = write.checked_sub(1).and_then(|write| batch.writes.get(write)).ok_or_else(odd)?;
        let key = write.key().clone();
        let (head, offset) = match write {
            Write::Log(_) => (
                record.map(|record| log_head(&key, &record, now)).transpose()?.flatten().map(Head::Log),
                None,
            ),
            Write::Queue(write) => {
                let replaces = write.replace.iter().map(|replace| replace.0);
                let mut entries = replaces.chain(write.remove.iter().map(|removal| removal.offset));
                let offset = entry.checked_sub(1).and_then(|entry| entries.nth(entry)).ok_or_else(odd)?;
                (record.map(|record| queue_head(&key, &record)).transpose()?.map(Head::Queue), Some(offset))
            }
        };
        conflict.failed.push(Mismatch { key, head, offset });
    }
    Ok(conflict)
}

/// The pages of reads, in their order.
///
/// # Errors
/// `Internal`; each page has its own.
pub(crate) fn pages<'a>(
    reads: impl ExactSizeIterator<Item = &'a Read>,
    answer: Value,
) -> Result<Vec<Result<Option<Page>>>> {
    let odd = || unexpected(READ);
    let mut parts = array(answer).ok_or_else(odd)?.into_iter();
    let now = parts.next().and_then(number).ok_or_else(odd)?;
    if parts.len() != reads.len() {
        return Err(odd());
    }
    Ok(reads.zip(parts).map(|(read, page)| page_of(read, page, now)).collect())
}

fn page_of(read: &Read, page: Value, now: u64) -> Result<Option<Page>> {
    if page == Value::Nil {
        return Ok(None);
    }
    let odd = || unexpected(READ);
    let key = &read.key;
    let mut parts = array(page).ok_or_else(odd)?.into_iter();
    let record = parts.next().and_then(bytes).ok_or_else(odd)?;
    if key.is_queue() {
        let head = queue_head(key, &record)?;
        head.first(read)?;
        let items = parts.next().and_then(array).ok_or_else(odd)?;
        let items = items.into_iter().map(|item| queue_entry(key, &bytes(item).ok_or_else(odd)?));
        return Ok(Some(Page::Queue(QueuePage { head, entries: items.collect::<Result<_>>()? })));
    }
    let Some(head) = log_head(key, &record, now)? else { return Ok(None) };
    let first = head.first(read)?;
    let base = parts.next().and_then(maybe_bytes).ok_or_else(odd)?;
    let place = parts.next().and_then(number).ok_or_else(odd)?;
    let entries = parts.next().and_then(array).ok_or_else(odd)?;
    let entries: Vec<Bytes> = entries.into_iter().map(bytes).collect::<Option<_>>().ok_or_else(odd)?;
    let wants_base = head.base_version > 0 && head.wants_base(read.base);
    let is_whole = base.as_ref().map(|base| base.len() as u64) == wants_base.then_some(head.base_len);
    let is_missing = read.max_entries > 0 && first < head.end && entries.is_empty();
    if place != first.0 || !is_whole || is_missing || entries.len() as u64 > head.end.0 - first.0 {
        return Err(Error::corrupt(format!("{key}: what is there does not fit the head")));
    }
    Ok(Some(Page::Log(LogPage { head, base, first, entries })))
}

fn index(bytes: [u8; 4]) -> usize {
    u32::from_be_bytes(bytes) as usize
}

pub(crate) fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

pub(crate) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        _ => None,
    }
}

fn maybe_bytes(value: Value) -> Option<Option<Bytes>> {
    match value {
        Value::Nil => Some(None),
        value => bytes(value).map(Some),
    }
}

pub(crate) fn number(value: Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
}
