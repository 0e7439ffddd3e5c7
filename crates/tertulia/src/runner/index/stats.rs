//! What the index holds, for those who look after it.

use std::time::Duration;

use super::Index;
use crate::Timestamp;

/// What a runner has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Updates that are known and not finished: running, ready, waiting for their key, in backoff, or parked.
    pub updates: usize,
    /// Those that run, waiting in their handlers included.
    pub running: usize,
    /// Those whose turns wait for an update, without a slot.
    pub asking: usize,
    /// Those that wait for nothing but a slot.
    pub ready: usize,
    /// Those that are parked; what waits behind them is not counted here.
    pub parked: usize,
    /// How many keys have updates.
    pub keys: usize,
    /// The bytes of the bodies that are in memory.
    pub bytes: usize,
    /// How long ago the oldest of them arrived.
    pub oldest: Option<Duration>,
    /// Calls of this process that are not made.
    pub calls: usize,
}

/// What waits for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The key: a conversation's text form, unless updates are ordered by other keys.
    pub key: String,
    /// How many updates wait for it or hold it.
    pub updates: usize,
    /// How many bytes they have.
    pub bytes: usize,
    /// How long ago the first of them arrived.
    pub oldest: Duration,
    /// The first of them is parked.
    pub parked: bool,
}

impl Index {
    /// What is known, but for the calls. Looks at every key.
    pub(in crate::runner) fn stats(&self, now: Timestamp) -> Stats {
        let state = self.state.lock();
        // The oldest of all updates heads its keys, unless it has none.
        let oldest = state.sequencer.entries().map(|arrived| arrived.about.arrived).min();
        Stats {
            updates: state.sequencer.len(),
            running: state.running + state.passing,
            asking: state.resting.len(),
            ready: state.sequencer.ready(),
            parked: state.parked.len(),
            keys: state.sequencer.keys(),
            bytes: state.bytes,
            oldest: oldest.map(|arrived| now.since(arrived)),
            calls: 0,
        }
    }

    /// The keys for which most updates wait, deepest first, at most `most`. Looks at every key.
    pub(in crate::runner) fn deepest(&self, most: usize, now: Timestamp) -> Vec<Depth> {
        let state = self.state.lock();
        let mut lists: Vec<_> = state.sequencer.lists().collect();
        lists.sort_by_key(|(key, sum, _)| (std::cmp::Reverse(sum.entries), (*key).clone()));
        lists.truncate(most);
        let depth = |(key, sum, first): (
            &super::Key,
            crate::runner::sequence::Sum,
            &std::sync::Arc<super::Arrived>,
        )| Depth {
            key: key.to_string(),
            updates: sum.entries,
            bytes: sum.weight,
            oldest: now.since(first.about.arrived),
            parked: first.parked,
        };
        lists.into_iter().map(depth).collect()
    }
}
