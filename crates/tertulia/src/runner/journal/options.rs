//! How much of a conversation's past is kept.

use std::time::Duration;

use crate::{Error, Result};

/// How much a journal keeps of each conversation: what is within all of these bounds, and up to a quarter less, since
/// it is trimmed in parts.
///
/// ```
/// use tertulia::runner::Journal;
///
/// let a_month = Journal { days: 30, ..Journal::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    /// How many days: 14. A conversation in which nothing happens for so long has no journal any more.
    pub days: u16,
    /// How many turns: 1,000.
    pub turns: usize,
    /// How many bytes, about: 16 MiB.
    pub bytes: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { days: 14, turns: 1_000, bytes: 16 << 20 }
    }
}

impl Journal {
    /// The most bytes of sessions that a turn brings along as it found them: 1 MiB. Of a session beyond that the journal
    /// tells nothing until its next segment.
    pub const FOUND_BYTES: u64 = 1 << 20;
    /// How many records of each history inside a session a turn brings along, the last ones: 512.
    pub const FOUND_RECORDS: usize = 512;

    pub(in crate::runner) fn check(&self) -> Result<()> {
        let least = [("days", u64::from(self.days)), ("turns", self.turns as u64), ("bytes", self.bytes)];
        match least.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => {
                Err(Error::invalid(format!("journal option `{name}` is 0, at least 1 is needed")))
            }
            None => Ok(()),
        }
    }

    pub(super) fn age(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.days))
    }
}
