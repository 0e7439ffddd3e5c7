//! Updates that a turn takes in: they are not run, but handed to it and removed with its own.

use std::sync::Arc;

use super::{Index, Place, Start};

impl Index {
    /// Takes an update out of the lists of its keys, so that nobody waits for it. Tells whether it could be done: not if
    /// it has gone, or was ready before.
    pub(in crate::runner) fn take_in(&self, place: Place) -> (bool, Start) {
        let mut state = self.state.lock();
        let taken = state.sequencer.get(place).is_some_and(|arrived| !arrived.parked)
            && state.sequencer.withdraw(place);
        (taken, self.start(&mut state))
    }

    /// Puts such updates back: they are run in their turn.
    pub(in crate::runner) fn give_back(&self, places: impl Iterator<Item = Place>) -> Start {
        let mut state = self.state.lock();
        for place in places {
            state.sequencer.give_back(place);
            state.tell_ahead(place);
        }
        self.start(&mut state)
    }

    /// Forgets such updates: they are over.
    pub(in crate::runner) fn forget(&self, places: impl Iterator<Item = Place>) -> Start {
        let mut state = self.state.lock();
        for place in places {
            if let Some(arrived) = state.sequencer.get(place).cloned() {
                self.remove(&mut state, place, &arrived);
            }
        }
        self.start(&mut state)
    }

    /// Has such updates read again before they are run.
    pub(in crate::runner) fn doubt(&self, places: impl Iterator<Item = Place>) {
        let mut state = self.state.lock();
        for place in places {
            if let Some(arrived) = state.sequencer.get_mut(place) {
                Arc::make_mut(arrived).doubt();
            }
        }
    }
}
