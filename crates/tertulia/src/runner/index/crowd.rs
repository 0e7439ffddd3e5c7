//! How many updates wait for one key, and which are too many.

use std::collections::HashMap;

use super::{Crowd, Index, Keys};
use crate::Conversation;
use crate::runner::sequence::{Key, Sum};

/// An update that is about to be put into the inbox.
#[derive(Clone, Copy, Debug)]
pub(in crate::runner) struct Newcomer<'a> {
    pub(in crate::runner) keys: &'a Keys,
    pub(in crate::runner) conversation: &'a Conversation,
    pub(in crate::runner) bytes: usize,
}

impl Newcomer<'_> {
    fn keys(&self) -> &[Key] {
        match self.keys {
            Keys::Conversation => std::slice::from_ref(self.conversation.text()),
            Keys::Exactly(keys) => keys,
        }
    }
}

/// How many updates a key may have while few places are free, so that no few keys take them all.
const SOME: usize = 64;
/// What part of the index is few; an index that has no room for twice as many full keys has no such part.
const PART: usize = 4;

impl Crowd {
    /// The bound while so many of all places are free.
    fn within(self, free: usize, all: usize) -> Self {
        let few = all >= 2 * PART * self.entries && free < all / PART;
        Self { entries: if few { self.entries.min(SOME) } else { self.entries }, ..self }
    }

    fn has_room(self, known: Sum, bytes: usize) -> bool {
        known.entries == 0
            || (known.entries < self.entries && known.weight.saturating_add(bytes) <= self.bytes)
    }
}

impl Index {
    /// Which of these are too many for one of their keys, counting those before them; empty if none is.
    pub(in crate::runner) fn crowded<'a>(
        &self,
        coming: impl ExactSizeIterator<Item = Newcomer<'a>> + Clone,
    ) -> Vec<bool> {
        let state = self.state.lock();
        let crowd = self.bounds.crowd.within(self.free(&state), self.bounds.entries);
        let bytes =
            coming.clone().map(|coming| coming.bytes).fold(state.sequencer.weight(), usize::saturating_add);
        // So few that no key can have too many.
        if state.sequencer.len() + coming.len() <= crowd.entries && bytes <= crowd.bytes {
            return Vec::new();
        }
        let mut sums: HashMap<Key, Sum> = HashMap::new();
        let too_many = |coming: Newcomer<'_>| {
            let known = |key: &Key, sums: &HashMap<Key, Sum>| match sums.get(key) {
                Some(sum) => *sum,
                None => state.sequencer.sum(key),
            };
            let fits = coming.keys().iter().all(|key| crowd.has_room(known(key, &sums), coming.bytes));
            if fits {
                for key in coming.keys() {
                    let Sum { entries, weight } = known(key, &sums);
                    let sum = Sum { entries: entries + 1, weight: weight.saturating_add(coming.bytes) };
                    sums.insert(key.clone(), sum);
                }
            }
            !fits
        };
        coming.map(too_many).collect()
    }
}
