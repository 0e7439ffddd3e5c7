//! Which calls are known, in order per conversation, and which of them may be made next. This file knows no clock, no
//! task and no storage.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use slab::Slab;

use super::pending::Pending;
use super::platform::Platform;
use super::room::Room;
use crate::storage::Offset;
use crate::{Conversation, Timestamp};

/// The calls that are known and neither made nor given up.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Slab<Lane>,
    names: Names,
    /// Of calls that pass one which is made in steps, since their updates pass the queue.
    passing: Names,
    platforms: Vec<Platform>,
    /// Which platform is asked first for the next call.
    next: usize,
    pub(super) room: Room,
}

type Names = HashMap<Conversation, usize, RandomState>;

/// The calls of a conversation, oldest first.
#[derive(Debug)]
struct Lane {
    platform: usize,
    state: State,
    /// It is beside the conversation's other lane.
    passing: bool,
    /// The call that is under way is made in steps.
    steps: bool,
    /// The oldest; `None` while it is under way.
    first: Option<Pending>,
    more: VecDeque<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first call may be made, if the platform is open.
    Ready,
    UnderWay,
    /// The first call waits until it is resumed: its platform takes so many in a while.
    Paced,
    /// The first call waits until it is resumed: it has failed.
    Failed,
    /// The first call is made in steps, and waits until it is resumed: there is nothing to do for it.
    Resting,
}

/// Why a call that was taken was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// It may be made as soon as its platform is open.
    Ready,
    /// It has made a step, and the next may be made when the others that may be made had their turn.
    Stepped,
    /// It waits until its lane is resumed, since its platform takes so many in a while.
    Paced,
    /// It waits until its lane is resumed, since it has failed.
    Failed,
    /// It waits until its lane is resumed, since there is nothing to do for it.
    Resting,
}

/// A call to make now.
#[derive(Debug)]
pub(in crate::runner) struct Taken {
    pub(super) lane: usize,
    pub(super) platform: usize,
    pub(super) pending: Pending,
}

impl Lane {
    fn len(&self) -> usize {
        1 + self.more.len()
    }

    /// Whether the oldest call is made in steps, which may take as long as a handler runs.
    fn makes_steps(&self) -> bool {
        self.first.as_ref().map_or(self.steps, |first| first.steps().is_some())
    }
}

impl Lanes {
    pub(super) fn new(platforms: usize, room: Room) -> Self {
        Self {
            lanes: Slab::new(),
            names: Names::default(),
            passing: Names::default(),
            platforms: (0..platforms).map(|_| Platform::default()).collect(),
            next: 0,
            room,
        }
    }

    pub(super) fn lane(&self, conversation: &Conversation) -> Option<usize> {
        self.names.get(conversation).copied()
    }

    pub(super) fn platform(&mut self, platform: usize) -> &mut Platform {
        &mut self.platforms[platform]
    }

    /// How many lanes could make a call now.
    pub(super) fn ready(&self) -> usize {
        self.platforms.iter().map(Platform::ready).sum()
    }

    /// Nothing is under way, and all that waits has failed or is behind what has.
    pub(super) fn is_settled(&self) -> bool {
        self.platforms.iter().all(Platform::is_settled)
    }

    /// Adds a call. Gives the one that it makes needless, if that waits.
    pub(super) fn add(&mut self, platform: usize, pending: Pending) -> Option<Pending> {
        let bytes = pending.bytes();
        let lane = self.lane(&pending.call.conversation).map(|at| &self.lanes[at]);
        // Those that have passed it are not overtaken when it is over.
        let passes =
            self.passing.contains_key(&pending.call.conversation) || lane.is_some_and(Lane::makes_steps);
        let passing = pending.passes && passes;
        let names = if passing { &mut self.passing } else { &mut self.names };
        let Some(&at) = names.get(&pending.call.conversation) else {
            let conversation = pending.call.conversation.clone();
            let (state, steps, more) = (State::Ready, false, VecDeque::new());
            let lane = Lane { platform, state, passing, steps, first: Some(pending), more };
            let at = self.lanes.insert(lane);
            names.insert(conversation, at);
            self.room.add(at, 1, bytes);
            let platform = &mut self.platforms[platform];
            platform.ready.push_back(at);
            platform.busy += 1;
            return None;
        };
        let lane = &mut self.lanes[at];
        // Mostly the last place. A turn that looked for its calls may come after a later one; the first call may have
        // been tried.
        let place = lane.more.partition_point(|other| other.offset < pending.offset);
        lane.more.insert(place, pending);
        self.room.add(at, lane.len(), bytes);
        let joined = self.join(at, place);
        if let Some(joined) = &joined {
            self.room.remove(at, self.lanes[at].len(), joined.bytes());
        }
        joined
    }

    /// Takes out the older call that the one at `place` of the others makes needless, or this one if a newer one
    /// does.
    fn join(&mut self, at: usize, place: usize) -> Option<Pending> {
        let lane = &mut self.lanes[at];
        let key = lane.more[place].join()?;
        let same = |other: &Pending| other.join() == Some(key);
        if lane.more.iter().skip(place + 1).any(same) {
            return lane.more.remove(place);
        }
        if lane.first.as_ref().is_some_and(same) {
            let next = lane.more.pop_front();
            return std::mem::replace(&mut lane.first, next);
        }
        let older = lane.more.iter().take(place).position(same)?;
        lane.more.remove(older)
    }

    /// The next call to make, of each platform in turn.
    pub(super) fn take(&mut self) -> Option<Taken> {
        let count = self.platforms.len();
        for _ in 0..count {
            let platform = self.next;
            self.next = if platform + 1 == count { 0 } else { platform + 1 };
            if let Some(lane) = self.platforms[platform].take()
                && let Some(pending) = self.lanes[lane].first.take()
            {
                self.lanes[lane].state = State::UnderWay;
                self.lanes[lane].steps = pending.steps().is_some();
                self.platforms[platform].under_way += 1;
                return Some(Taken { lane, platform, pending });
            }
        }
        None
    }

    /// A call that was taken is over, and the next one of its conversation may be made. Tells whether there is room
    /// for more again.
    pub(super) fn done(&mut self, at: usize, pending: &Pending) -> bool {
        let lane = &mut self.lanes[at];
        let platform = &mut self.platforms[lane.platform];
        platform.under_way -= 1;
        lane.first = lane.more.pop_front();
        let length = if lane.first.is_some() {
            lane.state = State::Ready;
            platform.ready.push_back(at);
            lane.len()
        } else {
            platform.busy -= 1;
            let names = if lane.passing { &mut self.passing } else { &mut self.names };
            names.remove(&pending.call.conversation);
            self.lanes.remove(at);
            0
        };
        self.room.remove(at, length, pending.bytes())
    }

    /// A call that was taken was not made. Gives it back if a newer one makes it needless, which then waits in its
    /// place.
    pub(super) fn give_back(&mut self, taken: Taken, why: Back) -> Option<Pending> {
        let Taken { lane: at, platform, pending } = taken;
        let lane = &mut self.lanes[at];
        let platform = &mut self.platforms[platform];
        platform.under_way -= 1;
        lane.state = match why {
            Back::Ready => {
                platform.ready.push_front(at);
                State::Ready
            }
            Back::Stepped => {
                platform.ready.push_back(at);
                State::Ready
            }
            Back::Paced => State::Paced,
            Back::Failed | Back::Resting => {
                platform.busy -= 1;
                if why == Back::Failed { State::Failed } else { State::Resting }
            }
        };
        let newer = pending.join().is_some_and(|key| lane.more.iter().any(|other| other.join() == Some(key)));
        if !newer {
            lane.first = Some(pending);
            return None;
        }
        lane.first = lane.more.pop_front();
        let length = lane.len();
        self.room.remove(at, length, pending.bytes());
        Some(pending)
    }

    /// The first call of a lane that was held up may be tried again.
    pub(super) fn resume(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        let platform = &mut self.platforms[lane.platform];
        if matches!(lane.state, State::Failed | State::Resting) {
            platform.busy += 1;
        }
        lane.state = State::Ready;
        platform.ready.push_back(at);
    }

    /// A call that rests has something to do; nothing if it has been seen to by now.
    pub(super) fn resume_resting(&mut self, at: usize, offset: Offset) {
        let is_it = |lane: &Lane| {
            lane.state == State::Resting && lane.first.as_ref().is_some_and(|first| first.offset == offset)
        };
        if self.lanes.get(at).is_some_and(is_it) {
            self.resume(at);
        }
    }

    /// Has every call that rests looked at once more.
    pub(super) fn stir(&mut self) {
        let resting = self.lanes.iter().filter(|(_, lane)| lane.state == State::Resting);
        for at in resting.map(|(at, _)| at).collect::<Vec<_>>() {
            self.resume(at);
        }
    }

    /// All have to wait, if a lane that was told to come back later was the last of several. Gives until when.
    pub(super) fn refused(&mut self, taken: &Taken, until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.platforms[taken.platform].refused(taken.lane, until, now)
    }
}
