//! The updates that wait: given to whoever asks until they are confirmed or too old.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tertulia::Timestamp;

/// The highest id there is; ids go up to it and begin anew.
const MAX_ID: i32 = 2_000_000_000;
/// An offset this far beyond the last id is as none, since it cannot have come from here.
const FUTURE: i32 = 10;

/// An update that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// What follows its id in JSON.
    pub(super) rest: Box<str>,
    pub(super) lane: Option<i64>,
    pub(super) expires: Timestamp,
}

/// The updates of a bot, by id.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: BTreeMap<i32, Waiting>,
    /// Confirmed ones that are given once more all the same.
    again: VecDeque<(i32, Waiting)>,
    /// The id that the next update gets.
    next: i32,
    last_push: Option<Timestamp>,
    /// No earlier than the first time that something is too old, so that not every look goes through all.
    expiry: Timestamp,
    most: usize,
    idle: Duration,
}

impl Queue {
    pub(super) fn new(first: i32, most: usize, idle: Duration) -> Self {
        let (waiting, again) = Default::default();
        Self { waiting, again, next: first, last_push: None, expiry: Timestamp(u64::MAX), most, idle }
    }

    /// The id for an update that is pushed now; `None` if there are too many.
    pub(super) fn next_id(&mut self, now: Timestamp, random: &mut fastrand::Rng) -> Option<i32> {
        if self.waiting.len() >= self.most {
            return None;
        }
        let idle = self.last_push.is_some_and(|last| now.since(last) >= self.idle);
        if (idle && self.waiting.is_empty()) || self.next > MAX_ID {
            self.next = random.i32(FUTURE..=MAX_ID / 2);
        }
        self.last_push = Some(now);
        let id = self.next;
        self.next += 1;
        Some(id)
    }

    pub(super) fn insert(&mut self, id: i32, update: Waiting) {
        self.expiry = self.expiry.min(update.expires);
        self.waiting.insert(id, update);
    }

    /// What an offset means: ids below the result are confirmed by it. Beyond the end it is as none.
    pub(super) fn resolve(&self, offset: i32) -> i32 {
        let head = self.head();
        match offset {
            ..0 => {
                let kept = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
                let first = self.waiting.len().saturating_sub(kept);
                self.waiting.keys().nth(first).copied().unwrap_or(self.next)
            }
            0 => head,
            _ if offset > self.next.saturating_add(FUTURE) => head,
            _ => offset,
        }
    }

    /// Takes out what is confirmed by an offset that was resolved.
    pub(super) fn confirm(&mut self, below: i32) -> BTreeMap<i32, Waiting> {
        let rest = self.waiting.split_off(&below);
        std::mem::replace(&mut self.waiting, rest)
    }

    pub(super) fn remove(&mut self, id: i32) -> Option<Waiting> {
        self.waiting.remove(&id)
    }

    pub(super) fn get(&self, id: i32) -> Option<&Waiting> {
        self.waiting.get(&id)
    }

    /// The updates at and behind an id.
    pub(super) fn from(&self, id: i32) -> impl Iterator<Item = (i32, &Waiting)> {
        self.waiting.range(id..).map(|(id, update)| (*id, update))
    }

    /// Takes out what is too old.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<i32> {
        if now <= self.expiry {
            return Vec::new();
        }
        let old = self.waiting.iter().filter(|(_, update)| update.expires < now).map(|(id, _)| *id);
        let old: Vec<i32> = old.collect();
        for id in &old {
            self.waiting.remove(id);
        }
        let next = self.waiting.values().map(|update| update.expires).min();
        self.expiry = next.unwrap_or(Timestamp(u64::MAX));
        old
    }

    /// Gives an update once more, with the next answer.
    pub(super) fn repeat(&mut self, id: i32, update: Waiting) {
        self.again.push_back((id, update));
    }

    /// Takes up to `limit` of those that are given once more.
    pub(super) fn repeated(&mut self, limit: usize) -> Vec<(i32, Waiting)> {
        let count = limit.min(self.again.len());
        self.again.drain(..count).collect()
    }

    /// Whether an answer would hold something.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The id of the first update that waits, else of the next one.
    fn head(&self) -> i32 {
        self.waiting.keys().next().copied().unwrap_or(self.next)
    }
}
