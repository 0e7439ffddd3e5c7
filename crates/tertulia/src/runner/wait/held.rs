//! What a turn holds while it waits, and lets go when the wait ends or is dropped.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::Result;
use crate::runner::Turn;
use crate::runner::index::{Index, Rest};
use crate::runner::turn::Collected;

/// The turn waits, until this is dropped.
pub(super) struct Waiting<'a> {
    pub(super) turn: &'a Turn,
    pub(super) nth: usize,
    pub(super) _counted: Counted<'a>,
}

/// A turn is counted among those that wait, until this is dropped.
pub(super) struct Counted<'a>(pub(super) &'a Index);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.end_to_wait();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // A turn that is over waits no more.
        let _ = self.turn.collect(|collected| collected.waiting = false);
    }
}

/// Somebody is told of what comes behind the turn's update, until this is dropped, and of the turn's end.
pub(super) struct Watched<'a> {
    turn: &'a Turn,
    pub(super) told: Arc<Notify>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(turn: &'a Turn) -> Result<Self> {
        let told = Arc::new(Notify::new());
        turn.collect(|collected| collected.watching.push(Arc::clone(&told)))?;
        turn.desk().index().watch(turn.place(), Arc::clone(&told));
        Ok(Self { turn, told })
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.turn.desk().index().unwatch(self.turn.place(), &self.told);
        let others = |collected: &mut Collected| {
            collected.watching.retain(|other| !Arc::ptr_eq(other, &self.told));
        };
        // A turn that is over has told everybody.
        let _ = self.turn.collect(others);
    }
}

/// The turn has no slot and its clock stands still. Dropped, it goes on at once; a turn that is over has gone on before.
pub(super) struct Resting<'a> {
    turn: &'a Turn,
    rest: Rest,
}

impl<'a> Resting<'a> {
    pub(super) fn begin(turn: &'a Turn) -> Result<Self> {
        // Not between its end and the beginning of the next: the index knows only where the update is.
        let (rest, start) = turn.collect(|collected| {
            collected.resting = true;
            turn.desk().index().rest(turn.place())
        })?;
        turn.limit().pause();
        Arc::clone(turn.desk()).start(start);
        Ok(Self { turn, rest })
    }

    /// Waits for a slot.
    pub(super) async fn end(mut self) -> Result<()> {
        let start = self.turn.collect(|_| self.turn.desk().index().resume(self.turn.place()))?;
        Arc::clone(self.turn.desk()).start(start);
        if self.rest.slot().await {
            return Ok(());
        }
        self.turn.collect(|_| ())
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        let _ = self.turn.collect(|collected| {
            collected.resting = false;
            self.turn.desk().index().seize(self.turn.place());
        });
        self.turn.limit().go_on();
    }
}
