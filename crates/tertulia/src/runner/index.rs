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
    pub(super) not_before: Timestamp,
    pub(super) shard: Shard,
    pub(super) incarnation: CommitId,
    pub(super) offset: Offset,
    pub(super) revision: Revision,
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

    /// Waits until `entries` more fit, or until the index is empty.
    pub(super) async fn room(&self, entries: usize) {
        loop {
            let woken = self.room.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let len = self.len();
            if len == 0 || len + entries <= self.bounds.entries {
                return;
            }
            woken.await;
        }
    }

    /// Adds updates in the order of their arrival.
    pub(super) fn push(&self, arrivals: impl Iterator<Item = (Keys, Arrived)>) -> Start {
        let mut state = self.state.lock();
        for (keys, mut arrived) in arrivals {
            let bytes = arrived.about.body.len();
            if state.bytes + bytes > self.bounds.bytes {
                arrived.about.body = bytes::Bytes::new();
                arrived.body_left_behind = true;
            } else {
                state.bytes += bytes;
            }
            match keys {
                Keys::Conversation => {
                    let key = arrived.about.conversation.text().clone();
                    state.sequencer.push(std::slice::from_ref(&key), Arc::new(arrived))
                }
                Keys::Exactly(keys) => state.sequencer.push(&keys, Arc::new(arrived)),
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
        if !arrived.body_left_behind {
            state.bytes = state.bytes.saturating_sub(arrived.about.body.len());
        }
        // Woken once an eighth is free, at most 256, and not at each removal.
        let free = self.bounds.entries.saturating_sub(state.sequencer.len());
        if free == (self.bounds.entries / 8).clamp(1, 256) || state.sequencer.len() == 0 {
            self.room.notify_waiters();
        }
        let next = self.next(&mut state);
        (next, self.start(&mut state))
    }

    /// Keeps an update, changed, from running until [`resume`](Self::resume), holding its keys and no slot.
    pub(super) fn hold(&self, place: Place, arrived: Arc<Arrived>) -> (Option<(Place, Arc<Arrived>)>, Start) {
        let mut state = self.state.lock();
        state.sequencer.hold(place, arrived);
        state.running -= 1;
        let next = self.next(&mut state);
        (next, self.start(&mut state))
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
        } else {
            state.computing -= 1;
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
                let state = self.state.lock();
                if state.running == 0 && state.sequencer.ready() == 0 {
                    return;
                }
            }
            woken.await;
        }
    }

    /// Takes nothing any more, and tells what is left.
    pub(super) fn stop(&self) -> Vec<Arc<Arrived>> {
        let mut state = self.state.lock();
        state.stopped = true;
        state.sequencer.entries().cloned().collect()
    }
}
