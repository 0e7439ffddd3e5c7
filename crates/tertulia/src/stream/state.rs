//! A stream in memory: what it is, its last entries, what readers may see of it, and what is not stored yet.

use std::sync::Arc;
use std::time::Duration;

use super::branches::{Branch, UNPLACED};
use super::live::{Progress, Ticket};
use super::meta::Meta;
use super::producers::Request;
use super::room::{Counted, Room};
use super::window::Window;
use super::{Append, BranchId, Cursor, End, Expiry, Refused, Visible};
use crate::Timestamp;
use crate::storage::{CommitId, LogHead};

/// A stream in memory.
#[derive(Debug)]
pub(super) struct State {
    /// With all that was accepted, stored or not.
    pub(super) meta: Meta,
    /// So are these.
    pub(super) window: Window,
    /// Readers see the entries before this one.
    pub(super) shown: u64,
    /// How readers see it end.
    pub(super) ended: Option<End>,
    /// When something was appended last.
    pub(super) last_at: Timestamp,
    /// When it goes.
    pub(super) deadline: Option<Timestamp>,
    /// What is stored; `None` if it is in memory alone.
    pub(super) kept: Option<Kept>,
    /// What the room counts for it.
    pub(super) counted: Counted,
}

/// What is stored of a stream, and what is on its way.
#[derive(Debug)]
pub(super) struct Kept {
    /// The log's head, as far as is known; `None` until it is made.
    pub(super) head: Option<LogHead>,
    /// Entries from here on are not in a batch yet.
    pub(super) unsaved: u64,
    /// Whether the base has to be written.
    pub(super) meta_dirty: bool,
    /// Whether the deadline has to be written.
    pub(super) expire_dirty: bool,
    /// How many changes were accepted.
    pub(super) accepted: u64,
    /// How many of them are settled.
    pub(super) progress: Arc<Progress>,
    /// The batch on its way.
    pub(super) in_flight: Option<CommitId>,
    /// Whether that batch is more than a new deadline.
    pub(super) moving: bool,
    /// The bytes of entries that are in no batch yet.
    pub(super) waiting: usize,
    /// Whether somebody waits for what is not stored.
    pub(super) hurry: bool,
    /// Whether its end is in a batch of somebody else's: nothing else is stored meanwhile.
    pub(super) sealed: bool,
    /// Whether this process wrote last, so that nothing it showed can be lost.
    pub(super) own: bool,
}

impl Kept {
    pub(super) fn new(head: Option<LogHead>, end: u64) -> Self {
        Self {
            head,
            unsaved: end,
            meta_dirty: false,
            expire_dirty: false,
            accepted: 0,
            progress: Arc::default(),
            in_flight: None,
            moving: false,
            waiting: 0,
            hurry: false,
            sealed: false,
            own: false,
        }
    }

    /// Whether nothing more is accepted for now. One append always is.
    pub(super) fn is_full(&self, most: usize) -> bool {
        self.sealed || self.waiting >= most.max(1)
    }

    /// What was accepted last.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket { progress: Arc::clone(&self.progress), change: self.accepted }
    }

    /// Whether this process changes nothing but the deadline, so that what others wrote fits what is in memory.
    pub(super) fn is_quiet(&self) -> bool {
        self.waiting == 0 && !self.meta_dirty && !self.moving
    }

    /// Whether everything is stored.
    pub(super) fn is_settled(&self) -> bool {
        self.progress.settled() == self.accepted && self.in_flight.is_none() && !self.expire_dirty
    }
}

/// What became of an append in memory.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) end: Cursor,
    pub(super) duplicate: bool,
    /// The last request of the producer that was taken, if a producer asked.
    pub(super) last: Option<u64>,
    /// What has to be settled before the append is answered.
    pub(super) ticket: Option<Ticket>,
}

impl State {
    /// A stream without entries in memory, the next of which is `end`.
    pub(super) fn new(meta: Meta, end: u64, now: Timestamp, kept: Option<Kept>, room: &Arc<Room>) -> Self {
        let window = Window::new(end, meta.is_json());
        let ended = meta.closed;
        let counted = Counted::new(room, FIXED);
        Self { meta, window, shown: end, ended, last_at: now, deadline: None, kept, counted }
    }

    pub(super) fn end(&self) -> u64 {
        self.window.end()
    }

    /// The cursor of the end as readers see it.
    pub(super) fn shown_end(&self) -> Cursor {
        self.meta.branches.mint(self.shown)
    }

    /// Counts what it takes in memory, and drops its first entries if that is more than `most`. Whether it has grown
    /// or shrunk.
    pub(super) fn count(&mut self, most: usize) -> bool {
        while self.window.memory() > most {
            let droppable = match &self.kept {
                None => self.shown,
                Some(kept) => kept.unsaved.min(self.shown),
            };
            if !self.window.drop_first(droppable) {
                break;
            }
            if self.kept.is_none() {
                self.meta.start = self.window.first();
            }
        }
        self.counted.set(self.window.memory() + FIXED)
    }

    /// Takes an append, if the stream's rules do. Without a storage it is there at once.
    pub(super) fn append(
        &mut self,
        append: &Append,
        writer: Option<u32>,
        random: impl FnOnce() -> u64,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<Taken, Refused> {
        let request = self.meta.judge(append, writer, self.end())?;
        if request == Request::New {
            let needs_time = self.kept.is_some()
                || append.producer.is_some()
                || self.meta.abandoned_after.is_some()
                || self.meta.expiry != Expiry::Never;
            if needs_time {
                self.last_at = now();
            }
            if !append.entries.is_empty() {
                self.begin_own(random);
            }
            let changed = self.meta.take(append, self.last_at);
            for entry in &append.entries {
                self.window.push(entry);
            }
            self.touch(self.last_at);
            match &mut self.kept {
                None => (self.shown, self.ended) = (self.window.end(), self.meta.closed),
                Some(kept) => {
                    kept.accepted += 1;
                    kept.waiting += append.bytes() + append.entries.len();
                    kept.meta_dirty |= changed;
                    kept.hurry |= append.close.is_some();
                    if self.meta.visible == Visible::Live {
                        self.shown = self.window.end();
                    }
                }
            }
        }
        let ticket = self.kept.as_ref().and_then(|kept| {
            let waits = self.meta.visible == Visible::Gated || append.close.is_some();
            waits.then(|| kept.ticket())
        });
        let end = self.meta.branches.mint(self.end());
        let last = append.producer.as_ref().and_then(|producer| self.meta.producers.last(&producer.id));
        Ok(Taken { end, duplicate: request == Request::Duplicate, last, ticket })
    }

    /// The first time that this process appends to a stream whose entries are seen before they are stored, it begins
    /// a branch: another process may have shown entries that it did not store.
    fn begin_own(&mut self, random: impl FnOnce() -> u64) {
        let end = self.end();
        let Some(kept) = &mut self.kept else { return };
        if !kept.own && self.meta.visible == Visible::Live && kept.head.is_some() {
            self.meta.branches.begin(Branch { id: BranchId(random()), from: end, log: UNPLACED });
            kept.meta_dirty = true;
        }
        kept.own = true;
    }

    /// Moves a sliding deadline: it was written or read just now. Whether somebody has to store that.
    pub(super) fn touch(&mut self, now: Timestamp) -> bool {
        let Expiry::Sliding(ttl) = self.meta.expiry else { return false };
        let Some(kept) = &mut self.kept else {
            self.deadline = Some(now.after(ttl));
            return false;
        };
        // Stored deadlines that are further away than the time to live need not move: they are never early, and at
        // most a quarter late. Short ones are exact.
        let left = self.deadline.map_or(Duration::ZERO, |deadline| deadline.since(now));
        if left < ttl || ttl < EXACT {
            self.deadline = Some(now.after(stored_life(ttl)));
            kept.accepted += u64::from(!kept.expire_dirty);
            kept.expire_dirty = true;
        }
        kept.expire_dirty
    }

    /// When nothing has been appended for too long, if that matters.
    pub(super) fn abandoned_at(&self) -> Option<Timestamp> {
        let is_open = self.meta.closed.is_none();
        self.meta.abandoned_after.filter(|_| is_open).map(|after| self.last_at.after(after))
    }

    /// What was accepted last.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.kept.as_ref().map(Kept::ticket)
    }

    /// What was accepted last, if it is not settled.
    pub(super) fn unsettled(&self) -> Option<Ticket> {
        let is_settled = self.kept.as_ref().is_none_or(Kept::is_settled);
        self.ticket().filter(|_| !is_settled)
    }

    /// Notes that something but the entries changed.
    pub(super) fn change(&mut self) -> Option<Ticket> {
        let kept = self.kept.as_mut()?;
        kept.meta_dirty = true;
        kept.hurry = true;
        kept.accepted += 1;
        Some(kept.ticket())
    }
}

/// What a stream takes in memory beside its entries, roughly.
const FIXED: usize = 1 << 10;
/// Sliding deadlines of less than this are moved at every touch.
const EXACT: Duration = Duration::from_secs(60);

/// How long a stream is kept in the storage from its last touch.
pub(super) fn stored_life(ttl: Duration) -> Duration {
    if ttl < EXACT { ttl } else { ttl + ttl / 4 }
}
