//! A session taken out of the store: owned, told apart as touched or not, and turned into what is to be written.

mod deadline;
mod save;
mod writes;

use std::fmt;
use std::sync::Arc;

use super::cache::Generation;
use super::entry::Entry;
use super::keeper::InUse;
use super::log::Place;
use super::store::{State, Store};
use crate::storage::{Etag, Expire, Head, LogWrite, Pending};
use crate::{Conversation, Error, Key, Result, Timestamp};

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
    /// When the writes were prepared, where deadlines matter, and what they do to the deadline.
    asked: Timestamp,
    expire: Expire,
    /// What the cache knew when this was loaded: whether somebody has written since.
    generation: Generation,
    /// Keeps it from expiring.
    in_use: Option<InUse>,
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

impl<S: State> Loaded<S> {
    pub(super) fn new(
        store: Store<S>,
        conversation: Conversation,
        entry: Box<Entry<S>>,
        cached: bool,
        generation: Generation,
    ) -> Self {
        let mut loaded = Self {
            store,
            conversation,
            entry,
            cached,
            stage: Stage::Untouched,
            asked: Timestamp(0),
            expire: Expire::Keep,
            generation,
            in_use: None,
        };
        loaded.hold();
        loaded
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
    /// nothing if it was not changed. To be called once, after the last change, and when nothing of the session is
    /// [queued](Self::is_queued).
    ///
    /// If the batch with these writes is not committed, the session must be dropped.
    ///
    /// # Errors
    /// `Invalid` if the value cannot be encoded, cannot be read back, or is over a limit of the storage, and what
    /// made its queued writes fail; the session must be dropped.
    pub fn prepare(&mut self) -> Result<Vec<LogWrite>> {
        self.look_after_queued()?;
        if self.is_queued() {
            return Err(Error::internal(format!("{}: it is still queued", self.key())));
        }
        self.prepare_writes()
    }

    /// Whether what was saved last is not yet known to be stored. Only where the mode is fire-and-forget;
    /// [`Store::flush`] waits for it.
    pub fn is_queued(&self) -> bool {
        self.entry.pending.is_some()
    }

    /// Writes that change nothing and only expect what was read to be as it was: for a turn that answers from
    /// this session and writes something else. Not to be joined with what [`prepare`](Self::prepare) gives if it
    /// gives anything: that holds them.
    pub fn checks(&self) -> Vec<LogWrite> {
        let logs = self.entry.logs.iter().map(|place| place.check(self.home(place)));
        std::iter::once(self.check()).chain(logs).collect()
    }

    /// The writes were committed, and these are the heads of their logs, in the order of the writes: the value
    /// goes back into the cache.
    pub fn committed(mut self, heads: &[Option<Head>]) {
        if self.stage != Stage::Prepared {
            return self.release();
        }
        self.settle(self.stage, heads);
        let Self { store, conversation, entry, stage, .. } = self;
        if stage == Stage::Untouched && entry.head.is_some() {
            store.put_back(&conversation, entry, None);
        } else {
            store.written(&conversation);
        }
    }

    /// The value goes back into the cache if it is what is stored; if it was touched, or its writes were given
    /// out, it is dropped.
    pub fn release(mut self) {
        self.let_go();
        let Self { store, conversation, entry, stage, generation, .. } = self;
        // What is not stored is as quickly made anew.
        if stage == Stage::Untouched && entry.head.is_some() {
            store.put_back(&conversation, entry, Some(generation));
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

    /// The store it was loaded from.
    pub fn store(&self) -> &Store<S> {
        &self.store
    }

    /// The queued batch that writes what was saved last.
    pub(crate) fn pending(&self) -> Option<&Pending> {
        self.entry.pending.as_ref()
    }

    pub(super) fn into_value(self) -> S {
        self.entry.value
    }

    pub(super) fn logs(&self) -> &[Arc<Place>] {
        &self.entry.logs
    }

    /// The number that the next new log gets.
    pub(super) fn next_log(&self) -> u64 {
        self.entry.next_log
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
