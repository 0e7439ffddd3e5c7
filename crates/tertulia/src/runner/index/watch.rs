//! Seeing that updates come to an end.

use std::sync::Arc;

use super::{Arrived, Index};

/// What the watchdog found.
#[derive(Debug)]
pub(in crate::runner) struct Found {
    /// Updates that have just run for too long.
    pub(in crate::runner) long: Vec<Arc<Arrived>>,
    /// How many updates are ready though none has ended since the last look.
    pub(in crate::runner) stuck: usize,
}

impl Index {
    /// Looks at what runs, once in a while; `ago` looks before this one is too long.
    pub(in crate::runner) fn look(&self, ago: u32) -> Found {
        let mut state = self.state.lock();
        let long = state.sequencer.next_moment(ago).cloned().collect();
        let ended = std::mem::take(&mut state.ended);
        let stuck = if ended == 0 && state.running > 0 { state.ready() } else { 0 };
        Found { long, stuck }
    }
}
