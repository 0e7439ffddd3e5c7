//! Other updates that a turn has in hand: those it took in, and those it stopped to cancel them. Both are left as they
//! were unless the turn is committed.

use std::sync::Arc;

use super::About;
use super::desk::Desk;
use super::index::{Arrived, Stopped};
use super::sequence::Place;
use crate::Result;

/// Updates that a turn has taken in. Dropped, they go back to where they were and run.
#[derive(Default)]
pub(super) struct Taken {
    desk: Option<Arc<dyn Desk>>,
    updates: Vec<(Place, Arc<Arrived>)>,
}

impl Taken {
    /// Updates of a turn that is played, which are nowhere.
    pub(super) fn played(updates: Vec<Arc<Arrived>>) -> Self {
        Self { desk: None, updates: updates.into_iter().map(|arrived| (Place::NOWHERE, arrived)).collect() }
    }

    /// Takes in an update, if it can be.
    pub(super) fn one(desk: &Arc<dyn Desk>, place: Place, arrived: Arc<Arrived>) -> Option<Self> {
        let (taken, start) = desk.index().take_in(place);
        Arc::clone(desk).start(start);
        taken.then(|| Self { desk: Some(Arc::clone(desk)), updates: vec![(place, arrived)] })
    }

    /// Adds what another one has.
    pub(super) fn add(&mut self, mut other: Self) {
        self.desk = self.desk.take().or_else(|| other.desk.take());
        self.updates.append(&mut other.updates);
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn arrived(&self) -> impl Iterator<Item = &Arc<Arrived>> {
        self.updates.iter().map(|(_, arrived)| arrived)
    }

    pub(super) fn abouts(&self) -> Vec<About> {
        self.arrived().map(|arrived| arrived.about.clone()).collect()
    }

    /// Nobody knows whether they are still there: they go back, and whoever runs them looks.
    pub(super) fn unsure(self) {
        if let Some(desk) = &self.desk {
            desk.index().doubt(self.updates.iter().map(|(place, _)| *place));
        }
    }

    /// They were removed with the turn's own.
    pub(super) fn over(mut self) {
        if let Some(desk) = self.desk.take() {
            let start = desk.index().forget(self.updates.drain(..).map(|(place, _)| place));
            desk.start(start);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            let start = desk.index().give_back(self.updates.drain(..).map(|(place, _)| place));
            desk.start(start);
        }
    }
}

/// Updates whose turns were stopped, to be cancelled. Dropped, they run again.
#[derive(Default)]
pub(super) struct Halted {
    desk: Option<Arc<dyn Desk>>,
    updates: Vec<Stopped>,
}

impl Halted {
    pub(super) fn one(desk: &Arc<dyn Desk>, stopped: Stopped) -> Self {
        Self { desk: Some(Arc::clone(desk)), updates: vec![stopped] }
    }

    /// Reads what is not known for sure of them; tells whether any is left.
    pub(super) async fn look(&mut self, desk: &Arc<dyn Desk>) -> Result<bool> {
        for stopped in &mut self.updates {
            match Arc::clone(desk).whole(Arc::clone(&stopped.arrived)).await? {
                Some(whole) => stopped.arrived = whole,
                None => return Ok(false),
            }
        }
        Ok(!self.updates.is_empty())
    }

    /// Adds what another one has.
    pub(super) fn add(&mut self, mut other: Self) {
        self.desk = self.desk.take().or_else(|| other.desk.take());
        self.updates.append(&mut other.updates);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    pub(super) fn arrived(&self) -> impl Iterator<Item = &Arc<Arrived>> {
        self.updates.iter().map(|stopped| &stopped.arrived)
    }

    /// Nobody knows whether they are still there: whoever runs them looks.
    pub(super) fn unsure(self) {
        if let Some(desk) = &self.desk {
            desk.index().doubt(self.updates.iter().map(|stopped| stopped.place));
        }
    }

    /// They were removed with the turn's own; gives how many there were.
    pub(super) fn over(mut self) -> usize {
        let count = self.updates.len();
        if let Some(desk) = self.desk.take() {
            let start = desk.index().forget(self.updates.drain(..).map(|stopped| stopped.place));
            desk.start(start);
        }
        count
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        let Some(desk) = self.desk.take() else { return };
        for stopped in self.updates.drain(..) {
            let start = desk.index().let_run(stopped.place);
            Arc::clone(&desk).start(start);
        }
    }
}
