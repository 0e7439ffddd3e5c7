//! What is written of a call: that it is about to be made, if it is made at most once, and that it was given up.

use std::sync::Arc;
use std::time::Duration;

use super::lanes::{Back, Taken};
use super::pending::Pending;
use super::stats::Stats;
use crate::error::Kind;
use crate::runner::Handler;
use crate::runner::core::Core;
use crate::runner::format::{CallState, DeadKind, DeadRecord, OutboxRecord};
use crate::runner::names::{DEAD, OUTBOX};
use crate::runner::riders::queue;
use crate::storage::{
    Append, Base, Batch, CommitId, From, Page, QueueEntry, QueuePage, Read, Removal, Revision, Which,
};
use crate::{Error, Key, Result};

/// How long a call that was given up waits for room in `dead` before it is put away again.
const FULL: Duration = Duration::from_secs(5);

/// Whether the state of a call was recorded.
pub(super) enum Recorded {
    Done,
    /// The call is gone, or somebody else makes it.
    Gone,
}

impl<H: Handler> Core<H> {
    /// Records that a call may have been made from now on. It must not be made before.
    pub(super) async fn record_sending(&self, pending: &mut Pending) -> Recorded {
        if pending.special.as_ref().is_some_and(|special| special.mine) {
            return Recorded::Done;
        }
        self.record_state(pending, CallState::Sending(self.clock.random())).await
    }

    /// Records that a call was certainly not made, so that it is made after a restart too.
    pub(super) async fn record_pending(&self, pending: &mut Pending) -> Recorded {
        self.record_state(pending, CallState::Pending).await
    }

    /// Records how far a call is.
    async fn record_state(&self, pending: &mut Pending, state: CallState) -> Recorded {
        self.record_change(pending, |record| record.state = state).await
    }

    /// Keeps what the sender is to be told at the next step of a call.
    pub(super) async fn record_step(&self, pending: &mut Pending, so_far: String) -> Recorded {
        self.record_change(pending, |record| record.steps = Some(so_far)).await
    }

    /// Replaces the entry of a call, for as long as it takes.
    async fn record_change(&self, pending: &mut Pending, change: impl FnOnce(&mut OutboxRecord)) -> Recorded {
        let Some(mut record) = pending.record() else { return Recorded::Done };
        let was = (record.state, record.steps.clone());
        change(&mut record);
        let bytes = record.encode();
        let (state, steps) = (record.state, record.steps);
        let mut wait = Duration::from_millis(20);
        loop {
            let mut writes = Vec::new();
            let replace = (pending.offset, pending.revision, bytes.clone());
            queue(&mut writes, pending.shard, &OUTBOX).replace.push(replace);
            let id = CommitId(self.clock.random());
            let recorded = match self.storage.commit(Batch::new(id, writes)).await {
                Ok(_) => Ok(Some((Revision(id), (state, steps.clone())))),
                Err(error) if error.kind() == Kind::Conflict => self.state_of(pending).await,
                Err(error) if error.kind() == Kind::Closed => {
                    self.give_up::<()>(error).await;
                    continue;
                }
                Err(error) => Err(error),
            };
            match recorded {
                Ok(Some((revision, found))) => {
                    pending.revision = revision;
                    if found == (state, steps.clone()) {
                        // Now or by an earlier try whose answer was lost: the number in it is nobody else's.
                        if let Some(special) = &mut pending.special {
                            special.mine = state != CallState::Pending;
                            (special.state, special.steps) = found;
                        }
                        return Recorded::Done;
                    }
                    // As it was, but for its revision: it is replaced at that.
                    if found != was && found.0 != CallState::Pending {
                        return Recorded::Gone;
                    }
                }
                Ok(None) => return Recorded::Gone,
                Err(error) => {
                    let conversation = &pending.call.conversation;
                    tracing::warn!(%conversation, %error, "the state of a call was not recorded, trying again");
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
            }
        }
    }

    /// What the entry of a call says now; `None` if it is gone.
    async fn state_of(&self, pending: &Pending) -> Result<Option<(Revision, (CallState, Option<String>))>> {
        let key = Key::Queue(pending.shard, OUTBOX);
        let Some(head) = self.read_queue(Read::head(key.clone())).await?.map(|page| page.head) else {
            return Ok(None);
        };
        // A storage that failed over has lost the end of the queue, and gives its offsets again.
        if pending.offset >= head.end {
            return Ok(None);
        }
        let from = From::At(head.incarnation, pending.offset);
        let page = self.read_queue(Read::new(key).from(from).base(Base::Never).limit(1, 1)).await?;
        let entry = page.into_iter().flat_map(|page| page.entries).next();
        let is_it = |entry: &QueueEntry| entry.offset == pending.offset && entry.born == pending.born;
        let Some(QueueEntry { revision, bytes, .. }) = entry.filter(is_it) else {
            return Ok(None);
        };
        let record = OutboxRecord::decode(&bytes)?;
        Ok(Some((revision, (record.state, record.steps))))
    }

    /// One page of a queue; `None` if there is no such queue.
    pub(super) async fn read_queue(&self, read: Read) -> Result<Option<QueuePage>> {
        Ok(self.read_one(read).await?.and_then(Page::into_queue))
    }

    /// One page; `None` if there is no such key.
    pub(super) async fn read_one(&self, read: Read) -> Result<Option<Page>> {
        let pages = self.storage.read(std::slice::from_ref(&read)).await?;
        pages.into_iter().next().ok_or_else(|| Error::internal("a read gave no page"))?
    }

    /// Gives up a call whose time has passed; gives the next one to make.
    pub(super) async fn bury_late(self: &Arc<Self>, taken: Taken) -> Option<Taken> {
        self.forget(&taken.pending);
        let mut error = "the call was not made before its deadline".to_owned();
        if taken.pending.perhaps_made {
            error.push_str(", as far as anybody knows");
        }
        if let Some(trouble) = &taken.pending.trouble {
            error = format!("{error}; the last of {} tries: {}", trouble.failed, trouble.error);
        }
        self.bury_call(taken, error).await
    }

    /// Gives up a call that is made at most once and may have been made; gives the next one to make.
    pub(super) async fn bury_unknown(self: &Arc<Self>, mut taken: Taken, error: String) -> Option<Taken> {
        self.forget(&taken.pending);
        Stats::count(&self.outbox.stats.unknown);
        let error = format!("the call may have been made, and is made at most once: {error}");
        taken.pending.failed(String::new());
        self.bury_call(taken, error).await
    }

    /// Moves a call to `dead`, in the batch that removes it; gives the next one to make. If there is no room, the call
    /// stays, holds its conversation up and no slot, and is put away later: it is not made again for that.
    pub(super) async fn bury_call(self: &Arc<Self>, mut taken: Taken, error: String) -> Option<Taken> {
        let pending = &taken.pending;
        let conversation = &pending.call.conversation;
        tracing::error!(%conversation, error, "a call is given up and goes to dead");
        let record = DeadRecord {
            conversation: conversation.clone(),
            died: self.clock.now(),
            attempts: pending.trouble.as_ref().map_or(0, |trouble| trouble.failed),
            what: DeadKind::Call(Some(pending.call.ticket.clone())),
            options: pending.options(),
            error: error.clone(),
            body: pending.call.body.clone(),
        };
        let append = Append { id: Some(pending.call.ticket.dead_id(pending.offset)), bytes: record.encode() };
        let writes = || {
            let mut writes = Vec::new();
            let gone = Removal { offset: pending.offset, which: Which::Born(pending.born) };
            queue(&mut writes, pending.shard, &OUTBOX).remove.push(gone);
            queue(&mut writes, pending.shard, &DEAD).append.push(append.clone());
            writes
        };
        if let Err(refused) = self.commit_for_sure(writes).await {
            tracing::error!(%conversation, error = %refused, "a call that was given up cannot be put away, trying again");
            taken.pending.given_up = Some(error.into());
            return self.put_off_call(taken, FULL, Back::Failed);
        }
        Stats::count(&self.outbox.stats.dead);
        self.next_call(&taken, false)
    }
}
