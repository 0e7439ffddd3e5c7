//! A session as it lies in memory: the decoded value beside the bytes that were stored last.

use std::sync::Arc;

use super::log::Place;
use super::store::State;
use crate::Timestamp;
use crate::storage::{LogHead, Pending};

/// About what a log costs beside its items.
const LOG_BYTES: usize = 512;

/// Moves between the cache and a [`Loaded`](super::Loaded) as one pointer.
#[derive(Debug)]
pub(super) struct Entry<S> {
    /// The value.
    pub(super) value: S,
    /// What is stored, as MessagePack; empty if nothing is. The value is compared with it.
    pub(super) shadow: Vec<u8>,
    /// The head of the session's log when `shadow` was read or written; `None` if there was none.
    pub(super) head: Option<LogHead>,
    /// The number that the next new log inside the session gets.
    pub(super) next_log: u64,
    /// The logs inside the session, as stored.
    pub(super) logs: Vec<Arc<Place>>,
    /// When what is stored expires, rather too early than too late; `None` if never.
    pub(super) deadline: Option<Timestamp>,
    /// Whether what is stored is of an older version: then `shadow` is what it was migrated to, and it is written
    /// whole when it is touched.
    pub(super) is_stale: bool,
    /// Whether it is written anew when it is touched, with new logs for its logs, changed or not.
    pub(super) is_renewed: bool,
    /// The queued batch that writes this state; until it is committed, `head` and those of the logs are what they
    /// will be, as far as that can be known.
    pub(super) pending: Option<Pending>,
}

impl<S: State> Entry<S> {
    /// Of a session that is not stored, whose first log gets this number.
    pub(super) fn absent(next_log: u64) -> Self {
        let (value, shadow, logs) = (S::default(), Vec::new(), Vec::new());
        Self {
            value,
            shadow,
            head: None,
            next_log,
            logs,
            deadline: None,
            is_stale: false,
            is_renewed: false,
            pending: None,
        }
    }
}

impl<S> Entry<S> {
    /// About how many bytes it takes: the stored bytes, as much again for the value, the loaded items of logs, and
    /// what is constant.
    pub(super) fn cost(&self) -> usize {
        let logs: usize = self.logs.iter().map(|place| LOG_BYTES + place.loaded().1).sum();
        2 * self.shadow.len() + size_of::<Self>() + logs
    }

    /// Nothing of it is stored any more.
    pub(super) fn forget_stored(&mut self) {
        self.shadow.clear();
        self.head = None;
        self.logs.clear();
        self.deadline = None;
        (self.is_stale, self.is_renewed) = (false, false);
        self.pending = None;
    }

    /// Whether a log has many more items loaded than the `tail` that is loaded with a session: then it is better
    /// loaded again than kept.
    pub(super) fn is_overgrown(&self, tail: usize) -> bool {
        self.logs.iter().any(|place| place.loaded().0 > 4 * tail + 1_024)
    }
}
