//! A session taken out of the store: owned, told apart as touched or not, and turned into what is to be written.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::backing::Slot;
use super::cache::Generation;
use super::commit::commit;
use super::entry::Entry;
use super::expiry::Expiry;
use super::keeper::{InUse, Known};
use super::log::{Encoded, Home, Place};
use super::queue::{push, settle};
use super::store::{State, Store};
use super::write::{Change, compare};
use crate::error::Kind;
use crate::storage::{Etag, Expect, Expire, Head, LogHead, LogWrite, Outcome, Pending};
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

    /// Has the session kept from expiring from here on.
    fn hold(&mut self) {
        let Some((keeper, deadline)) = self.store.keeper().zip(self.entry.deadline) else { return };
        let Some(etag) = self.etag() else { return };
        let logs = self.entry.logs.iter().map(|place| self.home(place).key().clone()).collect();
        let (conversation, key) = (self.conversation.clone(), self.key());
        self.in_use = keeper.hold(deadline, Known { conversation, key, etag, logs });
    }

    /// From here on nobody keeps it from expiring.
    fn let_go(&mut self) {
        if let Some(deadline) = self.in_use.take().and_then(|in_use| in_use.deadline()) {
            self.entry.deadline = Some(deadline);
        }
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

    /// Looks what became of what was saved last.
    fn look_after_queued(&mut self) -> Result<()> {
        let Some(pending) = self.entry.pending.clone() else { return Ok(()) };
        if settle(&self.store, &self.conversation, &mut self.entry) {
            return Ok(());
        }
        self.stage = Stage::Spoilt;
        Err(match pending.outcome() {
            Outcome::Failed(failure) => failure.into(),
            _ => Error::new(Kind::Conflict, format!("{} was written by somebody else", self.key())),
        })
    }

    fn prepare_writes(&mut self) -> Result<Vec<LogWrite>> {
        self.let_go();
        match self.stage {
            Stage::Untouched => Ok(self.renewal()),
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
        let max_bytes = self.store.options().max_bytes;
        let (change, logs) = compare(&mut self.entry, encoded, self.store.backing(), max_bytes)?;
        let Encoded { mut live, next, met, .. } = logs;
        if change == Change::None && met.iter().all(|(_, new)| new.is_none()) {
            self.entry.logs = live;
            self.stage = Stage::Untouched;
            return Ok(self.renewal());
        }
        let expire = self.expire();
        let session = self.write_state(change)?.expire(expire);
        std::mem::swap(&mut self.entry.shadow, encoded);
        self.entry.next_log = next;
        if met.is_empty() && live.is_empty() {
            return Ok(vec![session]);
        }
        let mut writes = vec![session];
        for (place, new) in met {
            let home = self.home(&place);
            let is_new = place.head().is_none();
            let write = match new {
                Some(new) => place.write(home, &new)?,
                None => place.check(home),
            };
            writes.push(write.expire(if is_new { self.expire_new() } else { expire }));
            live.retain(|live| live.number != place.number);
            self.entry.logs.push(place);
        }
        for vanished in live {
            writes.push(vanished.check(self.home(&vanished)).delete());
        }
        Ok(writes)
    }

    fn write_state(&self, change: Change) -> Result<LogWrite> {
        let write = self.check();
        let seal = |record, slot| self.store.backing().seal(record, &write.key, slot);
        Ok(match change {
            Change::None => write,
            Change::Patch(patch) => {
                let end = self.entry.head.map_or(0, |head| head.end.0);
                let patch = seal(patch, Slot::Entry(end))?;
                write.append(patch)
            }
            Change::Whole(base) => {
                let base = seal(base, Slot::Base)?;
                let write = write.base(base);
                match self.entry.head.filter(|head| head.start < head.end) {
                    Some(head) => write.trim(head.end),
                    None => write,
                }
            }
        })
    }

    /// What a write does to the session's deadline.
    fn expire(&mut self) -> Expire {
        let expiry = self.store.options().expiry;
        if expiry == Expiry::Never && self.entry.deadline.is_none() {
            return Expire::Keep;
        }
        self.asked = self.store.clock().now();
        self.expire = expiry.on_write(self.asked, self.entry.head.is_some(), self.entry.deadline);
        self.expire
    }

    /// What the first write of a log inside does to its deadline.
    fn expire_new(&self) -> Expire {
        self.store.options().expiry.longest().map_or(Expire::Keep, Expire::After)
    }

    /// Moves the deadline of a session that was used and not changed, if it is time to.
    fn renewal(&mut self) -> Vec<LogWrite> {
        let expiry = self.store.options().expiry;
        if !matches!(expiry, Expiry::Sliding(_)) || self.entry.head.is_none() {
            return Vec::new();
        }
        self.asked = self.store.clock().now();
        let Some(life) = expiry.on_use(self.asked, self.entry.deadline) else { return Vec::new() };
        self.stage = Stage::Prepared;
        self.expire = Expire::After(life);
        self.checks().into_iter().map(|check| check.expire(self.expire)).collect()
    }

    /// What is not there is still expected not to be there.
    fn removal(&self) -> Vec<LogWrite> {
        match self.entry.head {
            None => vec![self.check()],
            Some(_) => self.checks().into_iter().map(LogWrite::delete).collect(),
        }
    }

    /// Writes that change nothing and only expect what was read to be as it was: for a turn that answers from
    /// this session and writes something else. Not to be joined with what [`prepare`](Self::prepare) gives if it
    /// gives anything: that holds them.
    pub fn checks(&self) -> Vec<LogWrite> {
        let logs = self.entry.logs.iter().map(|place| place.check(self.home(place)));
        std::iter::once(self.check()).chain(logs).collect()
    }

    fn home<'a>(&self, place: &'a Place) -> &'a Home {
        place.settle(self.store.backing(), || self.store.log_key(&self.conversation, place.number))
    }

    fn check(&self) -> LogWrite {
        let expect = match self.etag() {
            None => Expect::Absent,
            Some(etag) => Expect::Etag(etag),
        };
        LogWrite::new(self.key()).expect(expect)
    }

    /// Writes what was changed now, by itself, so that it stays whatever becomes of the rest; nothing if nothing was
    /// changed. The session can be used and saved again afterwards. Where the mode is fire-and-forget it is queued,
    /// after a wait if the queue is full.
    ///
    /// # Errors
    /// `Conflict` if somebody else wrote first, `Invalid` as from [`prepare`](Self::prepare), `Unavailable`, and
    /// `Unknown` if the storage's answer was lost and cannot be found out; where the mode is fire-and-forget, what
    /// made earlier saves of the conversation fail. After an error the session must be loaded again: its value can
    /// still be read, and is not written any more.
    ///
    /// # Cancel safety
    /// If the future is dropped, it was written wholly or not at all, and the session must be loaded again.
    pub async fn save(&mut self) -> Result<()> {
        if let Err(error) = self.look_after_queued() {
            // It is told here, and need not be told by the next call.
            let _ = self.store.flush(&self.conversation).await;
            return Err(error);
        }
        let prepared = self.prepare_writes();
        let stage = std::mem::replace(&mut self.stage, Stage::Spoilt);
        let writes = prepared?;
        if writes.is_empty() {
            self.settle(stage, &[]);
            self.hold();
            return Ok(());
        }
        // What the storage accepts was not outdated.
        self.cached = false;
        if self.store.behind().is_some() {
            return self.queue(stage, writes).await;
        }
        let heads = commit(self.store.storage(), self.store.clock(), writes).await;
        let heads = heads.map_err(|error| error.context(self.key()))?;
        self.settle(stage, &heads);
        self.generation = self.store.written(&self.conversation);
        self.hold();
        Ok(())
    }

    async fn queue(&mut self, stage: Stage, writes: Vec<LogWrite>) -> Result<()> {
        let Some(behind) = self.store.behind() else { return Ok(()) };
        let (key, before) = (self.key(), self.entry.pending.as_ref());
        let head = |of: &Key| {
            if *of == key {
                return self.entry.head;
            }
            self.entry.logs.iter().find(|place| self.home(place).key() == of)?.head()
        };
        // Whoever loads from here on until it is queued is not to save what they loaded.
        let Some(claim) = self.store.claim(&self.conversation, self.generation) else {
            return Err(Error::new(Kind::Conflict, format!("{key} was saved by somebody else")));
        };
        let pushed = push(behind, &self.conversation, writes, before, head).await;
        self.generation = claim.end();
        let (pending, heads) = pushed?;
        let heads: Vec<_> = heads.into_iter().map(|head| head.map(Head::Log)).collect();
        self.settle(stage, &heads);
        self.entry.logs.iter().for_each(|place| place.set_pending(Some(pending.clone())));
        self.entry.pending = Some(pending);
        self.hold();
        Ok(())
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
        self.entry.head = Some(LogHead { expires_in: None, ..head });
        (self.entry.is_stale, self.entry.is_renewed) = (false, false);
        match std::mem::take(&mut self.expire) {
            Expire::Keep => {}
            Expire::Never => self.entry.deadline = None,
            Expire::After(life) => self.entry.deadline = Some(self.asked.after(life)),
        }
        for place in &self.entry.logs {
            match heads.next().flatten() {
                Some(head) => place.set_head(head),
                None => self.stage = Stage::Spoilt,
            }
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

    pub(super) fn etag(&self) -> Option<Etag> {
        self.entry.head.map(|head| head.etag)
    }
}

impl<S> fmt::Debug for Loaded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("key", &self.key()).field("stage", &self.stage).finish_non_exhaustive()
    }
}
