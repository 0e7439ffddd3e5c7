//! When a turn has to wait for calls to be made: its conversation has too many, all of them are too many, or the
//! outbox of its shard is not wholly known.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::Shard;
use crate::runner::sequence::Place;

/// Over so many waiting calls a conversation starts no update.
pub(super) const CROWD: usize = 256;

/// How many calls are known, and who waits until there are fewer.
#[derive(Debug)]
pub(super) struct Room {
    /// The bounds.
    most: Load,
    known: Load,
    /// A bound was reached; until an eighth is free again.
    full: bool,
    /// Lanes with more calls than they may have.
    crowded: HashSet<usize, RandomState>,
    /// Shards whose outbox was not read to its end.
    unread: HashSet<Shard, RandomState>,
    /// The updates that wait, by what they wait for.
    waiting: HashMap<Reason, Vec<Place>, RandomState>,
    /// Those that need not wait any more, for whoever holds the lock.
    woken: Vec<Place>,
}

/// A number of calls, and the bytes of their bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::runner) struct Load {
    pub(in crate::runner) calls: usize,
    pub(in crate::runner) bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reason {
    Full,
    Crowded(usize),
    Unread(Shard),
}

impl Room {
    pub(super) fn new(most: Load) -> Self {
        Self {
            most,
            known: Load::default(),
            full: false,
            crowded: HashSet::default(),
            unread: HashSet::default(),
            waiting: HashMap::default(),
            woken: Vec::new(),
        }
    }

    pub(super) fn known(&self) -> Load {
        self.known
    }

    /// How much more can be known; nothing while it is full.
    pub(super) fn free(&self) -> Load {
        if self.full {
            return Load::default();
        }
        let Load { calls, bytes } = self.known;
        Load { calls: self.most.calls.saturating_sub(calls), bytes: self.most.bytes.saturating_sub(bytes) }
    }

    /// A lane got a call, of which it has `length` now.
    pub(super) fn add(&mut self, lane: usize, length: usize, bytes: usize) {
        self.known.calls += 1;
        self.known.bytes += bytes;
        self.full |= self.known.calls >= self.most.calls || self.known.bytes >= self.most.bytes;
        if length == CROWD + 1 {
            self.crowded.insert(lane);
        }
    }

    /// A lane lost a call, and has `length` now. Tells whether there is room again.
    pub(super) fn remove(&mut self, lane: usize, length: usize, bytes: usize) -> bool {
        self.known.calls -= 1;
        self.known.bytes -= bytes;
        if length == CROWD && self.crowded.remove(&lane) {
            self.wake(Reason::Crowded(lane));
        }
        let below = |known: usize, most: usize| known <= most - most / 8 && known < most;
        let room =
            self.full && below(self.known.calls, self.most.calls) && below(self.known.bytes, self.most.bytes);
        if room {
            self.full = false;
            self.wake(Reason::Full);
        }
        room
    }

    /// Whether some of a shard's calls are yet to be read.
    pub(super) fn is_unread(&self, shard: Shard) -> bool {
        self.unread.contains(&shard)
    }

    /// The outbox of a shard is about to be read.
    pub(super) fn unread(&mut self, shard: Shard) {
        self.unread.insert(shard);
    }

    /// The outbox of a shard was read to its end.
    pub(super) fn read(&mut self, shard: Shard) {
        self.unread.remove(&shard);
        self.wake(Reason::Unread(shard));
    }

    /// Whether nothing keeps any turn from being started.
    pub(super) fn is_open(&self) -> bool {
        !self.full && self.crowded.is_empty() && self.unread.is_empty()
    }

    /// What keeps a turn from being started; `lane` is that of its conversation.
    fn reason(&self, shard: Shard, lane: Option<usize>) -> Option<Reason> {
        if self.unread.contains(&shard) {
            Some(Reason::Unread(shard))
        } else if let Some(lane) = lane.filter(|lane| self.crowded.contains(lane)) {
            Some(Reason::Crowded(lane))
        } else {
            self.full.then_some(Reason::Full)
        }
    }

    /// Whether a turn may be started.
    pub(super) fn has_room(&self, shard: Shard, lane: Option<usize>) -> bool {
        self.reason(shard, lane).is_none()
    }

    /// Has an update woken when there is room; false if there is.
    pub(super) fn wait(&mut self, shard: Shard, lane: Option<usize>, place: Place) -> bool {
        match self.reason(shard, lane) {
            Some(reason) => {
                self.waiting.entry(reason).or_default().push(place);
                true
            }
            None => false,
        }
    }

    fn wake(&mut self, reason: Reason) {
        if let Some(places) = self.waiting.remove(&reason) {
            self.woken.extend(places);
        }
    }

    /// The updates that need not wait any more; they may have to wait for something else.
    pub(super) fn take_woken(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.woken)
    }
}
