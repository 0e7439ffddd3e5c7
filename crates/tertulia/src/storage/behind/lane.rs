//! What is queued: a lane for each conversation that has something queued or a failure to tell.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::super::{Batch, CommitId, Expect, Limits, Write};
use super::BehindStats;
use super::join::Group;
use super::pending::{Failure, Left, Outcome, Pending, Place, Queued, Settled};
use crate::error::Kind;
use crate::{Conversation, Error, Key, Result};

/// A batch that waits for its commit.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) pending: Pending,
    pub(super) writes: Vec<Queued>,
    /// What it counts in the queue: its bytes, and its own size.
    pub(super) cost: usize,
}

/// A batch that may be queued once there is room.
#[derive(Debug)]
pub(super) struct Fresh {
    id: CommitId,
    pub(super) writes: Vec<Queued>,
    pub(super) cost: usize,
}

/// The shared state. Pushes add to lanes, each lane's writer takes from its own.
#[derive(Debug)]
pub(super) struct Lanes {
    /// A lane without a failure has a writer, which removes it when nothing is queued; a lane with one has nothing
    /// queued and no writer, and goes when the failure is told.
    lanes: HashMap<Conversation, Lane, RandomState>,
    /// Tells this queue's batches from another's.
    queue: u64,
    /// The number of the last batch; numbers begin at 1.
    last: u64,
    pub(super) stats: BehindStats,
    /// How many batches were given up because their writer was dropped.
    pub(super) abandoned: usize,
}

#[derive(Debug, Default)]
struct Lane {
    /// What the writer has not taken yet.
    waiting: Vec<Waiting>,
    /// The newest queued batch, on its way or not.
    last: Option<Pending>,
    /// Of each log the number of the newest queued batch that moves it.
    moved: HashMap<Key, u64, RandomState>,
    failure: Option<Failure>,
}

impl Fresh {
    /// # Errors
    /// `Invalid` if a write is not to a log of the conversation, or a limit is exceeded.
    pub(super) fn new(
        id: CommitId,
        conversation: &Conversation,
        writes: Vec<Queued>,
        limits: &Limits,
    ) -> Result<Self> {
        let elsewhere = |key: &&Key| !matches!(key, Key::Log(of, _) if of == conversation);
        if let Some(key) = writes.iter().map(|queued| &queued.write.key).find(elsewhere) {
            return Err(Error::invalid(format!(
                "{key} is not a log of {conversation}, for which it was queued"
            )));
        }
        Batch::new(id, writes.iter().map(|queued| Write::Log(queued.write.clone())).collect())
            .check(limits)?;
        let cost = |queued: &Queued| queued.write.bytes() + size_of::<Queued>();
        let cost = size_of::<Waiting>() + writes.iter().map(cost).sum::<usize>();
        Ok(Self { id, writes, cost })
    }
}

impl Lanes {
    pub(super) fn new(queue: u64) -> Self {
        Self { lanes: HashMap::default(), queue, last: 0, stats: BehindStats::default(), abandoned: 0 }
    }

    /// Tells a failure that was not told yet, and refuses what does not build on what is queued.
    pub(super) fn check(&mut self, conversation: &Conversation, writes: &[Queued]) -> Result<()> {
        if let Some(failure) = self.tell(conversation) {
            return Err(failure.into());
        }
        let lane = self.lanes.get(conversation);
        for queued in writes {
            let moved = lane.and_then(|lane| lane.moved.get(&queued.write.key));
            self.check_write(queued, moved.copied())?;
        }
        Ok(())
    }

    fn check_write(&self, Queued { write, after }: &Queued, moved: Option<u64>) -> Result<()> {
        let key = &write.key;
        if let Some(after) = after {
            if !after.keys().contains(key) {
                return Err(Error::invalid(format!(
                    "{key}: the batch that the write builds on does not write it"
                )));
            }
            match after.outcome() {
                Outcome::Failed(failure) => return Err(failure.into()),
                Outcome::Committed => drop(after.expectation(write)?),
                Outcome::Queued if after.place().queue != self.queue => {
                    let text = format!("{key}: the batch that the write builds on is queued elsewhere");
                    return Err(Error::invalid(text));
                }
                Outcome::Queued => {}
            }
        }
        let builds = |moved| {
            let after = after.as_ref().map(Pending::place);
            after.is_some_and(|after| after.queue == self.queue && after.number >= moved)
        };
        if write.expect == Expect::Any || moved.is_none_or(builds) {
            return Ok(());
        }
        let text = format!("{key}: something is queued for it that this write does not build on");
        Err(Error::new(Kind::Conflict, text))
    }

    /// Queues a batch that was checked. Tells whether the lane is new and wants a writer.
    pub(super) fn queue(&mut self, conversation: &Conversation, fresh: Fresh) -> (Pending, bool) {
        let Fresh { id, writes, cost } = fresh;
        self.last += 1;
        let place = Place { queue: self.queue, number: self.last };
        let keys: SmallVec<[Key; 1]> = writes.iter().map(|queued| queued.write.key.clone()).collect();
        let pending = Pending::new(id, place, keys);
        self.stats.queued += 1;
        self.stats.queued_bytes += cost;
        let is_new = !self.lanes.contains_key(conversation);
        if is_new {
            self.lanes.insert(conversation.clone(), Lane::default());
        }
        let lane = self.lanes.get_mut(conversation).expect("there is one now");
        for Queued { write, .. } in writes.iter().filter(|queued| queued.write.moves() || queued.write.delete)
        {
            lane.moved.insert(write.key.clone(), place.number);
        }
        lane.last = Some(pending.clone());
        lane.waiting.push(Waiting { pending: pending.clone(), writes, cost });
        (pending, is_new)
    }

    /// Adds to `taken` what waits for the lane's writer. If there is nothing to do then, the lane is removed.
    pub(super) fn take(&mut self, conversation: &Conversation, taken: &mut VecDeque<Waiting>) {
        let Some(lane) = self.lanes.get_mut(conversation) else { return };
        taken.extend(lane.waiting.drain(..));
        if taken.is_empty() {
            self.lanes.remove(conversation);
        }
    }

    /// A group was committed.
    pub(super) fn committed(&mut self, conversation: &Conversation, group: &Group, left: &Arc<[Left]>) {
        self.leave(group.members.len(), group.cost);
        self.stats.commits += 1;
        self.stats.joined += group.members.len() as u64 - 1;
        if let Some(lane) = self.lanes.get_mut(conversation) {
            for write in group.writes() {
                if lane.moved.get(&write.key).is_some_and(|moved| *moved <= group.last()) {
                    lane.moved.remove(&write.key);
                }
            }
        }
        for member in &group.members {
            member.settle(Settled::Committed(left.clone()));
        }
    }

    /// Gives up a group and what was taken and waits behind it; gives the failure and the batches.
    pub(super) fn fail(
        &mut self,
        conversation: &Conversation,
        group: Option<Group>,
        taken: &mut VecDeque<Waiting>,
        error: &Error,
    ) -> (Failure, Vec<Pending>) {
        self.take(conversation, taken);
        let mut dropped = Vec::with_capacity(taken.len());
        let mut cost = 0;
        let key = group.as_ref().and_then(|group| group.writes().next()).map(|write| write.key.to_string());
        if let Some(group) = group {
            cost += group.cost;
            dropped.extend(group.members);
        }
        for waiting in taken.drain(..) {
            cost += waiting.cost;
            dropped.push(waiting.pending);
        }
        let count = dropped.len();
        // Most errors name the key already.
        let mut text = error.to_string();
        if let Some(key) = key.filter(|key| !text.contains(key.as_str())) {
            text = format!("{key}: {text}");
        }
        let text = format!("{text}; queued batches of {conversation} that were dropped: {count}");
        let failure = Failure::new(error.kind(), text);
        self.leave(count, cost);
        self.stats.dropped += count as u64;
        for pending in &dropped {
            pending.settle(Settled::Failed(failure.clone()));
        }
        let lane = Lane { failure: Some(failure.clone()), ..Lane::default() };
        self.lanes.insert(conversation.clone(), lane);
        (failure, dropped)
    }

    fn leave(&mut self, count: usize, cost: usize) {
        self.stats.queued -= count;
        self.stats.queued_bytes -= cost;
    }

    /// The failure that was not told yet; from here on it is.
    pub(super) fn tell(&mut self, conversation: &Conversation) -> Option<Failure> {
        let failure = self.lanes.get(conversation)?.failure.clone()?;
        self.lanes.remove(conversation);
        Some(failure)
    }

    /// The same, if it is this failure.
    pub(super) fn told(&mut self, conversation: &Conversation, failure: &Failure) {
        let kept = self.lanes.get(conversation).and_then(|lane| lane.failure.as_ref());
        if kept.is_some_and(|kept| kept.is(failure)) {
            self.lanes.remove(conversation);
        }
    }

    /// The newest batch of a conversation that is queued or on its way.
    pub(super) fn last(&self, conversation: &Conversation) -> Option<Pending> {
        let last = self.lanes.get(conversation)?.last.clone();
        last.filter(|last| matches!(last.outcome(), Outcome::Queued))
    }

    /// Every conversation that has a lane.
    pub(super) fn conversations(&self) -> Vec<Conversation> {
        self.lanes.keys().cloned().collect()
    }
}
