//! Orders updates: those that share a key run one at a time in arrival order, the others side by side.
//!
//! An entry joins the list of each of its keys at once and is ready when it heads all of them, so waits point at
//! earlier arrivals only and there is no deadlock. This file knows no clock, no task and no storage.

mod away;
mod lanes;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use slab::Slab;
use std::sync::Arc;

pub(crate) use self::lanes::Lane;
use self::lanes::Lanes;

#[cfg(test)]
mod tests;

/// What updates are ordered by: a conversation's text form, or any other text that is not empty.
pub(crate) type Key = Arc<str>;

/// The entries that are known and not finished, and which of them may run.
#[derive(Debug)]
pub(crate) struct Sequencer<T> {
    entries: Slab<Entry<T>>,
    nodes: Slab<Node>,
    lists: Slab<List>,
    names: HashMap<Key, usize, RandomState>,
    /// Entries that head all their lists and were not taken yet.
    ready: Lanes,
    /// How many entries were added.
    added: u64,
    /// Of all entries.
    weight: usize,
    /// What counts as the moment at which entries are taken.
    moment: u32,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    /// Its first node; the others follow by `sibling`.
    node: Option<usize>,
    /// What it counts for in its lists' sums.
    weight: usize,
    /// Lists that it does not head, plus one while it is held.
    blocked: u32,
    /// The moment at which it was taken, if it is.
    taken: Option<u32>,
    /// How many were added before it.
    nth: u64,
    lane: Lane,
    /// It headed all its lists once: nothing goes before it any more.
    was_ready: bool,
    /// The keys of an entry that has left its lists for a while.
    away: Option<Vec<Key>>,
}

/// One entry in one key's list.
#[derive(Debug)]
struct Node {
    entry: usize,
    list: usize,
    sibling: Option<usize>,
    before: Option<usize>,
    behind: Option<usize>,
}

#[derive(Debug)]
struct List {
    name: Key,
    head: usize,
    tail: usize,
    sum: Sum,
}

/// What waits for a key, the entry that runs included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) entries: usize,
    /// Of the entries' weights.
    pub(crate) weight: usize,
}

/// Names an entry, also after it is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    entry: usize,
    /// As in the entry, so that the place of a finished one names no other.
    nth: u64,
}

impl Place {
    /// That of no entry.
    pub(crate) const NOWHERE: Self = Self { entry: usize::MAX, nth: u64::MAX };
}

impl<T> Default for Sequencer<T> {
    fn default() -> Self {
        Self {
            entries: Slab::new(),
            nodes: Slab::new(),
            lists: Slab::new(),
            names: HashMap::default(),
            ready: Lanes::default(),
            added: 0,
            weight: 0,
            moment: 0,
        }
    }
}

impl<T> Sequencer<T> {
    /// How many entries are known and not finished.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The weight of all entries.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// How many entries could be taken now.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// How many of those pass the queue.
    pub(crate) fn ready_to_pass(&self) -> usize {
        self.ready.passing()
    }

    /// How many keys have entries.
    pub(crate) fn keys(&self) -> usize {
        self.lists.len()
    }

    /// What is known of this key.
    pub(crate) fn sum(&self, key: &Key) -> Sum {
        self.names.get(key).map(|list| self.lists[*list].sum).unwrap_or_default()
    }

    /// Every key that entries wait for or hold, with what is known of it and its first entry, in no order.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&Key, Sum, &T)> {
        self.heads().map(|(list, node)| {
            let List { name, sum, .. } = &self.lists[list];
            (name, *sum, &self.entries[self.nodes[node].entry].value)
        })
    }

    fn heads(&self) -> impl Iterator<Item = (usize, usize)> {
        self.lists.iter().map(|(place, list)| (place, list.head))
    }

    /// Adds an entry behind all others of its keys. A key given twice counts once; without keys it is ready.
    /// `weight` counts in the sums of its keys.
    pub(crate) fn push(&mut self, lane: Lane, keys: &[Key], value: T, weight: usize) -> Place {
        let place = self.push_held(lane, keys, value, weight);
        self.resume(place);
        place
    }

    /// Adds an entry as [`push`](Self::push), and keeps it from running until [`resume`](Self::resume).
    pub(crate) fn push_held(&mut self, lane: Lane, keys: &[Key], value: T, weight: usize) -> Place {
        let nth = self.added;
        self.added += 1;
        let (node, blocked, taken, was_ready, away) = (None, 1, None, false, None);
        let entry = Entry { value, node, weight, blocked, taken, nth, lane, was_ready, away };
        let entry = self.entries.insert(entry);
        self.weight += weight;
        for (i, key) in keys.iter().enumerate() {
            if !keys[..i].contains(key) {
                self.join(entry, key, weight);
            }
        }
        Place { entry, nth }
    }

    fn join(&mut self, entry: usize, key: &Key, weight: usize) {
        let sibling = self.entries[entry].node;
        let node = Node { entry, list: 0, sibling, before: None, behind: None };
        let node = self.nodes.insert(node);
        self.entries[entry].node = Some(node);
        if let Some(&list) = self.names.get(key) {
            let List { tail, sum, .. } = &mut self.lists[list];
            sum.entries += 1;
            sum.weight += weight;
            let tail = std::mem::replace(tail, node);
            self.nodes[tail].behind = Some(node);
            self.nodes[node].before = Some(tail);
            self.nodes[node].list = list;
            self.entries[entry].blocked += 1;
        } else {
            let sum = Sum { entries: 1, weight };
            let list = self.lists.insert(List { name: key.clone(), head: node, tail: node, sum });
            self.names.insert(key.clone(), list);
            self.nodes[node].list = list;
        }
    }

    /// Takes the entry whose turn it is among those that do not pass the queue. It stays at the head of its lists
    /// until it is finished.
    pub(crate) fn take(&mut self) -> Option<(Place, T)>
    where
        T: Clone,
    {
        let entry = self.ready.take()?;
        Some(self.taken(entry))
    }

    /// Takes the entry that has been ready for longest of those that pass the queue.
    pub(crate) fn take_passing(&mut self) -> Option<(Place, T)>
    where
        T: Clone,
    {
        let entry = self.ready.take_passing()?;
        Some(self.taken(entry))
    }

    /// As [`take`](Self::take), of all those that `wanted` picks.
    pub(crate) fn take_one_of(&mut self, wanted: impl Fn(&T) -> bool) -> Option<(Place, T)>
    where
        T: Clone,
    {
        let entry = self.ready.iter().find(|entry| wanted(&self.entries[*entry].value))?;
        self.ready.remove(self.entries[entry].lane, entry);
        Some(self.taken(entry))
    }

    fn taken(&mut self, at: usize) -> (Place, T)
    where
        T: Clone,
    {
        let entry = &mut self.entries[at];
        entry.taken = Some(self.moment);
        (Place { entry: at, nth: entry.nth }, entry.value.clone())
    }

    /// Goes on to the next moment; gives the entries that were taken exactly `ago` moments before it and are not
    /// finished or held.
    pub(crate) fn next_moment(&mut self, ago: u32) -> impl Iterator<Item = &T> {
        self.moment = self.moment.wrapping_add(1);
        let then = Some(self.moment.wrapping_sub(ago));
        self.entries.iter().filter(move |(_, entry)| entry.taken == then).map(|(_, entry)| &entry.value)
    }

    /// The entries that could be taken now.
    pub(crate) fn ready_entries(&self) -> impl Iterator<Item = &T> {
        self.ready.iter().map(|entry| &self.entries[entry].value)
    }

    /// What is kept of an entry, unless it is finished.
    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        self.entry(place).map(|entry| &entry.value)
    }

    /// As [`get`](Self::get), to be changed.
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.entry_mut(place).map(|entry| &mut entry.value)
    }

    fn entry(&self, place: Place) -> Option<&Entry<T>> {
        self.entries.get(place.entry).filter(|entry| entry.nth == place.nth)
    }

    fn entry_mut(&mut self, place: Place) -> Option<&mut Entry<T>> {
        self.entries.get_mut(place.entry).filter(|entry| entry.nth == place.nth)
    }

    /// Gives a taken entry back, changed, and keeps it from running until [`resume`](Self::resume); it goes on
    /// holding its keys.
    pub(crate) fn hold(&mut self, place: Place, value: T) {
        if let Some(entry) = self.entry_mut(place) {
            entry.value = value;
            entry.blocked += 1;
            entry.taken = None;
        }
    }

    /// Makes a held entry ready again, as often as it was held; nothing if it is finished.
    pub(crate) fn resume(&mut self, place: Place) {
        if self.entry(place).is_some() {
            self.unblock(place.entry);
        }
    }

    /// Removes an entry that is not ready; whoever heads its lists now may become ready.
    pub(crate) fn finish(&mut self, place: Place) {
        if self.entry(place).is_none() {
            return;
        }
        let Entry { node: mut next, weight, .. } = self.entries.remove(place.entry);
        self.weight -= weight;
        while let Some(node) = next {
            next = self.leave(node, weight);
        }
    }

    /// Takes a node out of its list; gives the next node of the same entry.
    fn leave(&mut self, node: usize, weight: usize) -> Option<usize> {
        let Node { list, sibling, before, behind, .. } = self.nodes.remove(node);
        let sum = &mut self.lists[list].sum;
        sum.entries -= 1;
        sum.weight -= weight;
        match before {
            Some(before) => self.nodes[before].behind = behind,
            None => match behind {
                Some(behind) => self.lists[list].head = behind,
                None => {
                    let List { name, .. } = self.lists.remove(list);
                    self.names.remove(&name);
                }
            },
        }
        match behind {
            Some(behind) => {
                self.nodes[behind].before = before;
                if before.is_none() {
                    self.unblock(self.nodes[behind].entry);
                }
            }
            None => {
                if let Some(before) = before {
                    self.lists[list].tail = before;
                }
            }
        }
        sibling
    }

    fn unblock(&mut self, entry: usize) {
        let Entry { blocked, lane, was_ready, .. } = &mut self.entries[entry];
        *blocked -= 1;
        if *blocked == 0 {
            *was_ready = true;
            self.ready.push(*lane, entry);
        }
    }

    /// Every entry that is not finished, in no order, to be changed.
    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, entry)| &mut entry.value)
    }

    /// Every entry that is not finished, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, entry)| &entry.value)
    }
}
