//! A call in the outbox, as it is known in memory.

use crate::runner::format::{CallState, OutboxRecord};
use crate::runner::{Call, CallOptions, Delivery, Ticket};
use crate::storage::{CommitId, Offset, QueueEntry, Revision};
use crate::{Shard, Timestamp};

/// A call in the outbox.
#[derive(Debug)]
pub(in crate::runner) struct Pending {
    pub(super) shard: Shard,
    pub(super) offset: Offset,
    pub(super) born: CommitId,
    pub(super) revision: Revision,
    pub(super) call: Call,
    /// Not to be made from then on.
    pub(super) deadline: Timestamp,
    /// The update that asked for it passes the queue, and so may this.
    pub(super) passes: bool,
    /// It may have been made: by an earlier process that did not mark it, or by this one, whose answer was lost.
    pub(super) perhaps_made: bool,
    /// What a plain reply has not.
    pub(super) special: Option<Box<Special>>,
    /// What became of earlier tries in this process.
    pub(super) trouble: Option<Box<Trouble>>,
    /// Why it is not made any more, if `dead` had no room for it yet.
    pub(super) given_up: Option<Box<str>>,
}

/// What is known of a call that is no plain reply.
#[derive(Debug)]
pub(super) struct Special {
    /// As it is stored, but for the call, which is not held twice, and the deadline.
    made: Timestamp,
    pub(super) delivery: Delivery,
    pub(super) state: CallState,
    pub(super) join: Option<String>,
    pub(super) refers: Option<Ticket>,
    /// What its sender keeps of the steps so far, if it is made in steps.
    pub(super) steps: Option<String>,
    /// `state` was written by this process, for a try that goes on.
    pub(super) mine: bool,
}

/// What became of tries of a call.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Tries that failed.
    pub(super) failed: u16,
    /// Why the last one did.
    pub(super) error: String,
}

impl Pending {
    /// The call at `offset` as the commit `born` appended it.
    pub(in crate::runner) fn new(shard: Shard, offset: Offset, born: CommitId, record: OutboxRecord) -> Self {
        let plain = record.is_plain();
        let OutboxRecord { made, deadline, delivery, state, join, refers, steps, call } = record;
        let special =
            (!plain).then(|| Box::new(Special { made, delivery, state, join, refers, steps, mine: false }));
        let (perhaps_made, trouble, given_up) = (false, None, None);
        let passes = false;
        let revision = Revision(born);
        Self {
            shard,
            offset,
            born,
            revision,
            call,
            deadline,
            passes,
            perhaps_made,
            special,
            trouble,
            given_up,
        }
    }

    /// The same of an update that passes the queue, or of one that does not.
    pub(in crate::runner) fn passing(self, passes: bool) -> Self {
        Self { passes, ..self }
    }

    /// An entry of the outbox; one that cannot be read is left alone.
    pub(super) fn read(shard: Shard, entry: &QueueEntry) -> Option<Self> {
        match OutboxRecord::decode(&entry.bytes) {
            Ok(record) => {
                let pending = Self::new(shard, entry.offset, entry.born, record);
                Some(Self { revision: entry.revision, ..pending })
            }
            Err(error) => {
                tracing::error!(%shard, offset = %entry.offset, %error, "an outbox entry cannot be read, left alone");
                None
            }
        }
    }

    /// A call that an earlier process left. One that is made at least once it may have made without marking it.
    pub(super) fn left(mut self) -> Self {
        self.perhaps_made = !self.at_most_once();
        self
    }

    /// The record of this call; `None` if it is a plain one, which does not change.
    pub(super) fn record(&self) -> Option<OutboxRecord> {
        let Special { made, delivery, state, join, refers, steps, .. } = &**self.special.as_ref()?;
        Some(OutboxRecord {
            made: *made,
            deadline: self.deadline,
            delivery: *delivery,
            state: *state,
            join: join.clone(),
            refers: refers.clone(),
            steps: steps.clone(),
            call: self.call.clone(),
        })
    }

    /// How it was asked for.
    pub(super) fn options(&self) -> CallOptions {
        let Some(Special { made, delivery, join, refers, steps, .. }) = self.special.as_deref() else {
            return CallOptions::default();
        };
        let within = self.deadline.since(*made);
        CallOptions {
            delivery: *delivery,
            within: (within != CallOptions::WITHIN).then_some(within),
            join: join.clone(),
            refers: refers.clone(),
            steps: steps.is_some(),
        }
    }

    /// What its sender keeps of the steps so far, if it is made in steps.
    pub(super) fn steps(&self) -> Option<&str> {
        self.special.as_ref()?.steps.as_deref()
    }

    pub(super) fn at_most_once(&self) -> bool {
        self.special.as_ref().is_some_and(|special| special.delivery == Delivery::AtMostOnce)
    }

    pub(super) fn join(&self) -> Option<&str> {
        self.special.as_ref()?.join.as_deref()
    }

    /// The call that this one is about, if what that gave is yet to be looked up.
    pub(super) fn unresolved(&self) -> Option<&Ticket> {
        self.special.as_ref()?.refers.as_ref().filter(|_| self.call.refers.is_none())
    }

    /// One more try has failed; gives how many have.
    pub(super) fn failed(&mut self, error: String) -> u16 {
        let trouble = self.trouble.get_or_insert_default();
        trouble.failed = trouble.failed.saturating_add(1);
        trouble.error = error;
        trouble.failed
    }

    /// The bytes that count against the bound.
    pub(super) fn bytes(&self) -> usize {
        self.call.body.len()
    }
}
