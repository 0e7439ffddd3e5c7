//! Heads as rows, and the time of ids, for the writer and the readers alike.

use rusqlite::Row;
use tertulia::storage::{CommitId, Etag, LogHead, Offset, QueueHead, SEEN_FOR};
use tertulia::{Key, Result, Timestamp};

use crate::error::{corrupt, failed};

/// The columns of [`LogRow`], in its order.
macro_rules! log_columns {
    () => {
        "id, version, commit_id, incarnation, base_version, base_len, first, next, entry_bytes, deadline"
    };
}
/// The columns of [`QueueRow`], in its order.
macro_rules! queue_columns {
    () => {
        "id, version, commit_id, incarnation, next, count, bytes"
    };
}
pub(crate) use {log_columns, queue_columns};

/// A log's head as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRow {
    pub(crate) id: i64,
    /// Its `expires_in` says nothing; the deadline is the truth.
    pub(crate) head: LogHead,
    pub(crate) deadline: Option<Timestamp>,
}

/// A queue's head as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueRow {
    pub(crate) id: i64,
    pub(crate) head: QueueHead,
}

impl LogRow {
    /// Reads the columns from `at` on.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(row: &Row<'_>, at: usize, key: &Key) -> Result<Self> {
        let row = Columns { row, at, key };
        let head = LogHead {
            etag: Etag { version: row.count(1)?, commit: row.commit(2)? },
            incarnation: row.commit(3)?,
            base_version: row.count(4)?,
            base_len: row.count(5)?,
            start: Offset(row.count(6)?),
            end: Offset(row.count(7)?),
            entry_bytes: row.count(8)?,
            expires_in: None,
        };
        if head.start > head.end || head.base_version > head.etag.version {
            return Err(corrupt(format_args!("{key}: the head contradicts itself")));
        }
        let deadline = row.optional(9)?.map(Timestamp);
        Ok(Self { id: row.number(0)?, head, deadline })
    }

    /// The head now; `None` once expired.
    pub(crate) fn live(&self, now: Timestamp) -> Option<LogHead> {
        match self.deadline {
            None => Some(self.head),
            Some(deadline) if deadline <= now => None,
            Some(deadline) => Some(LogHead { expires_in: Some(deadline.since(now)), ..self.head }),
        }
    }
}

impl QueueRow {
    /// Reads the columns from `at` on.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(row: &Row<'_>, at: usize, key: &Key) -> Result<Self> {
        let row = Columns { row, at, key };
        let head = QueueHead {
            etag: Etag { version: row.count(1)?, commit: row.commit(2)? },
            incarnation: row.commit(3)?,
            end: Offset(row.count(4)?),
            count: row.count(5)?,
            bytes: row.count(6)?,
        };
        if head.count > head.end.0 {
            return Err(corrupt(format_args!("{key}: the head contradicts itself")));
        }
        Ok(Self { id: row.number(0)?, head })
    }
}

/// When the ids that are no longer remembered were appended, at the latest: a value of `seen.at`, which is below zero
/// for who tests with a clock that has just begun.
pub(crate) fn forgotten(now: Timestamp) -> i64 {
    now.0.cast_signed().saturating_sub(i64::try_from(SEEN_FOR.as_millis()).unwrap_or(i64::MAX))
}

struct Columns<'a> {
    row: &'a Row<'a>,
    at: usize,
    key: &'a Key,
}

impl Columns<'_> {
    fn number(&self, column: usize) -> Result<i64> {
        let cannot_read = |cause| failed("cannot read a head", cause).context(self.key);
        self.row.get(self.at + column).map_err(cannot_read)
    }

    fn commit(&self, column: usize) -> Result<CommitId> {
        Ok(CommitId(self.number(column)?.cast_unsigned()))
    }

    fn count(&self, column: usize) -> Result<u64> {
        let number = self.number(column)?;
        u64::try_from(number)
            .map_err(|_| corrupt(format_args!("{}: the head holds the number {number}", self.key)))
    }

    fn optional(&self, column: usize) -> Result<Option<u64>> {
        let cannot_read = |cause| failed("cannot read a head", cause).context(self.key);
        let number: Option<i64> = self.row.get(self.at + column).map_err(cannot_read)?;
        number.map(|_| self.count(column)).transpose()
    }
}
