//! Running some updates and no others, to find the one that stops the process.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Arrived, Index, Start, Verdict};
use crate::Shard;
use crate::runner::Begun;
use crate::storage::Offset;

/// The updates that may be taken.
#[derive(Debug, Default)]
pub(in crate::runner) struct Only(HashSet<(Shard, Offset), RandomState>);

impl Only {
    pub(super) fn allows(&self, arrived: &Arrived) -> bool {
        self.0.contains(&arrived.at())
    }
}

impl FromIterator<(Shard, Offset)> for Only {
    fn from_iter<I: IntoIterator<Item = (Shard, Offset)>>(updates: I) -> Self {
        Self(updates.into_iter().collect())
    }
}

impl Index {
    /// Takes only these from here on, or any update again.
    pub(in crate::runner) fn restrict(&self, only: Option<Only>) -> Start {
        let mut state = self.state.lock();
        state.only = only;
        self.start(&mut state)
    }

    /// What earlier processes had begun when they stopped. Those for which `verdict` has one are given it.
    pub(in crate::runner) fn suspects(
        &self,
        verdict: impl Fn(&Begun) -> Option<Verdict>,
    ) -> Vec<((Shard, Offset), Begun)> {
        let mut state = self.state.lock();
        let mut suspects = Vec::new();
        for arrived in state.sequencer.entries_mut().filter(|arrived| arrived.begun.times > 0) {
            match verdict(&arrived.begun) {
                Some(verdict) => Arc::make_mut(arrived).verdict = Some(Arc::new(verdict)),
                None => suspects.push((arrived.at(), arrived.begun)),
            }
        }
        suspects
    }
}
