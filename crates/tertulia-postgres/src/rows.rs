//! Heads as rows, for the writer and the readers alike.

use std::time::Duration;

use tertulia::storage::{CommitId, Etag, LogHead, Offset, QueueHead};
use tertulia::{Key, Result};

use crate::error::corrupt;

/// A log's head as it is stored: `id, version, commit_id, incarnation, base_version, base_len, first, next,
/// entry_bytes`, and a deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRow {
    pub(crate) id: i64,
    /// Its `expires_in` says nothing; the deadline is the truth.
    pub(crate) head: LogHead,
    /// In microseconds: since 1970 as the writer has it, from now as a reader has it.
    pub(crate) deadline: Option<i64>,
}

/// A queue's head as it is stored: `id, version, commit_id, incarnation, next, count, bytes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueRow {
    pub(crate) id: i64,
    pub(crate) head: QueueHead,
}

impl LogRow {
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(numbers: &[i64; 9], deadline: Option<i64>, key: &Key) -> Result<Self> {
        let count = |at: usize| count(numbers[at], key);
        let head = LogHead {
            etag: Etag { version: count(1)?, commit: commit(numbers[2]) },
            incarnation: commit(numbers[3]),
            base_version: count(4)?,
            base_len: count(5)?,
            start: Offset(count(6)?),
            end: Offset(count(7)?),
            entry_bytes: count(8)?,
            expires_in: None,
        };
        if head.start > head.end || head.base_version > head.etag.version {
            return Err(corrupt(format_args!("{key}: the head contradicts itself")));
        }
        Ok(Self { id: numbers[0], head, deadline })
    }

    /// The head at this time; `None` once expired.
    pub(crate) fn live(&self, now: i64) -> Option<LogHead> {
        let Some(deadline) = self.deadline else { return Some(self.head) };
        let left = u64::try_from(deadline.saturating_sub(now)).ok().filter(|left| *left > 0)?;
        Some(LogHead { expires_in: Some(Duration::from_micros(left)), ..self.head })
    }
}

impl QueueRow {
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(numbers: &[i64; 7], key: &Key) -> Result<Self> {
        let count = |at: usize| count(numbers[at], key);
        let head = QueueHead {
            etag: Etag { version: count(1)?, commit: commit(numbers[2]) },
            incarnation: commit(numbers[3]),
            end: Offset(count(4)?),
            count: count(5)?,
            bytes: count(6)?,
        };
        if head.count > head.end.0 {
            return Err(corrupt(format_args!("{key}: the head contradicts itself")));
        }
        Ok(Self { id: numbers[0], head })
    }
}

pub(crate) fn commit(number: i64) -> CommitId {
    CommitId(number.cast_unsigned())
}

fn count(number: i64, key: &Key) -> Result<u64> {
    u64::try_from(number).map_err(|_| corrupt(format_args!("{key}: the head holds the number {number}")))
}
