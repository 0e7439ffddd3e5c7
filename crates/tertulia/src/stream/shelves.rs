//! The streams of a process by their addresses.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::StreamId;
use super::live::{Live, Place};

/// How many locks the addresses are spread over.
const SHELVES: usize = 64;

/// The streams that somebody holds or that are in memory.
#[derive(Debug)]
pub(super) struct Shelves {
    hasher: RandomState,
    shelves: Vec<Mutex<HashMap<StreamId, Arc<Live>, RandomState>>>,
}

impl Shelves {
    pub(super) fn new() -> Self {
        let hasher = RandomState::default();
        let shelf = || Mutex::new(HashMap::with_hasher(hasher.clone()));
        Self { shelves: std::iter::repeat_with(shelf).take(SHELVES).collect(), hasher }
    }

    fn shelf(&self, id: &StreamId) -> &Mutex<HashMap<StreamId, Arc<Live>, RandomState>> {
        // The low bits choose within the map.
        let hash = self.hasher.hash_one(id) >> 32;
        &self.shelves[usize::try_from(hash % SHELVES as u64).expect("less than the number of shelves")]
    }

    /// The stream, if it is known.
    pub(super) fn find(&self, id: &StreamId) -> Option<Arc<Live>> {
        self.shelf(id).lock().get(id).cloned()
    }

    /// The stream; a new one is `place`.
    pub(super) fn take(&self, id: &StreamId, place: Place) -> Arc<Live> {
        let mut shelf = self.shelf(id).lock();
        if let Some(live) = shelf.get(id) {
            return Arc::clone(live);
        }
        if shelf.len() == shelf.capacity() {
            // Before it grows: what nobody holds and is not in memory has no place here.
            shelf.retain(|_, live| {
                Arc::strong_count(live) > 1 || !matches!(live.cell().place, Place::Unknown | Place::Absent)
            });
            // And is not looked for again until as many have come.
            let left = shelf.len();
            shelf.reserve(left.max(1));
        }
        let live = Arc::new(Live::new(id.clone(), place));
        shelf.insert(id.clone(), Arc::clone(&live));
        live
    }

    /// Forgets a stream that is not in memory, if nobody but the caller holds it.
    pub(super) fn forget(&self, live: &Arc<Live>) {
        let mut shelf = self.shelf(&live.id).lock();
        // One is the shelf's, one the caller's.
        if Arc::strong_count(live) <= 2 && matches!(live.cell().place, Place::Unknown | Place::Absent) {
            shelf.remove(&live.id);
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<Live>> {
        self.shelves.iter().flat_map(|shelf| shelf.lock().values().cloned().collect::<Vec<_>>()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conversation;

    #[test]
    fn what_nobody_holds_and_is_not_in_memory_does_not_stay() {
        let shelves = Shelves::new();
        let id = |n: u32| StreamId::new(Conversation::new("test", "1").unwrap(), &n.to_string()).unwrap();
        let held: Vec<_> = (0..100).map(|n| shelves.take(&id(n), Place::Unknown)).collect();
        for n in 100..100_000 {
            drop(shelves.take(&id(n), Place::Unknown));
        }
        assert!(shelves.all().len() < 64 * 100, "{} are known", shelves.all().len());
        assert!(held.iter().all(|live| Arc::ptr_eq(live, &shelves.find(&live.id).unwrap())));
    }
}
