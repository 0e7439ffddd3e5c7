//! Logs of states that are followed from version to version: their records are never written over, so that every version
//! can be had again, and each version knows where all of its items lie. Going back record by record would meet those of
//! other branches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::place::{Home, Place, Stored};
use super::records::Tail;
use super::runs::Runs;
use super::scope::NewItems;
use crate::Result;
use crate::storage::{Expect, LogHead, LogWrite, Offset, Pending};

/// Numbers for versions, so that no two logs of the process have the same.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// What becomes of a log from one version to the next.
#[derive(Clone, Debug)]
pub(in crate::session) struct Moved {
    /// The first position that it has.
    pub(in crate::session) start: u64,
    /// Positions from here on are replaced by the items.
    pub(in crate::session) from: u64,
    /// The offset of the first item's record.
    pub(in crate::session) offset: u64,
    pub(in crate::session) items: Vec<Bytes>,
    /// How it is written; `None` if there are no items.
    pub(in crate::session) write: Option<LogWrite>,
    /// The head afterwards, as far as it is known.
    pub(in crate::session) head: Option<LogHead>,
    /// The queued batch that has the write.
    pub(in crate::session) pending: Option<Pending>,
    /// How many items the value has loaded.
    loaded: usize,
}

impl Place {
    /// Of one version of a log.
    pub(super) fn mapped(number: u64, home: Home, head: LogHead, start: u64, runs: Runs) -> Arc<Self> {
        let mut stored = Stored::default();
        (stored.head, stored.mapped) = (Some(head), Some(head.end.0));
        (stored.start, stored.runs) = (start, runs);
        Self::with(number, home, stored, new_version())
    }

    pub(super) fn is_mapped(&self) -> bool {
        self.stored.lock().mapped.is_some()
    }

    /// The place for a log in a new value. Values of different versions may be there at the same time, so each has its own.
    pub(super) fn for_value(self: &Arc<Self>) -> Arc<Self> {
        match (self.home.get(), self.is_mapped()) {
            (Some(home), true) => {
                let stored = self.stored.lock().clone();
                Self::with(self.number, home.clone(), stored, self.version.load(Ordering::Relaxed))
            }
            _ => self.clone(),
        }
    }

    /// Whether both know the same version of the same log.
    pub(super) fn is_same_version(&self, other: &Self) -> bool {
        let version = self.version.load(Ordering::Relaxed);
        version != 0 && version == other.version.load(Ordering::Relaxed)
    }

    /// A value has another version than the one that is known here. If that is never accepted, it is a copy.
    pub(super) fn fall_behind(&self) {
        self.version.store(0, Ordering::Relaxed);
    }

    /// What becomes of the log with these items. Nothing is changed here before [`advance`](Self::advance).
    pub(in crate::session) fn moved(&self, home: &Home, new: NewItems) -> Result<Moved> {
        let (head, next, pending) = {
            let stored = self.stored.lock();
            (stored.head, stored.mapped.unwrap_or_default(), stored.pending.clone())
        };
        let entries = home.seal(&new, next)?;
        let count = entries.len() as u64;
        let expect = match head {
            Some(head) => Expect::End(head.incarnation, Offset(next)),
            None if next == 0 => Expect::Absent,
            // It is queued that there is one; what the run's own log expects holds for this one too.
            None => Expect::Any,
        };
        let write = LogWrite { append: entries, ..LogWrite::new(home.key().clone()).expect(expect) };
        Ok(Moved {
            start: new.start,
            from: new.from,
            offset: next,
            write: (count > 0).then_some(write),
            items: new.items.into_iter().map(Bytes::from).collect(),
            head: head.map(|head| LogHead { end: Offset(next + count), ..head }),
            pending,
            loaded: new.loaded,
        })
    }

    /// The version is accepted.
    fn advance(&self, moved: &Moved, version: u64) {
        let mut stored = self.stored.lock();
        stored.start = moved.start;
        stored.runs.replace(moved.from, (!moved.items.is_empty()).then_some(moved.offset));
        stored.runs.drop_before(moved.start);
        if moved.start == moved.end() {
            stored.runs.clear();
        }
        stored.mapped = Some(moved.offset + moved.items.len() as u64);
        (stored.head, stored.loaded) = (moved.head, moved.loaded);
        stored.pending.clone_from(&moved.pending);
        self.version.store(version, Ordering::Relaxed);
    }

    /// Where the items lie.
    pub(in crate::session) fn runs(&self) -> Runs {
        self.stored.lock().runs.clone()
    }
}

fn new_version() -> u64 {
    VERSIONS.fetch_add(1, Ordering::Relaxed)
}

impl Moved {
    /// The position after the last item.
    pub(in crate::session) fn end(&self) -> u64 {
        self.from + self.items.len() as u64
    }
}

impl Tail {
    /// A log before its first version.
    pub(in crate::session) fn before_first(number: u64) -> Self {
        Self { place: Place::new(number), start: 0, first: 0, items: Vec::new() }
    }

    /// The position after the last item.
    pub(in crate::session) fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// The next version is accepted, which a value has at `place`. Of its last items at least `count` stay here, or as many
    /// as there are.
    pub(in crate::session) fn advance(&mut self, place: &Place, moved: Moved, count: usize) {
        let version = new_version();
        // A value falls behind when it is compared, and what is here does not.
        place.advance(&moved, version);
        self.place.advance(&moved, version);
        if let Some(home) = place.home.get() {
            self.place.settle_at(|| home.clone());
        }
        if moved.from < self.first || moved.from > self.end() {
            self.items.clear();
            self.first = moved.from;
        }
        self.items.truncate(usize::try_from(moved.from - self.first).unwrap_or(usize::MAX));
        self.items.extend((moved.offset..).zip(moved.items));
        self.start = moved.start;
        let dropped = usize::try_from(moved.start.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let spare = self.items.len().saturating_sub(count);
        // More than are needed are dropped at once, so that each costs a little.
        let older = if spare > count { spare.max(dropped) } else { dropped };
        self.items.drain(..older);
        self.first += older as u64;
    }
}
