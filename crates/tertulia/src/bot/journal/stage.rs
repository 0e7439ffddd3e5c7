//! The sessions of a conversation as a journal tells them, turn by turn, in a storage of their own.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::runner::journal::{FoundState, JournalRecord, Saved};
use crate::storage::{
    Base, Batch, CommitId, From, Limits, ListQuery, LogPage, LogWrite, Memory, Page, Read, Storage, Write,
};
use crate::{Clock, Error, Key, Result};

use super::SessionId;

/// A storage in memory that is brought to what a journal tells.
#[derive(Debug)]
pub(in crate::bot) struct Stage {
    pub(in crate::bot) storage: Arc<dyn Storage>,
    clock: Clock,
    /// Logs that are not as they were, since that was too much for the journal.
    unknown: BTreeSet<Key>,
    /// Segments whose beginning was met.
    segments: HashSet<u64>,
}

/// How a turn begins.
#[derive(Debug)]
pub(super) struct Begun {
    /// All that the turn has written was known before it.
    pub(super) is_known: bool,
    /// Logs that something else than the journal's turns has changed.
    pub(super) changed: Vec<Key>,
}

impl Stage {
    pub(in crate::bot) fn new(clock: Clock) -> Self {
        let memory = Memory::with(clock.clone(), Limits::default(), Memory::DEFAULT_MAX_BYTES);
        let (unknown, segments) = (BTreeSet::new(), HashSet::new());
        Self { storage: Arc::new(memory), clock, unknown, segments }
    }

    /// Brings it to what the turn found.
    pub(super) async fn begin(&mut self, turn: &JournalRecord) -> Result<Begun> {
        if turn.begins {
            self.segments.insert(turn.segment);
        }
        if !self.tells(turn) {
            return Ok(Begun { is_known: false, changed: Vec::new() });
        }
        let mut changed = Vec::new();
        let mut is_known = true;
        for found in &turn.found {
            // What the turn has saved itself is found afterwards.
            let is_changed = match found.saved {
                Some(Saved::Known) => false,
                Some(Saved::Unknown) => {
                    is_known = false;
                    false
                }
                Some(Saved::Absent) => self.find(&found.key, &FoundState::Absent).await?,
                None => self.find(&found.key, &found.state).await?,
            };
            if is_changed {
                changed.push(found.key.clone());
            }
        }
        let met = turn.writes.iter().map(|write| &write.key).chain(turn.found.iter().map(|found| &found.key));
        is_known &= !met.into_iter().any(|key| self.unknown.contains(key));
        Ok(Begun { is_known, changed })
    }

    /// Brings it to what the turn has left.
    pub(super) async fn end(&mut self, turn: &JournalRecord) -> Result<()> {
        if !self.tells(turn) {
            return Ok(());
        }
        for found in turn.found.iter().filter(|found| found.saved.is_some()) {
            self.find(&found.key, &found.state).await?;
        }
        for write in turn.writes.iter().filter(|write| SessionId::of(&write.key).is_some()) {
            if !self.unknown.contains(&write.key) {
                self.commit(write.clone()).await?;
            }
        }
        Ok(())
    }

    /// Whether the journal tells what a turn did.
    pub(super) fn tells(&self, turn: &JournalRecord) -> bool {
        self.segments.contains(&turn.segment) && turn.too_large.is_none()
    }

    /// Whether all that was met is known.
    pub(super) fn is_whole(&self) -> bool {
        self.unknown.is_empty()
    }

    /// Makes a log what was found; tells whether it was something else.
    async fn find(&mut self, key: &Key, found: &FoundState) -> Result<bool> {
        let was_unknown = self.unknown.remove(key);
        let page = self.read(key).await?;
        let is_same = match (found, &page) {
            (FoundState::Absent, None) => true,
            (FoundState::Stored { base, first, entries }, Some(page)) => {
                // Of a history as much is found as is told.
                let same = page.entries.iter().rev().zip(entries.iter().rev()).all(|(is, was)| is == was);
                let ends = page.next().0 == first.0 + entries.len() as u64;
                same && ends && page.base == *base && page.first <= *first
            }
            _ => false,
        };
        if is_same && !was_unknown {
            return Ok(false);
        }
        match found {
            FoundState::TooLarge(_) => {
                self.unknown.insert(key.clone());
            }
            FoundState::Absent => self.put(key, None).await?,
            FoundState::Stored { base, first, entries } => {
                let mut write = LogWrite::new(key.clone());
                write.base.clone_from(base);
                write.append.clone_from(entries);
                write.first = Some(*first);
                self.put(key, Some(write)).await?;
            }
        }
        Ok(true)
    }

    /// Removes everything.
    pub(super) async fn clear(&mut self) -> Result<()> {
        let mut query = ListQuery::default();
        loop {
            let page = self.storage.list(&query).await?;
            for listed in page.keys {
                self.put(&listed.key, None).await?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        *self = Self { storage: Arc::clone(&self.storage), ..Self::new(self.clock.clone()) };
        Ok(())
    }

    /// Makes these logs what they are in another one.
    pub(super) async fn copy(&self, other: &Self, keys: &BTreeSet<Key>) -> Result<()> {
        for key in keys {
            let page = other.read(key).await?;
            self.put(key, page.map(|page| whole(key, page))).await?;
        }
        Ok(())
    }

    async fn put(&self, key: &Key, write: Option<LogWrite>) -> Result<()> {
        self.commit(LogWrite::new(key.clone()).delete()).await?;
        match write {
            Some(write) => self.commit(write).await,
            None => Ok(()),
        }
    }

    async fn commit(&self, write: LogWrite) -> Result<()> {
        let batch = Batch::new(CommitId(self.clock.random()), vec![Write::from(write)]);
        self.storage.commit(batch).await.map(drop)
    }

    async fn read(&self, key: &Key) -> Result<Option<LogPage>> {
        read_whole(&*self.storage, key).await
    }
}

/// A log as it is, in one piece.
pub(super) async fn read_whole(storage: &dyn Storage, key: &Key) -> Result<Option<LogPage>> {
    let mut whole: Option<LogPage> = None;
    loop {
        let from = whole.as_ref().map_or(From::Start, |page| From::At(page.head.incarnation, page.next()));
        let read = Read::new(key.clone()).from(from).limit(usize::MAX, 16 << 20);
        let read = if whole.is_some() { read.base(Base::Never) } else { read };
        let mut pages = storage.read(std::slice::from_ref(&read)).await?;
        let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))??;
        let Some(page) = page.and_then(Page::into_log) else { return Ok(None) };
        let is_last = page.next() == page.head.end;
        match &mut whole {
            Some(whole) => whole.entries.extend(page.entries),
            None => whole = Some(page),
        }
        if is_last {
            return Ok(whole);
        }
    }
}

/// The write that makes a log of what was read of one.
pub(super) fn whole(key: &Key, page: LogPage) -> LogWrite {
    let mut write = LogWrite::new(key.clone());
    (write.base, write.append, write.first) = (page.base, page.entries, Some(page.first));
    write
}
