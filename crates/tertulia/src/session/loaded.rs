//! A session taken out of the store: owned, told apart as touched or not, and turned into what is to be written.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::commit::commit;
use super::entry::Entry;
use super::log::{Encoded, Place};
use super::store::{State, Store};
use super::write::{Change, compare};
use crate::error::Kind;
use crate::storage::{Etag, Expect, Head, LogWrite};
use crate::{Conversation, Error, Key, Result};

/// A session that belongs to one turn.
///
/// 1. [`get`](Self::get) reads, [`get_mut`](Self::get_mut) marks it touched.
/// 2. [`prepare`](Self::prepare) gives the writes, none if nothing changed, to be part of the turn's batch.
/// 3. [`committed`](Self::committed) takes the heads of these writes and puts the value back into the cache;
///    [`release`](Self::release) puts back one that was not written.
///
/// [`save`](Self::save) is the same in one, for a session that is written by itself.
///
/// Dropping it at any point is the rollback: nothing was written, and the next load decodes what is stored again.
pub struct Loaded<S> {
    store: Store<S>,
    conversation: Conversation,
    entry: Box<Entry<S>>,
    cached: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// As it was loaded.
    Untouched,
    /// It may have been changed.
    Touched,
    /// It is to be removed, and was not touched since.
    Deleted,
    /// Its writes were given out and are not known to be committed.
    Prepared,
    /// It could not be written, and is not what is stored.
    Spoilt,
}

thread_local! {
    /// Where a value is encoded before it is compared; swapped with the shadow when it is stored.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<S: State> Loaded<S> {
    pub(super) fn new(
        store: Store<S>,
        conversation: Conversation,
        entry: Box<Entry<S>>,
        cached: bool,
    ) -> Self {
        Self { store, conversation, entry, cached, stage: Stage::Untouched }
    }

    /// The value.
    pub fn get(&self) -> &S {
        &self.entry.value
    }

    /// The value, to be changed. Whether it was changed is found out by [`prepare`](Self::prepare).
    pub fn get_mut(&mut self) -> &mut S {
        self.touch(Stage::Touched);
        &mut self.entry.value
    }

    /// Replaces the value.
    pub fn set(&mut self, value: S) {
        *self.get_mut() = value;
    }

    /// Removes the session, with the logs inside it: the value is the type's default from here on. Touching it
    /// afterwards makes it a session again.
    pub fn delete(&mut self) {
        self.entry.value = S::default();
        self.touch(Stage::Deleted);
    }

    /// What was given out to be written, or could not be, is not written again.
    fn touch(&mut self, stage: Stage) {
        if !matches!(self.stage, Stage::Prepared | Stage::Spoilt) {
            self.stage = stage;
        }
    }

    /// What to write so that the stored session is this one, with the expectations that nobody else wrote;
    /// nothing if it was not changed. To be called once, after the last change.
    ///
    /// If the batch with these writes is not committed, the session must be dropped.
    ///
    /// # Errors
    /// `Invalid` if the value cannot be encoded, cannot be read back, or is over a limit of the storage; the
    /// session must be dropped.
    pub fn prepare(&mut self) -> Result<Vec<LogWrite>> {
        match self.stage {
            Stage::Untouched => Ok(Vec::new()),
            Stage::Prepared => Err(Error::internal(format!("{}: prepared twice", self.key()))),
            Stage::Spoilt => {
                let text = format!("{}: it could not be written and must be loaded again", self.key());
                Err(Error::new(Kind::Closed, text))
            }
            Stage::Deleted => {
                self.stage = Stage::Prepared;
                Ok(self.removal())
            }
            Stage::Touched => {
                let mut scratch = SCRATCH.take();
                scratch.clear();
                let writes = self.prepare_with(&mut scratch);
                SCRATCH.set(scratch);
                writes.map_err(|error| error.context(self.key()))
            }
        }
    }

    fn prepare_with(&mut self, encoded: &mut Vec<u8>) -> Result<Vec<LogWrite>> {
        self.stage = Stage::Prepared;
        let (change, logs) = compare(&mut self.entry, encoded, self.store.limits())?;
        let Encoded { mut live, next, met, .. } = logs;
        if change == Change::None && met.iter().all(|(_, new)| new.is_none()) {
            self.entry.logs = live;
            self.stage = Stage::Untouched;
            return Ok(Vec::new());
        }
        let mut session = self.check();
        match change {
            Change::None => {}
            Change::Patch(patch) => session = session.append(patch),
            Change::Whole(base) => {
                session = session.base(base);
                if let Some(head) = self.entry.head.filter(|head| head.start < head.end) {
                    session = session.trim(head.end);
                }
            }
        }
        std::mem::swap(&mut self.entry.shadow, encoded);
        self.entry.next_log = next;
        if met.is_empty() && live.is_empty() {
            return Ok(vec![session]);
        }
        let mut writes = vec![session];
        for (place, new) in met {
            let key = self.log_key(&place);
            writes.push(match new {
                Some(new) => place.write(key, &new, self.store.limits())?,
                None => place.check(key),
            });
            live.retain(|live| live.number != place.number);
            self.entry.logs.push(place);
        }
        for vanished in live {
            writes.push(vanished.check(self.log_key(&vanished)).delete());
        }
        Ok(writes)
    }

    fn removal(&self) -> Vec<LogWrite> {
        match self.entry.head {
            None => Vec::new(),
            Some(_) => self.checks().into_iter().map(LogWrite::delete).collect(),
        }
    }

    /// Writes that change nothing and only expect what was read to be as it was: for a turn that answers from
    /// this session and writes something else. Not to be joined with what [`prepare`](Self::prepare) gives if it
    /// gives anything: that holds them.
    pub fn checks(&self) -> Vec<LogWrite> {
        let logs = self.entry.logs.iter().map(|place| place.check(self.log_key(place)));
        std::iter::once(self.check()).chain(logs).collect()
    }

    fn log_key<'a>(&self, place: &'a Place) -> &'a Key {
        place.settle(self.store.storage(), || self.store.log_key(&self.conversation, place.number))
    }

    fn check(&self) -> LogWrite {
        let expect = match self.etag() {
            None => Expect::Absent,
            Some(etag) => Expect::Etag(etag),
        };
        LogWrite::new(self.key()).expect(expect)
    }

    /// Writes what was changed now, by itself, so that it stays whatever becomes of the rest; nothing if nothing was
    /// changed. The session can be used and saved again afterwards.
    ///
    /// # Errors
    /// `Conflict` if somebody else wrote first, `Invalid` as from [`prepare`](Self::prepare), `Unavailable`, and
    /// `Unknown` if the storage's answer was lost and cannot be found out. After an error the session must be
    /// loaded again: its value can still be read, and is not written any more.
    ///
    /// # Cancel safety
    /// If the future is dropped, it was written wholly or not at all, and the session must be loaded again.
    pub async fn save(&mut self) -> Result<()> {
        let prepared = self.prepare();
        let stage = std::mem::replace(&mut self.stage, Stage::Spoilt);
        let writes = prepared?;
        if writes.is_empty() {
            self.settle(stage, &[]);
            return Ok(());
        }
        // What the storage accepts was not outdated.
        self.cached = false;
        let heads = commit(self.store.storage(), self.store.clock(), writes).await;
        let heads = heads.map_err(|error| error.context(self.key()))?;
        self.settle(stage, &heads);
        Ok(())
    }

    /// The writes were committed, and these are the heads of their logs, in the order of the writes: the value
    /// goes back into the cache.
    pub fn committed(mut self, heads: &[Option<Head>]) {
        self.settle(self.stage, heads);
        self.release();
    }

    /// What was prepared is stored now, with these heads.
    fn settle(&mut self, stage: Stage, heads: &[Option<Head>]) {
        self.stage = Stage::Untouched;
        if stage != Stage::Prepared {
            return;
        }
        let mut heads = heads.iter().map(|head| head.and_then(|head| head.log()));
        let Some(head) = heads.next().flatten() else {
            // It was removed, if not by this, then after it.
            self.entry.forget_stored();
            return;
        };
        self.entry.head = Some(head);
        for place in &self.entry.logs {
            match heads.next().flatten() {
                Some(head) => place.set_head(head),
                None => self.stage = Stage::Spoilt,
            }
        }
    }

    /// The value goes back into the cache if it is what is stored; if it was touched, or its writes were given
    /// out, it is dropped.
    pub fn release(self) {
        let Self { store, conversation, entry, stage, .. } = self;
        // What is not stored is as quickly made anew.
        if stage == Stage::Untouched && entry.head.is_some() {
            store.put_back(&conversation, entry);
        }
    }
}

impl<S> Loaded<S> {
    /// Whose session it is.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// The key of the session's log.
    pub fn key(&self) -> Key {
        self.store.key(&self.conversation)
    }

    /// Whether the session was stored when it was loaded.
    pub fn is_stored(&self) -> bool {
        self.entry.head.is_some()
    }

    /// Whether the value came from the cache, so that somebody else may have written since.
    pub fn is_cached(&self) -> bool {
        self.cached
    }

    /// Whether it may have been changed since it was loaded or saved.
    pub fn is_touched(&self) -> bool {
        matches!(self.stage, Stage::Touched | Stage::Deleted)
    }

    pub(super) fn store(&self) -> &Store<S> {
        &self.store
    }

    pub(super) fn into_value(self) -> S {
        self.entry.value
    }

    pub(super) fn logs(&self) -> &[Arc<Place>] {
        &self.entry.logs
    }

    pub(super) fn etag(&self) -> Option<Etag> {
        self.entry.head.map(|head| head.etag)
    }
}

impl<S> fmt::Debug for Loaded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("key", &self.key()).field("stage", &self.stage).finish_non_exhaustive()
    }
}
