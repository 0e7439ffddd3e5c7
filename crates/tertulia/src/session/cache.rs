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

/// Which write of a session was the last that this store knows of. What was loaded in an earlier one is outdated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation(u64);

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
    /// The last generation that was given.
    last: Generation,
    /// The generation of those that have no slot: the last that any of them had.
    floor: Generation,
}

struct Slot<S> {
    conversation: Conversation,
    /// `None` while it is out, or was dropped outside.
    entry: Option<Box<Entry<S>>>,
    cost: usize,
    /// Used since the hand went by.
    used: bool,
    generation: Generation,
    /// Somebody is about to queue a write.
    claimed: bool,
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

    /// Takes a session out, and tells which generation it is of; where it is not there, which one would be.
    pub(super) fn take(&self, conversation: &Conversation) -> (Option<Box<Entry<S>>>, Generation) {
        let (entry, generation) = self.shelf(conversation).lock().take(conversation);
        let count = if entry.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        (entry, generation)
    }

    /// A session was written, by whoever has it, or is not what it was: what is there and what others have loaded is
    /// outdated. Gives the generation from here on.
    pub(super) fn outdate(&self, conversation: &Conversation) -> Generation {
        let (generation, entry, grown) = self.shelf(conversation).lock().outdate(conversation, false);
        self.grow(conversation, grown);
        drop(entry);
        generation
    }

    /// The same for who has loaded it in `generation`, before the write is queued; `None` if somebody else was
    /// first, or is at it. Nobody else can do so before [`outdate`](Self::outdate) is called.
    pub(super) fn claim(&self, conversation: &Conversation, generation: Generation) -> Option<Generation> {
        let mut shelf = self.shelf(conversation).lock();
        if shelf.generation(conversation) != generation || shelf.is_claimed(conversation) {
            return None;
        }
        let (generation, entry, grown) = shelf.outdate(conversation, true);
        drop(shelf);
        self.grow(conversation, grown);
        drop(entry);
        Some(generation)
    }

    /// Puts a session in that is of this generation, unless it is outdated, and drops others while there are too
    /// many bytes. Without a generation it was written just now, and all others are outdated.
    pub(super) fn put(&self, conversation: &Conversation, entry: Box<Entry<S>>, of: Option<Generation>) {
        let cost = entry.cost() + place_bytes(conversation);
        if cost > self.max_bytes {
            if of.is_none() {
                self.outdate(conversation);
            }
            return;
        }
        let grown = self.shelf(conversation).lock().put(conversation, entry, cost, of);
        self.grow(conversation, grown);
    }

    fn grow(&self, conversation: &Conversation, grown: isize) {
        // Wrapping addition of a negative number is subtraction.
        let before = self.bytes.fetch_add(grown.cast_unsigned(), Ordering::Relaxed);
        if grown > 0 && before.wrapping_add_signed(grown) > self.max_bytes {
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

fn place_bytes(conversation: &Conversation) -> usize {
    PLACE_BYTES + conversation.as_str().len()
}

impl<S> Shelf<S> {
    fn new() -> Self {
        let (places, slots, free) = (HashMap::default(), Vec::new(), Vec::new());
        Self { places, slots, free, hand: 0, last: Generation(0), floor: Generation(0) }
    }

    fn slot(&mut self, conversation: &Conversation) -> Option<&mut Slot<S>> {
        let place = *self.places.get(conversation)?;
        self.slots[place].as_mut()
    }

    fn generation(&mut self, conversation: &Conversation) -> Generation {
        let floor = self.floor;
        self.slot(conversation).map_or(floor, |slot| slot.generation)
    }

    fn is_claimed(&mut self, conversation: &Conversation) -> bool {
        self.slot(conversation).is_some_and(|slot| slot.claimed)
    }

    fn take(&mut self, conversation: &Conversation) -> (Option<Box<Entry<S>>>, Generation) {
        let floor = self.floor;
        let Some(slot) = self.slot(conversation) else { return (None, floor) };
        slot.used = true;
        (slot.entry.take(), slot.generation)
    }

    /// Tells by how many bytes it grew.
    fn outdate(
        &mut self,
        conversation: &Conversation,
        claimed: bool,
    ) -> (Generation, Option<Box<Entry<S>>>, isize) {
        self.last.0 += 1;
        let generation = self.last;
        if let Some(slot) = self.slot(conversation) {
            (slot.generation, slot.claimed) = (generation, claimed);
            return (generation, slot.entry.take(), 0);
        }
        let cost = place_bytes(conversation);
        self.insert(conversation, None, cost, generation, claimed);
        (generation, None, cost.cast_signed())
    }

    /// Tells by how many bytes it grew.
    fn put(
        &mut self,
        conversation: &Conversation,
        entry: Box<Entry<S>>,
        cost: usize,
        of: Option<Generation>,
    ) -> isize {
        if of.is_none() {
            self.last.0 += 1;
        }
        let (last, floor) = (self.last, self.floor);
        let Some(slot) = self.slot(conversation) else {
            if of.is_none_or(|of| of == floor) {
                self.insert(conversation, Some(entry), cost, of.unwrap_or(last), false);
                return cost.cast_signed();
            }
            return 0;
        };
        match of {
            Some(of) if of != slot.generation => return 0,
            Some(_) => {}
            None => slot.generation = last,
        }
        slot.entry = Some(entry);
        slot.used = true;
        cost.cast_signed() - std::mem::replace(&mut slot.cost, cost).cast_signed()
    }

    fn insert(
        &mut self,
        conversation: &Conversation,
        entry: Option<Box<Entry<S>>>,
        cost: usize,
        generation: Generation,
        claimed: bool,
    ) {
        let conversation = conversation.clone();
        let slot = Slot { conversation: conversation.clone(), entry, cost, used: false, generation, claimed };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = Some(slot);
                place
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        self.places.insert(conversation, place);
    }

    /// Frees a place: an empty one, or one that was not used since the hand went by last. `None` if there is none.
    fn evict(&mut self) -> Option<(usize, Option<Box<Entry<S>>>)> {
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(slot) = &mut self.slots[self.hand] else { continue };
            if slot.claimed || slot.entry.is_some() && std::mem::take(&mut slot.used) {
                continue;
            }
            let slot = self.slots[self.hand].take()?;
            self.places.remove(&slot.conversation);
            self.free.push(self.hand);
            // Who has it loaded in an earlier one must not put it back.
            self.floor = self.floor.max(slot.generation);
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
