//! The lanes of a webhook: in each, an update waits until the one before it was taken.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tertulia::Timestamp;

use super::retry::Retry;
use crate::bot_api::queue::Queue;

/// Updates without a lane get one from here on, which no chat or user has.
const ALONE: i64 = 1 << 60;

/// The updates that are loaded for delivery.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: HashMap<i64, Lane>,
    /// The lanes that nobody delivers now, by when their first update is due.
    ready: BTreeSet<(Timestamp, i64)>,
    /// Updates from this id on are not loaded yet.
    next: i32,
    /// How many lanes are loaded at most: twice the connections. What lies behind waits, whosever it is.
    most: usize,
    alone: i64,
}

#[derive(Debug, Default)]
struct Lane {
    ids: VecDeque<i32>,
    retry: Retry,
}

impl Lanes {
    pub(super) fn new(connections: usize) -> Self {
        let (lanes, ready) = Default::default();
        Self { lanes, ready, next: i32::MIN, most: 2 * connections, alone: ALONE }
    }

    /// Loads updates while there is room.
    fn load(&mut self, queue: &Queue, now: Timestamp) {
        for (id, update) in queue.from(self.next) {
            if self.lanes.len() >= self.most {
                return;
            }
            self.next = id + 1;
            let name = update.lane.unwrap_or_else(|| {
                self.alone += 1;
                self.alone
            });
            let lane = self.lanes.entry(name).or_default();
            if lane.ids.is_empty() {
                self.ready.insert((now, name));
            }
            lane.ids.push_back(id);
        }
    }

    /// The update to deliver now, with its lane, which is the caller's until it tells how it went; else when one is due.
    pub(super) fn take(&mut self, queue: &Queue, now: Timestamp) -> Result<(i64, i32), Option<Timestamp>> {
        self.load(queue, now);
        while let Some((due, name)) = self.ready.first().copied() {
            if due > now {
                return Err(Some(due));
            }
            self.ready.remove(&(due, name));
            match self.lanes.get(&name).and_then(|lane| lane.ids.front()) {
                // It may have become too old.
                Some(id) if queue.get(*id).is_none() => self.done(name, now),
                Some(id) => return Ok((name, *id)),
                None => {}
            }
        }
        Err(None)
    }

    /// The lane's first update is through; the next one is due now.
    pub(super) fn done(&mut self, name: i64, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&name) else { return };
        lane.ids.pop_front();
        lane.retry = Retry::default();
        if lane.ids.is_empty() {
            self.lanes.remove(&name);
        } else {
            self.ready.insert((now, name));
        }
    }

    /// How long the lane's first update would wait after this failure.
    pub(super) fn failed(
        &mut self,
        name: i64,
        retry_after: Duration,
        random: &mut fastrand::Rng,
    ) -> Duration {
        let lane = self.lanes.entry(name).or_default();
        lane.retry.failed(retry_after, random)
    }

    /// The lane's first update is due again then.
    pub(super) fn again(&mut self, name: i64, due: Timestamp) {
        self.ready.insert((due, name));
    }
}
