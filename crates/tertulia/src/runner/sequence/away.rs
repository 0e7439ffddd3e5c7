//! Entries that leave their lists for another one's sake: what a turn has taken in beside its own update.

use super::{Entry, Key, Place, Sequencer};

impl<T> Sequencer<T> {
    /// The entries behind this one in any of its lists, in the order of their arrival.
    pub(crate) fn behind(&self, place: Place) -> Vec<(Place, &T)> {
        let Some(Entry { node, .. }) = self.entry(place) else { return Vec::new() };
        let mut behind: Vec<usize> = Vec::new();
        let mut list = *node;
        while let Some(own) = list {
            let mut next = self.nodes[own].behind;
            while let Some(node) = next {
                behind.push(self.nodes[node].entry);
                next = self.nodes[node].behind;
            }
            list = self.nodes[own].sibling;
        }
        behind.sort_unstable_by_key(|entry| self.entries[*entry].nth);
        behind.dedup();
        let named = |at: usize| {
            let Entry { value, nth, .. } = &self.entries[at];
            (Place { entry: at, nth: *nth }, value)
        };
        behind.into_iter().map(named).collect()
    }

    /// Whether the entry is in any list, so that others may come to be behind it.
    pub(crate) fn has_keys(&self, place: Place) -> bool {
        self.entry(place).is_some_and(|entry| entry.node.is_some())
    }

    /// The entries that head the lists of this one and are not itself.
    pub(crate) fn ahead(&self, place: Place) -> impl Iterator<Item = Place> {
        let mut next = self.entry(place).and_then(|entry| entry.node);
        let of = std::iter::from_fn(move || {
            let node = &self.nodes[next?];
            next = node.sibling;
            Some(node.list)
        });
        let heads = of.map(|list| self.nodes[self.lists[list].head].entry);
        heads.filter(move |head| *head != place.entry).map(|head| self.place(head))
    }

    /// The entry that heads the list of this key.
    pub(crate) fn head(&self, key: &Key) -> Option<Place> {
        let list = self.names.get(key)?;
        Some(self.place(self.nodes[self.lists[*list].head].entry))
    }

    fn place(&self, entry: usize) -> Place {
        Place { entry, nth: self.entries[entry].nth }
    }

    /// Takes an entry that was never ready out of all its lists, so that nobody waits for it, until it is
    /// [given back](Self::give_back). Tells whether it could be done.
    pub(crate) fn withdraw(&mut self, place: Place) -> bool {
        let Some(entry) = self.entry_mut(place) else { return false };
        if entry.was_ready || entry.away.is_some() {
            return false;
        }
        // Being away keeps it from running.
        entry.blocked += 1;
        let (mut next, weight) = (entry.node.take(), entry.weight);
        let mut keys = Vec::new();
        while let Some(node) = next {
            let list = &self.lists[self.nodes[node].list];
            keys.push(list.name.clone());
            if list.head != node {
                self.entries[place.entry].blocked -= 1;
            }
            next = self.leave(node, weight);
        }
        self.entries[place.entry].away = Some(keys);
        true
    }

    /// Puts an entry that was withdrawn back into its lists: in the order of arrival among those that wait, and behind
    /// what was ready before, so that nobody waits for one who waits for him.
    pub(crate) fn give_back(&mut self, place: Place) {
        let Some(entry) = self.entry_mut(place) else { return };
        let Some(keys) = entry.away.take() else { return };
        let weight = entry.weight;
        // In the order in which they were.
        for key in keys.iter().rev() {
            self.rejoin(place, key, weight);
        }
        self.resume(place);
    }

    fn rejoin(&mut self, place: Place, key: &Key, weight: usize) {
        self.join(place.entry, key, weight);
        let node = self.entries[place.entry].node.expect("it has just joined a list");
        // From the end towards the front.
        while let Some(before) = self.nodes[node].before {
            let Entry { nth, was_ready, .. } = &self.entries[self.nodes[before].entry];
            if *nth < place.nth || *was_ready {
                break;
            }
            self.swap(before, node);
        }
    }

    /// Puts a node before the one that is just before it.
    fn swap(&mut self, first: usize, second: usize) {
        let list = self.nodes[first].list;
        let (before, behind) = (self.nodes[first].before, self.nodes[second].behind);
        self.nodes[second].before = before;
        self.nodes[second].behind = Some(first);
        self.nodes[first].before = Some(second);
        self.nodes[first].behind = behind;
        match before {
            Some(before) => self.nodes[before].behind = Some(second),
            None => {
                // What headed the list waits, and the other one does no longer.
                self.lists[list].head = second;
                let (first, second) = (self.nodes[first].entry, self.nodes[second].entry);
                self.entries[first].blocked += 1;
                self.entries[second].blocked -= 1;
            }
        }
        match behind {
            Some(behind) => self.nodes[behind].before = Some(first),
            None => self.lists[list].tail = first,
        }
    }

    /// Keeps an entry that is ready or held from being taken, until it is [resumed](Self::resume) once more. Tells
    /// whether it could be done: not while it is taken.
    pub(crate) fn stop(&mut self, place: Place) -> bool {
        let Some(entry) = self.entry_mut(place) else { return false };
        if entry.taken.is_some() {
            return false;
        }
        entry.blocked += 1;
        let (is_ready, lane) = (entry.blocked == 1, entry.lane);
        if is_ready {
            self.ready.remove(lane, place.entry);
        }
        true
    }

    /// Takes a held entry at once, whoever else is ready.
    pub(crate) fn take_this(&mut self, place: Place) {
        let moment = self.moment;
        let Some(entry) = self.entry_mut(place) else { return };
        let (is_ready, lane) = (entry.blocked == 0, entry.lane);
        entry.taken = Some(moment);
        if is_ready {
            self.ready.remove(lane, place.entry);
        } else {
            entry.blocked -= 1;
        }
    }
}
