//! Stopping the turn of another update, so that it can be cancelled.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Arrived, Index, Key, Place, Start, State};
use crate::Conversation;
use crate::runner::turn::Turn;

/// An update that does not run until it is [cancelled](Index::forget) or [let go](Index::let_run).
#[derive(Clone, Debug)]
pub(in crate::runner) struct Stopped {
    pub(in crate::runner) place: Place,
    pub(in crate::runner) arrived: Arc<Arrived>,
}

/// What heads a conversation.
#[derive(Debug)]
pub(in crate::runner) enum Head {
    /// Nothing that could be stopped.
    Nothing,
    /// It was not running, and does not.
    Stopped(Stopped),
    /// It is told when its turn has been stopped, or `None` if that had come to its end.
    Stopping(oneshot::Receiver<Option<Stopped>>),
}

impl Index {
    /// Stops the update that heads any of these keys and is of this conversation.
    pub(in crate::runner) fn stop_head(&self, keys: &[Key], conversation: &Conversation) -> Head {
        let (turn, head) = {
            let mut state = self.state.lock();
            let of_it = |place: &Place| {
                let arrived = state.sequencer.get(*place);
                arrived.is_some_and(|arrived| arrived.about.conversation == *conversation && !arrived.parked)
            };
            let Some(place) = keys.iter().filter_map(|key| state.sequencer.head(key)).find(of_it) else {
                return Head::Nothing;
            };
            // One at a time: the second finds nothing any more.
            if state.stopping.contains_key(&place) || state.stopped_ones.contains(&place) {
                return Head::Nothing;
            }
            let turn = state.live.get(&place).cloned();
            // A turn that rests runs, though it has no slot.
            let rests = state.resting.contains_key(&place);
            if turn.is_none() && !rests && state.sequencer.stop(place) {
                state.stopped_ones.insert(place);
                let arrived = state.sequencer.get(place).cloned();
                return arrived.map_or(Head::Nothing, |arrived| Head::Stopped(Stopped { place, arrived }));
            }
            let (tell, told) = oneshot::channel();
            state.stopping.insert(place, tell);
            (turn, Head::Stopping(told))
        };
        if let Some(turn) = turn {
            turn.limit().stop();
        }
        head
    }

    /// Lets an update run that was stopped.
    pub(in crate::runner) fn let_run(&self, place: Place) -> Start {
        let mut state = self.state.lock();
        if state.stopped_ones.remove(&place) {
            state.sequencer.resume(place);
        }
        self.start(&mut state)
    }

    /// The handler of a turn waits: it can be stopped from now on, until [`deaf`](Self::deaf). Tells whether it is to
    /// be stopped at once.
    pub(in crate::runner) fn hears(&self, place: Place, turn: Turn) -> bool {
        let mut state = self.state.lock();
        state.live.insert(place, turn);
        state.stopping.contains_key(&place)
    }

    /// The handler of a turn has come to its end.
    pub(in crate::runner) fn deaf(&self, place: Place) {
        let turn = self.state.lock().live.remove(&place);
        // Not under the lock: it may be the last of the turn.
        drop(turn);
    }
}

impl State {
    /// The update is held: if somebody waits for it to be stopped, it is.
    pub(super) fn stopped(&mut self, place: Place) {
        if self.stopping.is_empty() {
            return;
        }
        let Some(tell) = self.stopping.remove(&place) else { return };
        let Some(arrived) = self.sequencer.get(place).cloned() else { return };
        if tell.send(Some(Stopped { place, arrived })).is_ok() {
            self.sequencer.stop(place);
            self.stopped_ones.insert(place);
        }
    }

    /// The update is over, or parked: nobody stops it any more.
    pub(super) fn not_stopped(&mut self, place: Place) {
        if !self.stopping.is_empty()
            && let Some(tell) = self.stopping.remove(&place)
        {
            // Whoever waited may be gone.
            let _ = tell.send(None);
        }
    }
}
