//! The cache of decoded sessions: bounded in bytes, the ones not used lately go first.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::entry::Entry;
use crate::Conversation;

/// Conversations are spread over so many locks.
const SHELVES: usize = 16;

/// About what a place in the cache costs beside the value.
const PLACE_BYTES: usize = 160;

/// How often a session was found in the cache, and how often it was read from the storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Loads that found the decoded value.
    pub hits: u64,
    /// Loads that did not.
    pub misses: u64,
    /// The bytes held, about.
    pub bytes: usize,
}

impl CacheStats {
    /// The share of loads that found the decoded value, from 0 to 1; 0 before the first.
    pub fn hit_rate(&self) -> f64 {
        let loads = self.hits + self.misses;
        if loads == 0 { 0.0 } else { self.hits as f64 / loads as f64 }
    }
}

/// Sessions are taken out to be used and put back afterwards, so that nothing is copied. A place stays while its
/// session is out: taking and putting back changes no map.
pub(super) struct Cache<S> {
    shelves: [Mutex<Shelf<S>>; SHELVES],
    max_bytes: usize,
    /// All shelves together; changed under a shelf's lock, read by all.
    bytes: AtomicUsize,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Shelf<S> {
    places: HashMap<Conversation, usize, RandomState>,
    slots: Vec<Option<Slot<S>>>,
    free: Vec<usize>,
    /// Where the search for a session to drop goes on: a clock's hand.
    hand: usize,
}

struct Slot<S> {
    conversation: Conversation,
    /// `None` while it is out, or was dropped outside.
    entry: Option<Box<Entry<S>>>,
    cost: usize,
    /// Used since the hand went by.
    used: bool,
}

impl<S> Cache<S> {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            shelves: std::array::from_fn(|_| Mutex::new(Shelf::new())),
            max_bytes,
            bytes: AtomicUsize::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(super) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Takes a session out.
    pub(super) fn take(&self, conversation: &Conversation) -> Option<Box<Entry<S>>> {
        let entry = self.shelf(conversation).lock().take(conversation);
        let count = if entry.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        entry
    }

    /// Drops a session. Not counted as a hit or a miss.
    pub(super) fn remove(&self, conversation: &Conversation) -> Option<Box<Entry<S>>> {
        self.shelf(conversation).lock().take(conversation)
    }

    /// Puts a session in, unless a newer one is there, and drops others while there are too many bytes.
    pub(super) fn put(&self, conversation: &Conversation, entry: Box<Entry<S>>) {
        let cost = entry.cost() + PLACE_BYTES + conversation.as_str().len();
        if cost > self.max_bytes {
            return;
        }
        let grown = self.shelf(conversation).lock().put(conversation, entry, cost);
        // Wrapping addition of a negative number is subtraction.
        let before = self.bytes.fetch_add(grown.cast_unsigned(), Ordering::Relaxed);
        if before.wrapping_add_signed(grown) > self.max_bytes {
            self.shrink(conversation);
        }
    }

    /// Begins with the next shelf, so that what was just put in is the last to go.
    fn shrink(&self, conversation: &Conversation) {
        let own = conversation.shard().index() % SHELVES;
        for i in 1..=SHELVES {
            let mut shelf = self.shelves[(own + i) % SHELVES].lock();
            while self.bytes.load(Ordering::Relaxed) > self.max_bytes {
                let Some((freed, entry)) = shelf.evict() else { break };
                self.bytes.fetch_sub(freed, Ordering::Relaxed);
                drop(entry);
            }
        }
    }

    fn shelf(&self, conversation: &Conversation) -> &Mutex<Shelf<S>> {
        &self.shelves[conversation.shard().index() % SHELVES]
    }
}

impl<S> Shelf<S> {
    fn new() -> Self {
        Self { places: HashMap::default(), slots: Vec::new(), free: Vec::new(), hand: 0 }
    }

    fn slot(&mut self, conversation: &Conversation) -> Option<&mut Slot<S>> {
        let place = *self.places.get(conversation)?;
        self.slots[place].as_mut()
    }

    fn take(&mut self, conversation: &Conversation) -> Option<Box<Entry<S>>> {
        let slot = self.slot(conversation)?;
        slot.used = true;
        slot.entry.take()
    }

    /// Tells by how many bytes it grew.
    fn put(&mut self, conversation: &Conversation, entry: Box<Entry<S>>, cost: usize) -> isize {
        if let Some(slot) = self.slot(conversation) {
            if slot.entry.as_ref().is_some_and(|there| entry.is_older_than(there)) {
                return 0;
            }
            slot.entry = Some(entry);
            slot.used = true;
            return cost.cast_signed() - std::mem::replace(&mut slot.cost, cost).cast_signed();
        }
        let slot = Some(Slot { conversation: conversation.clone(), entry: Some(entry), cost, used: false });
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.places.insert(conversation.clone(), place);
        cost.cast_signed()
    }

    /// Frees a place: an empty one, or one that was not used since the hand went by last. `None` if there is none.
    fn evict(&mut self) -> Option<(usize, Option<Box<Entry<S>>>)> {
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(slot) = &mut self.slots[self.hand] else { continue };
            if slot.entry.is_some() && std::mem::take(&mut slot.used) {
                continue;
            }
            let slot = self.slots[self.hand].take()?;
            self.places.remove(&slot.conversation);
            self.free.push(self.hand);
            return Some((slot.cost, slot.entry));
        }
        None
    }
}

impl<S> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}
