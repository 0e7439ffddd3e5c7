//! The outbox as tasks share it: the lanes under a lock, who makes calls, and who waits for what.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::lanes::{Back, Lanes, Taken};
use super::pending::Pending;
use super::room::{Load, Room};
use super::stats::Stats;
use crate::runner::Sender;
use crate::runner::sequence::Place;
use crate::storage::Offset;
use crate::{Conversation, Shard, Timestamp};

/// Calls that are known and not made, and who makes them.
#[derive(Debug)]
pub(in crate::runner) struct Outbox {
    /// By their place in `names`.
    senders: Vec<Arc<dyn Sender>>,
    /// By the source of the conversation.
    names: HashMap<String, usize>,
    /// How many conversations have a call under way at once.
    most: usize,
    /// Written by turns that end (new calls) and by the sender tasks, under one short lock.
    state: Mutex<State>,
    /// Whether no turn has to wait for room; written under the lock, read by turns that begin.
    open: AtomicBool,
    /// Woken when nothing is left but what has failed.
    settled: Notify,
    /// Woken when more of the outbox can be read.
    pub(super) more: Notify,
    pub(in crate::runner) stats: Stats,
}

#[derive(Debug)]
struct State {
    lanes: Lanes,
    /// Sender tasks.
    active: usize,
    /// Somebody waits for the outbox to be settled.
    draining: bool,
}

/// What somebody else can do after a change: sender tasks to start, counted as active already, and updates that need
/// not wait for room any more.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Follow {
    pub(super) start: usize,
    pub(super) woken: Vec<Place>,
}

impl Outbox {
    pub(in crate::runner) fn new(
        senders: HashMap<String, Arc<dyn Sender>>,
        most: usize,
        bounds: Load,
    ) -> Self {
        let (names, senders): (Vec<String>, Vec<_>) = senders.into_iter().unzip();
        let state = State { lanes: Lanes::new(senders.len(), Room::new(bounds)), active: 0, draining: false };
        Self {
            senders,
            names: names.into_iter().zip(0..).collect(),
            most: most.max(1),
            state: Mutex::new(state),
            open: AtomicBool::new(true),
            settled: Notify::new(),
            more: Notify::new(),
            stats: Stats::default(),
        }
    }

    /// How many calls are known and not made.
    pub(in crate::runner) fn len(&self) -> usize {
        self.state.lock().lanes.room.known().calls
    }

    /// How much more can be known.
    pub(super) fn free(&self) -> Load {
        self.state.lock().lanes.room.free()
    }

    pub(super) fn sender(&self, taken: &Taken) -> &dyn Sender {
        &*self.senders[taken.platform]
    }

    pub(super) fn sender_of(&self, conversation: &Conversation) -> Option<&dyn Sender> {
        self.names.get(&*conversation.source()).map(|platform| &*self.senders[*platform])
    }

    /// Whether no call is under way and none can be made before a wait after a failure is over.
    pub(in crate::runner) fn is_settled(&self) -> bool {
        self.state.lock().lanes.is_settled()
    }

    /// Waits until that is so.
    pub(in crate::runner) async fn settled(&self) {
        loop {
            let woken = self.settled.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            {
                let mut state = self.state.lock();
                if state.lanes.is_settled() {
                    return;
                }
                state.draining = true;
            }
            woken.await;
        }
    }

    /// Adds calls, and gives those that they make needless. Calls for which there is no adapter are left in the
    /// outbox, for a process that has it.
    pub(super) fn add(&self, calls: impl Iterator<Item = Pending>) -> (Vec<Pending>, Follow) {
        let mut needless = Vec::new();
        let mut state = self.state.lock();
        for pending in calls {
            let Some(platform) = self.names.get(&*pending.call.conversation.source()) else {
                let conversation = &pending.call.conversation;
                tracing::warn!(%conversation, "no adapter makes this call, it is left in the outbox");
                continue;
            };
            needless.extend(state.lanes.add(*platform, pending));
        }
        (needless, self.follow(&mut state))
    }

    /// A call to make; a task that gets none ends.
    pub(super) fn take(&self) -> Option<Taken> {
        self.next(&mut self.state.lock())
    }

    /// A call is over; gives the next one to make, under one lock. `made` tells whether the platform took it.
    pub(super) fn done(
        &self,
        lane: usize,
        platform: usize,
        pending: &Pending,
        made: bool,
    ) -> (Option<Taken>, Follow) {
        let mut state = self.state.lock();
        if made {
            state.lanes.platform(platform).made();
        }
        if state.lanes.done(lane, pending) {
            self.more.notify_one();
        }
        let next = self.next(&mut state);
        (next, self.follow(&mut state))
    }

    /// A call was not made and waits; gives it back if a newer one makes it needless, and the next one to make.
    pub(super) fn give_back(&self, taken: Taken, why: Back) -> (Option<Pending>, Option<Taken>, Follow) {
        let mut state = self.state.lock();
        let needless = state.lanes.give_back(taken, why);
        let next = self.next(&mut state);
        (needless, next, self.follow(&mut state))
    }

    /// The first call of a lane may be tried again.
    pub(super) fn resume(&self, lane: usize) -> Follow {
        let mut state = self.state.lock();
        state.lanes.resume(lane);
        self.follow(&mut state)
    }

    /// A call that rests has something to do; nothing if it has been seen to by now.
    pub(super) fn resume_resting(&self, lane: usize, offset: Offset) -> Follow {
        let mut state = self.state.lock();
        state.lanes.resume_resting(lane, offset);
        self.follow(&mut state)
    }

    /// Has every call that rests looked at once more.
    pub(super) fn stir(&self) -> Follow {
        let mut state = self.state.lock();
        state.lanes.stir();
        self.follow(&mut state)
    }

    /// A step of a call was made.
    pub(super) fn stepped(&self, platform: usize) {
        self.state.lock().lanes.platform(platform).made();
    }

    /// Makes no calls of a platform until then. Tells whether that is later than what held so far.
    pub(super) fn close(&self, platform: usize, until: Timestamp, refused: bool) -> bool {
        self.state.lock().lanes.platform(platform).close(until, refused)
    }

    /// The time until which a platform was closed has come.
    pub(super) fn open(&self, platform: usize, until: Timestamp) -> Follow {
        let mut state = self.state.lock();
        state.lanes.platform(platform).open(until);
        self.follow(&mut state)
    }

    /// A conversation was told to come back later; gives until when all of its platform have to wait, if they do.
    pub(super) fn refused(&self, taken: &Taken, until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.state.lock().lanes.refused(taken, until, now)
    }

    /// Whether some of a shard's calls are yet to be read.
    pub(in crate::runner) fn is_unread(&self, shard: Shard) -> bool {
        self.state.lock().lanes.room.is_unread(shard)
    }

    /// The outbox of a shard is about to be read.
    pub(super) fn unread(&self, shard: Shard) {
        let mut state = self.state.lock();
        state.lanes.room.unread(shard);
        self.tell_room(&state);
    }

    /// The outbox of a shard was read to its end.
    pub(super) fn read(&self, shard: Shard) -> Follow {
        let mut state = self.state.lock();
        state.lanes.room.read(shard);
        self.follow(&mut state)
    }

    /// Whether a turn of this conversation may be started: it could add calls.
    pub(in crate::runner) fn has_room(&self, conversation: &Conversation) -> bool {
        self.open.load(Ordering::Acquire) || !self.calls(conversation) || {
            let lanes = &self.state.lock().lanes;
            lanes.room.has_room(conversation.shard(), lanes.lane(conversation))
        }
    }

    /// Has an update woken when its turn may be started; false if it may.
    pub(in crate::runner) fn wait_for_room(&self, conversation: &Conversation, place: Place) -> bool {
        let lanes = &mut self.state.lock().lanes;
        let lane = lanes.lane(conversation);
        lanes.room.wait(conversation.shard(), lane, place)
    }

    /// Whether calls of this conversation are made at all.
    fn calls(&self, conversation: &Conversation) -> bool {
        self.names.contains_key(&*conversation.source())
    }

    fn next(&self, state: &mut MutexGuard<'_, State>) -> Option<Taken> {
        let next = state.lanes.take();
        if next.is_none() {
            state.active -= 1;
        }
        next
    }

    fn follow(&self, state: &mut MutexGuard<'_, State>) -> Follow {
        if state.draining && state.lanes.is_settled() {
            state.draining = false;
            self.settled.notify_waiters();
        }
        self.tell_room(state);
        let start = state.lanes.ready().min(self.most.saturating_sub(state.active));
        state.active += start;
        Follow { start, woken: state.lanes.room.take_woken() }
    }

    fn tell_room(&self, state: &MutexGuard<'_, State>) {
        let open = state.lanes.room.is_open();
        // Nearly always it is so already, and other processors read it.
        if open != self.open.load(Ordering::Relaxed) {
            self.open.store(open, Ordering::Release);
        }
    }
}
