//! What the runner knows in memory of the updates that are in the inbox, and what may run now.

mod arrived;
mod crowd;
mod isolated;
mod stats;
mod stops;
mod taken_in;
mod waits;
mod watch;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::Keys;
use super::sequence::{Key, Lane, Place, Sequencer};
use super::turn::Turn;
use crate::Shard;
use crate::storage::{CommitId, Offset};

pub(super) use self::arrived::{Arrived, Known, Verdict};
pub(super) use self::crowd::Newcomer;
pub(super) use self::isolated::Only;
pub use self::stats::{Depth, Stats};
pub(super) use self::stops::{Head, Stopped};
pub(super) use self::waits::Rest;
use self::waits::Watched;

/// How many updates that pass the queue run at once.
pub(super) const PASSING: usize = 64;
/// How many sources have a lane of their own; those beyond share the last.
const SOURCES: usize = 64;

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
    /// How many updates wait for one key, and how many bytes they have.
    pub(super) crowd: Crowd,
}

/// How much may wait for one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    sequencer: Sequencer<Arc<Arrived>>,
    /// Updates taken and not finished or held, but for those that pass the queue.
    running: usize,
    /// Those that pass the queue.
    passing: usize,
    /// Workers that are not waiting in a handler. At most `bounds.computing`, but for those that have just
    /// stopped waiting.
    computing: usize,
    bytes: usize,
    /// Nothing is taken any more.
    stopped: bool,
    /// Turns that ended since the watchdog looked.
    ended: usize,
    /// Where the parked ones are.
    parked: HashMap<(Shard, Offset), Place, RandomState>,
    /// Those that were let go before they were held here.
    let_go: Vec<(Shard, Offset)>,
    /// While suspects are tried: nothing else is taken.
    only: Option<Only>,
    /// The sources, by the number of their lane.
    sources: Vec<Box<str>>,
    /// Turns whose handlers wait, so that they can be stopped. Few are in the next ones.
    live: Places<Turn>,
    /// Who waits for a turn to be stopped.
    stopping: Places<oneshot::Sender<Option<Stopped>>>,
    /// Updates that somebody has stopped to cancel them.
    stopped_ones: HashSet<Place, RandomState>,
    /// How many turns wait for an update, or are about to.
    waiting: usize,
    /// Turns that wait for an update without a slot, and how they are told that they have one again.
    resting: Places<oneshot::Sender<()>>,
    /// Who is told of what comes behind an update.
    watched: Places<Watched>,
    /// Behind how many of those something has come that nobody has looked at.
    unseen: usize,
}

type Places<T> = HashMap<Place, T, RandomState>;

impl State {
    /// Between two suspects nothing runs and nothing may be taken, and yet it is not over. Nor is it when a turn that rests
    /// has been told of an update that may be its answer.
    fn is_quiet(&self) -> bool {
        self.running + self.passing == 0
            && self.sequencer.ready() == 0
            && self.only.is_none()
            && self.unseen == 0
    }

    /// How many updates may be taken now.
    fn ready(&self) -> usize {
        match &self.only {
            None => self.sequencer.ready(),
            Some(only) => self.sequencer.ready_entries().filter(|arrived| only.allows(arrived)).count(),
        }
    }

    /// Which lane an update waits in.
    fn lane(&mut self, arrived: &Arrived) -> Lane {
        if arrived.passes {
            return Lane::Passing;
        }
        let source = arrived.about.conversation.source();
        let known = self.sources.iter().position(|known| **known == *source);
        let number = known.unwrap_or_else(|| {
            if self.sources.len() < SOURCES {
                self.sources.push((*source).into());
            }
            self.sources.len() - 1
        });
        Lane::Source(u8::try_from(number).expect("there are at most 64"))
    }

    /// How many updates of this kind run.
    fn running_of(&mut self, arrived: &Arrived) -> &mut usize {
        if arrived.passes { &mut self.passing } else { &mut self.running }
    }
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
            let weight = arrived.kept();
            self.bound(&mut state, &mut arrived);
            let (at, parked) = (arrived.at(), arrived.parked);
            let conversation = arrived.about.conversation.text().clone();
            let keys: &[Key] = match &keys {
                Keys::Conversation => std::slice::from_ref(&conversation),
                Keys::Exactly(keys) => keys,
            };
            let lane = state.lane(&arrived);
            if parked {
                let place = state.sequencer.push_held(lane, keys, arrived, weight);
                state.parked.insert(at, place);
            } else {
                let place = state.sequencer.push(lane, keys, arrived, weight);
                state.tell_ahead(place);
            }
        }
        self.start(&mut state)
    }

    /// The updates of a shard that are known, by where they are and who appended them.
    pub(super) fn known(&self, shard: Shard) -> Vec<(Shard, Offset, CommitId)> {
        let state = self.state.lock();
        let of_shard = state.sequencer.entries().filter(|arrived| arrived.shard == shard);
        of_shard.map(|arrived| (shard, arrived.offset, arrived.born)).collect()
    }

    /// Takes an update to run; a worker that gets none ends.
    pub(super) fn take(&self) -> Option<(Place, Arc<Arrived>)> {
        self.next(&mut self.state.lock())
    }

    /// Ends an update and takes the next, under one lock; a worker that gets none ends.
    pub(super) fn finish(&self, place: Place, arrived: &Arrived) -> (Option<(Place, Arc<Arrived>)>, Start) {
        let mut state = self.state.lock();
        state.let_go.retain(|at| *at != arrived.at());
        state.ended += 1;
        *state.running_of(arrived) -= 1;
        state.not_stopped(place);
        self.remove(&mut state, place, arrived);
        let next = self.next(&mut state);
        (next, self.start(&mut state))
    }

    /// Takes out an update that is over.
    fn remove(&self, state: &mut State, place: Place, arrived: &Arrived) {
        state.sequencer.finish(place);
        if !state.stopped_ones.is_empty() {
            state.stopped_ones.remove(&place);
        }
        state.bytes -= arrived.kept();
        // Not at each removal.
        if self.free(state) == self.enough() {
            self.room.notify_waiters();
        }
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
        let (at, parked) = (arrived.at(), arrived.parked);
        *state.running_of(&arrived) -= 1;
        state.sequencer.hold(place, arrived);
        state.ended += 1;
        if !parked {
            state.stopped(place);
        } else {
            state.not_stopped(place);
            state.parked.insert(at, place);
            if state.let_go.contains(&at) {
                self.let_go(&mut state, at);
            }
        }
        let next = self.next(&mut state);
        (next, self.start(&mut state))
    }

    /// Counts the bytes of an update's body, and leaves it behind if they are too many.
    fn bound(&self, state: &mut State, arrived: &mut Arc<Arrived>) {
        if state.bytes + arrived.kept() > self.bounds.bytes {
            Arc::make_mut(arrived).leave_body_behind();
        }
        state.bytes += arrived.kept();
    }

    /// Lets a parked update be looked at again; nothing if it is not known here.
    pub(super) fn unpark(&self, shard: Shard, offset: Offset) -> Start {
        let mut state = self.state.lock();
        self.let_go(&mut state, (shard, offset));
        self.start(&mut state)
    }

    fn let_go(&self, state: &mut State, at: (Shard, Offset)) {
        state.let_go.retain(|other| *other != at);
        let Some(place) = state.parked.remove(&at) else {
            // Its mark may have been committed a moment ago.
            if state.sequencer.entries().any(|arrived| arrived.at() == at) {
                state.let_go.push(at);
            }
            return;
        };
        let Some(arrived) = state.sequencer.get_mut(place) else { return };
        let arrived = Arc::make_mut(arrived);
        let kept = arrived.kept();
        arrived.parked = false;
        arrived.about.attempt = 1;
        arrived.leave_body_behind();
        state.bytes -= kept;
        state.sequencer.resume(place);
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
        let next = self.pick(state);
        if next.is_some() {
            // Not at each update taken.
            if state.sequencer.ready() == self.bounds.ready / 2 || state.running == self.bounds.running {
                self.room.notify_waiters();
            }
        } else {
            state.computing -= 1;
            self.tell_room(state);
            self.tell_quiet(state);
        }
        next
    }

    /// The next update to run. Turns that have waited without a slot and are picked go on by themselves.
    fn pick(&self, state: &mut State) -> Option<(Place, Arc<Arrived>)> {
        if state.computing > self.bounds.computing {
            return None;
        }
        loop {
            let (queue, pass) = (self.queues(state), self.passes(state));
            let (place, arrived) = match &state.only {
                None if pass && state.sequencer.ready_to_pass() > 0 => state.sequencer.take_passing(),
                None if queue => state.sequencer.take(),
                None => None,
                Some(only) => state
                    .sequencer
                    .take_one_of(|arrived| only.allows(arrived) && if arrived.passes { pass } else { queue }),
            }?;
            *state.running_of(&arrived) += 1;
            if !state.goes_on(place) {
                return Some((place, arrived));
            }
        }
    }

    /// Whether one more update may run.
    fn queues(&self, state: &State) -> bool {
        !state.stopped && state.running < self.bounds.running
    }

    /// Whether one more update that passes the queue may run.
    fn passes(&self, state: &State) -> bool {
        !state.stopped && state.passing < PASSING
    }

    fn start(&self, state: &mut State) -> Start {
        if state.stopped {
            return Start(0);
        }
        let free = self.bounds.computing.saturating_sub(state.computing);
        let ready = match state.only {
            None => {
                let pass = state.sequencer.ready_to_pass();
                let slots = self.bounds.running.saturating_sub(state.running);
                pass.min(PASSING - state.passing) + (state.sequencer.ready() - pass).min(slots)
            }
            // A worker too many ends at once.
            Some(_) => state.ready(),
        };
        let workers = free.min(ready);
        state.computing += workers;
        Start(workers)
    }

    fn tell_quiet(&self, state: &State) {
        if state.running + state.passing == 0 {
            self.quiet.notify_waiters();
        }
    }

    /// How many updates are known and not finished.
    pub(super) fn len(&self) -> usize {
        self.state.lock().sequencer.len()
    }

    /// How many updates run.
    pub(super) fn running(&self) -> usize {
        let state = self.state.lock();
        state.running + state.passing
    }

    /// Waits until nothing runs, nothing is ready, no suspects are tried apart, and no turn that rests has anything to look
    /// at. Updates in backoff, and those behind them, may be left.
    pub(super) async fn quiet(&self) {
        self.quiet_once(State::is_quiet).await;
    }

    /// Waits until that holds of the state, which is looked at whenever nothing runs.
    async fn quiet_once(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let woken = self.quiet.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let quiet = holds(&self.state.lock());
            if quiet {
                return;
            }
            woken.await;
        }
    }

    /// Whether that is so now.
    pub(super) fn is_quiet(&self) -> bool {
        self.state.lock().is_quiet()
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
