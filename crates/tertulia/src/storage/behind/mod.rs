//! Commits log writes in the background, for those who need not wait until they are durable.
//!
//! What [`Behind`] gives up is durability at once, and nothing else: what is stored of a conversation is at every
//! moment what it was after some number of its queued batches, in the order in which they were queued, each whole.
//!
//! # What is joined
//!
//! While a batch is on its way to the storage, those that queue up behind it in the same conversation become one
//! batch, as far as they write no log beside those of the first of them and each write builds on the one before it or
//! expects nothing. The rule is that narrow so that joining shows in nothing but etags: afterwards the logs hold the
//! same bases, entries and offsets, have the same incarnations, and what fails would have failed one by one. Nothing
//! is joined behind a delete (a delete itself replaces what was queued before it), with a `first`, behind a trim that
//! might reach past the log's end, or over a limit of the storage. A joined batch counts once in a log's etag, and
//! in a head's `entry_bytes` entries may count that came before the base.
//!
//! # Failures
//!
//! `Unavailable` is tried again for as long as it lasts, after 20 ms at first and every 5 s at last. After a lost
//! answer (`Unknown`, `Timeout`) the heads tell whether the batch is there: if a log that it moves carries its id. If
//! none does, it is sent again. So a batch whose logs somebody else moved on before the look counts as failed, and
//! an append that expects nothing, late in the storage but not lost, may be there twice.
//!
//! Every other error drops the batch and all that is queued behind it in its conversation, since they build on it;
//! other conversations go on. The next [`push`](Behind::push) or [`flush`](Behind::flush) of the conversation gives
//! the error, once.

mod join;
mod lane;
mod pending;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};

use self::lane::{Fresh, Lanes};
pub use self::pending::{Failure, Outcome, Pending, Queued};
use self::writer::Writer;
use super::{CommitId, Limits, Storage};
use crate::{Clock, Conversation, Result};

/// Commits log writes in the background: those of one conversation in the order in which they were queued, joined
/// where they can be.
///
/// Clones share one queue. A conversation with something queued has a task of its own, which ends when all is
/// written; it goes on after the last handle is dropped. What is still queued when the runtime ends is lost, with a
/// warning. An idle conversation takes no memory.
#[derive(Clone)]
pub struct Behind(Arc<Inner>);

struct Inner {
    storage: Arc<dyn Storage>,
    /// Makes ids, and waits between tries.
    clock: Clock,
    limits: Limits,
    max_bytes: usize,
    /// Never held across an await, and for no longer than a few moves.
    lanes: Mutex<Lanes>,
    /// Whose turn it is to wait for room: first come, first served.
    turn: Semaphore,
    /// Told to the one whose turn it is whenever batches leave the queue.
    room: Notify,
}

/// What a [`Behind`] holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BehindStats {
    /// Batches queued or on their way.
    pub queued: usize,
    /// What they count towards the bound: their bytes, and about 200 for each write.
    pub queued_bytes: usize,
    /// Commits that were applied.
    pub commits: u64,
    /// Batches that went into another one's commit.
    pub joined: u64,
    /// Batches that failed, or were dropped because one before them did.
    pub dropped: u64,
}

impl Behind {
    /// A queue of at most `max_bytes` bytes, of all conversations together. What a write takes beside its bytes
    /// counts too, about 200 bytes.
    pub fn new(storage: Arc<dyn Storage>, clock: Clock, max_bytes: usize) -> Self {
        let limits = storage.properties().limits;
        let lanes = Mutex::new(Lanes::new(clock.random()));
        let (turn, room) = (Semaphore::new(1), Notify::new());
        Self(Arc::new(Inner { storage, clock, limits, max_bytes, lanes, turn, room }))
    }

    /// Queues writes to logs of a conversation: one batch, which applies whole or not at all. Waits while the queue
    /// is full, in the order of the calls; a batch larger than the bound waits until the queue is empty.
    ///
    /// While a batch is queued that moves a log (sets its base, appends, deletes), a write to that log has to build
    /// on it, or on a later one that writes the log, with [`Queued::after`]; or to expect nothing.
    ///
    /// # Errors
    /// The error with which queued batches of this conversation failed, if it was not told yet: that is the end of
    /// it, and the next call is taken. The same error for a write that builds on one of those, each time. `Conflict`
    /// for a write that does not build on what is queued for its log, or builds on what is not there any more.
    /// `Invalid` for a write to anything but a log of this conversation, over a limit of the storage, or that builds
    /// on a batch which does not write its log or is queued elsewhere. Nothing is queued then.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    ///
    /// # Cancel safety
    /// Dropped before it returned, it queued nothing. Once it returned, the batch goes on, whatever becomes of the
    /// [`Pending`].
    pub async fn push(&self, conversation: &Conversation, writes: Vec<Queued>) -> Result<Pending> {
        let inner = &*self.0;
        let runtime = Handle::current();
        let id = CommitId(inner.clock.random());
        let mut fresh = Some(Fresh::new(id, conversation, writes, &inner.limits)?);
        let _turn = inner.turn.acquire().await.expect("never closed");
        loop {
            if let Some((pending, is_new)) = inner.queue(conversation, &mut fresh)? {
                if is_new {
                    runtime.spawn(Writer::new(self.0.clone(), conversation.clone()).run());
                }
                return Ok(pending);
            }
            inner.room.notified().await;
        }
    }

    /// Waits until all that was queued before for this conversation is committed.
    ///
    /// # Errors
    /// The error with which queued batches of it failed, if it was not told yet or they failed during this call.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn flush(&self, conversation: &Conversation) -> Result<()> {
        let last = {
            let mut lanes = self.0.lanes.lock();
            if let Some(failure) = lanes.tell(conversation) {
                return Err(failure.into());
            }
            lanes.last(conversation)
        };
        let Some(last) = last else { return Ok(()) };
        match last.settled().await {
            Outcome::Failed(failure) => {
                self.0.lanes.lock().told(conversation, &failure);
                Err(failure.into())
            }
            Outcome::Queued | Outcome::Committed => Ok(()),
        }
    }

    /// Waits until all that was queued before is committed or has failed, for every conversation.
    ///
    /// # Errors
    /// One of the errors that [`flush`](Self::flush) would give for a conversation; all of them count as told, and
    /// the others are in the log.
    ///
    /// # Cancel safety
    /// May be dropped at any time; an error that was not given by then may count as told.
    pub async fn flush_all(&self) -> Result<()> {
        let mut conversations = self.0.lanes.lock().conversations();
        // In an order that a test can repeat.
        conversations.sort_unstable();
        let flushes = conversations.iter().map(|conversation| self.flush(conversation));
        futures_util::future::join_all(flushes).await.into_iter().collect()
    }

    /// Whether nothing of this conversation is queued or on its way.
    pub fn is_idle(&self, conversation: &Conversation) -> bool {
        self.0.lanes.lock().last(conversation).is_none()
    }

    /// What is queued, and what was done so far.
    pub fn stats(&self) -> BehindStats {
        self.0.lanes.lock().stats
    }
}

impl Inner {
    /// Queues a batch if there is room for it; tells whether the conversation needs a writer now.
    fn queue(
        &self,
        conversation: &Conversation,
        fresh: &mut Option<Fresh>,
    ) -> Result<Option<(Pending, bool)>> {
        let mut lanes = self.lanes.lock();
        let Some(next) = fresh.as_ref() else { return Ok(None) };
        lanes.check(conversation, &next.writes)?;
        let queued = lanes.stats.queued_bytes;
        if queued > 0 && queued + next.cost > self.max_bytes {
            return Ok(None);
        }
        Ok(fresh.take().map(|fresh| lanes.queue(conversation, fresh)))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let abandoned = self.lanes.get_mut().abandoned;
        if abandoned > 0 {
            tracing::warn!(
                batches = abandoned,
                "queued writes are lost, their runtime ended before they were committed"
            );
        }
    }
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind")
            .field("max_bytes", &self.max_bytes)
            .field("stats", &self.lanes.lock().stats)
            .finish_non_exhaustive()
    }
}
