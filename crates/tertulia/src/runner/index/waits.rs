//! Turns that wait for an update: what comes behind theirs, and their slots, which they give back meanwhile.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::{Arrived, Index, Place, Start, State};

/// A turn that waits without a slot. It must be ended by [`Index::resume`], which has it wait for a slot like any update that is ready, or [`Index::seize`].
#[must_use]
#[derive(Debug)]
pub(in crate::runner) struct Rest(oneshot::Receiver<()>);

impl Rest {
    /// Resolves when the turn has a slot again, after [`Index::resume`]; with `false` if the turn ended before.
    pub(in crate::runner) async fn slot(&mut self) -> bool {
        (&mut self.0).await.is_ok()
    }
}

/// An update that is watched for what comes behind it.
#[derive(Debug, Default)]
pub(super) struct Watched {
    by: Vec<Arc<Notify>>,
    /// How many updates have come since.
    came: u64,
    /// How many of them were looked at by a turn that rests.
    looked_at: u64,
}

impl Watched {
    fn is_unseen(&self) -> bool {
        self.came != self.looked_at
    }
}

impl Index {
    /// Has `told` notified whenever an update arrives behind this one, until [`unwatch`](Self::unwatch).
    pub(in crate::runner) fn watch(&self, place: Place, told: Arc<Notify>) {
        self.state.lock().watched.entry(place).or_default().by.push(told);
    }

    pub(in crate::runner) fn unwatch(&self, place: Place, told: &Arc<Notify>) {
        let mut state = self.state.lock();
        let Some(watched) = state.watched.get_mut(&place) else { return };
        watched.by.retain(|other| !Arc::ptr_eq(other, told));
        if watched.by.is_empty() {
            let was_unseen = watched.is_unseen();
            state.watched.remove(&place);
            self.seen(&mut state, was_unseen);
        }
    }

    /// How much has come behind an update since it is watched.
    pub(in crate::runner) fn came_behind(&self, place: Place) -> u64 {
        self.state.lock().watched.get(&place).map_or(0, |watched| watched.came)
    }

    /// Says that so much of what came behind an update was looked at, and is nothing to its turn.
    pub(in crate::runner) fn has_looked(&self, place: Place, came: u64) {
        let mut state = self.state.lock();
        if let Some(watched) = state.watched.get_mut(&place) {
            let was_unseen = watched.is_unseen();
            watched.looked_at = came;
            let is_seen = was_unseen && !watched.is_unseen();
            self.seen(&mut state, is_seen);
        }
    }

    fn seen(&self, state: &mut State, is_seen: bool) {
        if is_seen {
            state.unseen -= 1;
            self.tell_quiet(state);
        }
    }

    /// Gives back the slot of a turn, which goes on holding its keys.
    pub(in crate::runner) fn rest(&self, place: Place) -> (Rest, Start) {
        let (tell, told) = oneshot::channel();
        let mut state = self.state.lock();
        let arrived = state.sequencer.get(place).cloned();
        if let Some(arrived) = arrived {
            *state.running_of(&arrived) -= 1;
            state.sequencer.hold(place, arrived);
            state.resting.insert(place, tell);
        }
        self.tell_quiet(&state);
        (Rest(told), self.start(&mut state))
    }

    /// Gives a turn that rests a slot at once, though there may be none: it goes on whether it has one or not.
    pub(in crate::runner) fn seize(&self, place: Place) {
        let mut state = self.state.lock();
        if state.resting.remove(&place).is_some() {
            state.sequencer.take_this(place);
            if let Some(arrived) = state.sequencer.get(place).cloned() {
                *state.running_of(&arrived) += 1;
            }
        }
    }

    /// What is behind an update and was never ready, in the order of arrival.
    pub(in crate::runner) fn behind(&self, place: Place) -> Vec<(Place, Arc<Arrived>)> {
        let state = self.state.lock();
        let behind = state.sequencer.behind(place).into_iter();
        behind.map(|(place, arrived)| (place, Arc::clone(arrived))).collect()
    }

    /// Counts a turn that is going to wait, unless so many do already; until [`end_to_wait`](Self::end_to_wait).
    pub(in crate::runner) fn begin_to_wait(&self, most: usize) -> bool {
        let mut state = self.state.lock();
        let free = state.waiting < most;
        state.waiting += usize::from(free);
        free
    }

    pub(in crate::runner) fn end_to_wait(&self) {
        self.state.lock().waiting -= 1;
    }

    /// Whether anything can ever come behind an update.
    pub(in crate::runner) fn has_keys(&self, place: Place) -> bool {
        self.state.lock().sequencer.has_keys(place)
    }
}

impl State {
    /// Tells who watches what is ahead of an update that has arrived.
    pub(super) fn tell_ahead(&mut self, place: Place) {
        if self.watched.is_empty() {
            return;
        }
        for ahead in self.sequencer.ahead(place) {
            if let Some(watched) = self.watched.get_mut(&ahead) {
                self.unseen += usize::from(!watched.is_unseen());
                watched.came += 1;
                watched.by.iter().for_each(|told| told.notify_one());
            }
        }
    }

    /// Whether the update that was just taken is a turn that rested, which goes on by itself.
    pub(super) fn goes_on(&mut self, place: Place) -> bool {
        if self.resting.is_empty() {
            return false;
        }
        // Whoever rests takes himself out before he goes.
        self.resting.remove(&place).is_some_and(|tell| tell.send(()).is_ok())
    }
}
