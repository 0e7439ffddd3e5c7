//! Where a log inside a session is stored, and where its items lie there.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use super::records::Tail;
use super::runs::Runs;
use super::scope::NewItems;
use crate::session::backing::{Backing, Slot};
use crate::session::format::Record;
use crate::storage::{Expect, LogHead, LogWrite, Offset, Outcome, Pending, Storage};
use crate::{Error, Key, Result};

/// Shared by a `Log` and the session it was loaded with; the same place is the same log. A place outlives no load:
/// whatever is put into another session, or kept over a failed turn, is not found there and counts as a copy.
pub(in crate::session) struct Place {
    /// Its number in the session.
    pub(in crate::session) number: u64,
    /// Set before the first write.
    pub(super) home: OnceLock<Home>,
    pub(super) stored: Mutex<Stored>,
    /// Of a mapped place the version of the log that it knows, or 0 while a value is ahead of it. See
    /// [`mapped`](super::mapped).
    pub(super) version: AtomicU64,
}

/// Where the records of a log lie.
#[derive(Clone)]
pub(in crate::session) struct Home {
    pub(super) backing: Arc<Backing>,
    pub(super) key: Key,
    /// The names of the fields above the log, where migrations want to know them.
    path: Option<Vec<String>>,
}

impl Home {
    pub(in crate::session) fn new(backing: Arc<Backing>, key: Key, path: Option<Vec<String>>) -> Self {
        Self { backing, key, path }
    }

    pub(in crate::session) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.backing.storage
    }

    /// The record that was stored as the entry at `offset`.
    pub(super) fn open(&self, offset: u64, entry: &Bytes) -> Result<Bytes> {
        self.backing.open(entry, &self.key, Slot::Entry(offset))
    }

    /// New items as the entries they are stored as, the first of them at `offset`.
    pub(super) fn seal(&self, new: &NewItems, offset: u64) -> Result<Vec<Bytes>> {
        let items = (new.from..).zip(&new.items).zip(offset..);
        items.map(|((from, item), offset)| self.seal_one(new.start, from, item, offset)).collect()
    }

    fn seal_one(&self, start: u64, from: u64, item: &[u8], offset: u64) -> Result<Bytes> {
        let record = Record { schema: self.backing.migrations.version(), start, from, item }.encode();
        let entry = self.backing.seal(record, &self.key, Slot::Entry(offset))?;
        let most = self.backing.limits.entry_bytes;
        if entry.len() > most {
            let text = format!("an item of a log has {} bytes, at most {most} are allowed", entry.len());
            return Err(Error::invalid(text));
        }
        Ok(entry.into())
    }

    /// An item as this program's version has it.
    pub(super) fn migrate(&self, record: &Bytes, schema: u32, item: &[u8]) -> Result<Bytes> {
        let migrations = &self.backing.migrations;
        match &self.path {
            Some(path) if !migrations.is_current(schema)? => Ok(migrations.item(schema, path, item)?.into()),
            _ => Ok(record.slice_ref(item)),
        }
    }
}

/// Moved when writes are prepared: if they are not committed, the session is dropped and the place with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// `None` before the first commit.
    pub(super) head: Option<LogHead>,
    /// The first position that is stored.
    pub(super) start: u64,
    /// Where items lie, as far as they were loaded; of a mapped place, all of them.
    pub(super) runs: Runs,
    /// Of a mapped place, the offset that the next record gets.
    pub(super) mapped: Option<u64>,
    /// How many items are loaded.
    pub(super) loaded: usize,
    /// The queued batch that makes the head what it is said to be.
    pub(super) pending: Option<Pending>,
    /// How many items, with how many bytes, went by; for the average.
    items: usize,
    bytes: usize,
}

impl Place {
    /// Of a log that is not stored yet.
    pub(super) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            home: OnceLock::new(),
            stored: Mutex::default(),
            version: AtomicU64::default(),
        })
    }

    /// Of a log with this head, before anything of it was read.
    pub(super) fn stored(number: u64, home: Home, head: LogHead) -> Arc<Self> {
        let stored = Stored { head: Some(head), ..Stored::default() };
        Self::with(number, home, stored, 0)
    }

    pub(super) fn with(number: u64, home: Home, stored: Stored, version: u64) -> Arc<Self> {
        let (home, stored) = (OnceLock::from(home), Mutex::new(stored));
        Arc::new(Self { number, home, stored, version: version.into() })
    }

    /// Where it is stored; said here if that was not known.
    pub(in crate::session) fn settle(&self, backing: &Arc<Backing>, key: impl FnOnce() -> Key) -> &Home {
        self.settle_at(|| Home::new(backing.clone(), key(), None))
    }

    /// The same.
    pub(in crate::session) fn settle_at(&self, home: impl FnOnce() -> Home) -> &Home {
        self.home.get_or_init(home)
    }

    pub(super) fn home(&self) -> Result<&Home> {
        self.home.get().ok_or_else(|| Error::internal("a log was used before it had a place"))
    }

    pub(in crate::session) fn head(&self) -> Option<LogHead> {
        self.stored.lock().head
    }

    /// What a commit gave.
    pub(in crate::session) fn set_head(&self, head: LogHead) {
        let mut stored = self.stored.lock();
        (stored.head, stored.pending) = (Some(head), None);
    }

    /// What was written last is queued.
    pub(in crate::session) fn set_pending(&self, pending: Option<Pending>) {
        self.stored.lock().pending = pending;
    }

    /// Waits until what was written last is stored.
    pub(super) async fn settled(&self) -> Result<()> {
        let pending = self.stored.lock().pending.clone();
        let Some(pending) = pending else { return Ok(()) };
        match pending.settled().await {
            Outcome::Failed(failure) => Err(failure.into()),
            Outcome::Queued | Outcome::Committed => Ok(()),
        }
    }

    /// How many items are loaded, and about how many bytes they have.
    pub(in crate::session) fn loaded(&self) -> (usize, usize) {
        let stored = self.stored.lock();
        (stored.loaded, stored.loaded * (stored.bytes / stored.items.max(1)))
    }

    /// A write that only expects the log to be as it is known.
    pub(in crate::session) fn check(&self, home: &Home) -> LogWrite {
        let expect = match self.head() {
            None => Expect::Absent,
            Some(head) => Expect::End(head.incarnation, head.end),
        };
        LogWrite::new(home.key.clone()).expect(expect)
    }

    /// The write of new items; from here on the place knows them.
    pub(in crate::session) fn write(&self, home: &Home, new: &NewItems) -> Result<LogWrite> {
        let mut write = self.check(home);
        let (begin, end) = self.stored.lock().head.map_or((0, 0), |head| (head.start.0, head.end.0));
        write.append = home.seal(new, end)?;
        if new.items.is_empty() {
            write.append.push(home.seal_one(new.start, new.from, &[], end)?);
        }
        let mut stored = self.stored.lock();
        let lowest = begin + new.start.saturating_sub(stored.start);
        stored.runs.replace(new.from, (!new.items.is_empty()).then_some(end));
        if stored.head.is_some() && new.start > stored.start {
            let last = end + write.append.len() as u64 - 1;
            // An item that was not loaded lies at least as far from the first one as there are items between.
            let first = if new.start >= new.from + new.items.len() as u64 {
                last
            } else {
                stored.runs.offset_of(new.start).unwrap_or(lowest)
            };
            write = write.trim(Offset(first.min(last)));
        }
        stored.start = new.start;
        stored.loaded = new.loaded;
        stored.items += new.items.len();
        stored.bytes += new.items.iter().map(Vec::len).sum::<usize>();
        stored.runs.drop_before(new.start);
        Ok(write)
    }

    /// The offset of the item at a position, if it was ever loaded.
    pub(super) fn offset_of(&self, position: u64) -> Option<u64> {
        self.stored.lock().runs.offset_of(position)
    }

    /// Older items were loaded.
    pub(super) fn prepend(&self, tail: &Tail) {
        let mut stored = self.stored.lock();
        let mut runs = Runs::default();
        for (position, (offset, item)) in (tail.first..).zip(&tail.items) {
            runs.push(position, *offset);
            stored.items += 1;
            stored.bytes += item.len();
        }
        stored.loaded += tail.items.len();
        if stored.mapped.is_none() {
            runs.append(&mut stored.runs);
            stored.runs = runs;
        }
    }

    /// The first position of what is stored, once the newest record was read.
    pub(super) fn set_start(&self, start: u64) {
        self.stored.lock().start = start;
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("number", &self.number).field("stored", &self.stored).finish()
    }
}
