//! What the runner knows in memory of the updates that are in the inbox, and what may run now.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::sequence::{Place, Sequencer};
use super::{About, Keys};
use crate::storage::{CommitId, Offset, Revision};
use crate::{Shard, Timestamp};

/// An update in the inbox.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) about: About,
    /// The body was too much to keep: it is read again when the update runs.
    pub(super) body_left_behind: bool,
    /// When an earlier process put it off: not to be run before. Zero in one that this process puts off.
    pub(super) not_before: Timestamp,
    pub(super) shard: Shard,
    pub(super) incarnation: CommitId,
    pub(super) offset: Offset,
    pub(super) revision: Revision,
}

impl Arrived {
    /// A copy to be changed.
    pub(super) fn copy(&self) -> Self {
        Self {
            about: self.about.clone(),
            body_left_behind: self.body_left_behind,
            not_before: self.not_before,
            shard: self.shard,
            incarnation: self.incarnation,
            offset: self.offset,
            revision: self.revision,
        }
    }

    /// Forgets the body, which is read again, with the revision that it has then.
    pub(super) fn leave_body_behind(&mut self) {
        self.about.body = bytes::Bytes::new();
        self.body_left_behind = true;
    }

    /// The bytes that count against the bound.
    fn kept(&self) -> usize {
        self.about.body.len()
    }
}

/// The index: a sequencer, and who computes.
#[derive(Debug)]
pub(super) struct Index {
    /// Written by the inbox (arrivals) and the workers (the rest), under one short lock.
    state: Mutex<State>,
    bounds: Bounds,
    /// Woken when the index has room again.
    room: Notify,
    /// Woken when nothing runs and nothing can.
    quiet: Notify,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How many updates run at once.
    pub(super) running: usize,
    /// How many workers compute at once: the runtime's threads.
    pub(super) computing: usize,
    /// How many updates are known.
    pub(super) entries: usize,
    /// How many updates wait for nothing but a worker that computes before the sources wait.
    pub(super) ready: usize,
    /// How many bytes of bodies are kept.
    pub(super) bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    sequencer: Sequencer<Arc<Arrived>>,
    /// Updates taken and not finished or held.
    running: usize,
    /// Workers that are not waiting in a handler. At most `bounds.computing`, but for those that have just
    /// stopped waiting.
    computing: usize,
    bytes: usize,
    /// Nothing is taken any more.
    stopped: bool,
}

/// How many workers a caller must start: they are counted as computing already.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start(pub(super) usize);

impl Index {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { state: Mutex::default(), bounds, room: Notify::new(), quiet: Notify::new() }
    }

    /// Waits for room for `wanted` more, and while more is ready than the workers can soon take; gives how many
    /// fit, at least one. Fewer than wanted are given when so many are not to be had soon: what is known runs or
    /// waits, and nothing is ready.
    pub(super) async fn room(&self, wanted: usize) -> usize {
        loop {
            let woken = self.room.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            {
                let state = self.state.lock();
                let free = self.free(&state);
                let ready = state.sequencer.ready();
                let enough = free >= wanted.min(self.enough()) && !self.is_busy(&state);
                if enough || (free > 0 && ready == 0) {
                    return free.min(wanted);
                }
            }
            woken.await;
        }
    }

    /// Whether more is ready than the workers can take at once, though there are slots: they compute. (When the
    /// slots are taken by handlers that wait, what comes is kept all the same.)
    fn is_busy(&self, state: &State) -> bool {
        state.sequencer.ready() >= self.bounds.ready && state.running < self.bounds.running
    }

    /// Wakes who waits for room if nothing is ready, so that what is free now will have to do.
    fn tell_room(&self, state: &State) {
        if state.sequencer.ready() == 0 {
            self.room.notify_waiters();
        }
    }

    fn free(&self, state: &State) -> usize {
        self.bounds.entries.saturating_sub(state.sequencer.len())
    }

    /// How many must be free before a source that waits is woken: an eighth, at most 256.
    fn enough(&self) -> usize {
        (self.bounds.entries / 8).clamp(1, 256)
    }

    /// Adds updates in the order of their arrival.
    pub(super) fn push(&self, arrivals: Vec<(Keys, Arc<Arrived>)>) -> Start {
        let mut state = self.state.lock();
        for (keys, mut arrived) in arrivals {
            self.bound(&mut state, &mut arrived);
            match keys {
                Keys::Conversation => {
                    let key = arrived.about.conversation.text().clone();
                    state.sequencer.push(std::slice::from_ref(&key), arrived)
                }
                Keys::Exactly(keys) => state.sequencer.push(&keys, arrived),
            };
        }
        self.start(&mut state)
    }

    /// Takes an update to run; a worker that gets none ends.
    pub(super) fn take(&self) -> Option<(Place, Arc<Arrived>)> {
        self.next(&mut self.state.lock())
    }

    /// Ends an update and takes the next, under one lock; a worker that gets none ends.
    pub(super) fn finish(&self, place: Place, arrived: &Arrived) -> (Option<(Place, Arc<Arrived>)>, Start) {
        let mut state = self.state.lock();
        state.sequencer.finish(place);
        state.running -= 1;
        state.bytes -= arrived.kept();
        // Not at each removal.
        if self.free(&state) == self.enough() {
            self.room.notify_waiters();
        }
        let next = self.next(&mut state);
        (next, self.start(&mut state))
    }

    /// Keeps an update, changed, from running until [`resume`](Self::resume), holding its keys and no slot.
    pub(super) fn hold(
        &self,
        place: Place,
        before: &Arrived,
        mut arrived: Arc<Arrived>,
    ) -> (Option<(Place, Arc<Arrived>)>, Start) {
        let mut state = self.state.lock();
        state.bytes -= before.kept();
        self.bound(&mut state, &mut arrived);
        state.sequencer.hold(place, arrived);
        state.running -= 1;
        let next = self.next(&mut state);
        (next, self.start(&mut state))
    }

    /// Counts the bytes of an update's body, and leaves it behind if they are too many.
    fn bound(&self, state: &mut State, arrived: &mut Arc<Arrived>) {
        if state.bytes + arrived.kept() > self.bounds.bytes {
            let mut without = arrived.copy();
            without.leave_body_behind();
            *arrived = Arc::new(without);
        }
        state.bytes += arrived.kept();
    }

    /// Lets a held update run.
    pub(super) fn resume(&self, place: Place) -> Start {
        let mut state = self.state.lock();
        state.sequencer.resume(place);
        self.start(&mut state)
    }

    /// The worker's handler waits: another may go on with the ready list.
    pub(super) fn wait(&self) -> Start {
        let mut state = self.state.lock();
        state.computing -= 1;
        self.tell_room(&state);
        self.start(&mut state)
    }

    /// The worker's handler waits no longer.
    pub(super) fn go_on(&self) {
        self.state.lock().computing += 1;
    }

    fn next(&self, state: &mut State) -> Option<(Place, Arc<Arrived>)> {
        let next = if state.computing > self.bounds.computing || self.is_full(state) {
            None
        } else {
            state.sequencer.take()
        };
        if next.is_some() {
            state.running += 1;
            // Not at each update taken.
            if state.sequencer.ready() == self.bounds.ready / 2 || state.running == self.bounds.running {
                self.room.notify_waiters();
            }
        } else {
            state.computing -= 1;
            self.tell_room(state);
            if state.running == 0 {
                self.quiet.notify_waiters();
            }
        }
        next
    }

    fn is_full(&self, state: &State) -> bool {
        state.stopped || state.running >= self.bounds.running
    }

    fn start(&self, state: &mut State) -> Start {
        if self.is_full(state) {
            return Start(0);
        }
        let free = self.bounds.computing.saturating_sub(state.computing);
        let slots = self.bounds.running - state.running;
        let workers = free.min(state.sequencer.ready()).min(slots);
        state.computing += workers;
        Start(workers)
    }

    /// How many updates are known and not finished.
    pub(super) fn len(&self) -> usize {
        self.state.lock().sequencer.len()
    }

    /// How many updates run.
    pub(super) fn running(&self) -> usize {
        self.state.lock().running
    }

    /// Waits until nothing runs and nothing is ready. Updates in backoff, and those behind them, may be left.
    pub(super) async fn quiet(&self) {
        loop {
            let woken = self.quiet.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            {
                if self.is_quiet() {
                    return;
                }
            }
            woken.await;
        }
    }

    /// Whether nothing runs and nothing is ready.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.state.lock();
        state.running == 0 && state.sequencer.ready() == 0
    }

    /// Takes nothing any more.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
    }

    /// The updates that are known and not finished, oldest first.
    pub(super) fn left(&self) -> Vec<Arc<Arrived>> {
        let mut left: Vec<_> = self.state.lock().sequencer.entries().cloned().collect();
        left.sort_by_key(|arrived| (arrived.about.arrived, arrived.shard, arrived.offset));
        left
    }
}
