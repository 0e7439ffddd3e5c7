//! A bounded map that forgets what was not used lately.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::{Index, IndexMut};

use foldhash::fast::RandomState;
use slab::Slab;

/// Two generations: what is used moves to the young one; when that is full, the old one is forgotten. Nothing is
/// forgotten between two calls of [`age`](Self::age), so that until then a value is found again by its [`Place`],
/// without its key.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    young: HashMap<K, Place, RandomState>,
    old: HashMap<K, Place, RandomState>,
    values: Slab<V>,
    /// The most a generation holds after ageing.
    bound: usize,
}

/// Where a value is. Good until it is removed or forgotten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    /// Keeps about `bound` values.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            values: Slab::new(),
            bound: (bound / 2).max(1),
        }
    }

    pub(super) fn find(&mut self, key: &K) -> Option<Place> {
        if let Some(place) = self.young.get(key) {
            return Some(*place);
        }
        if self.old.is_empty() {
            return None;
        }
        let (key, place) = self.old.remove_entry(key)?;
        self.young.insert(key, place);
        Some(place)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Place {
        match self.find(&key) {
            Some(place) => {
                self.values[place.0] = value;
                place
            }
            None => {
                let place = Place(self.values.insert(value));
                self.young.insert(key, place);
                place
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        let place = match self.young.remove(key) {
            None if !self.old.is_empty() => self.old.remove(key),
            place => place,
        };
        if let Some(place) = place {
            self.values.remove(place.0);
        }
    }

    /// Forgets the old generation if the young one is full.
    pub(super) fn age(&mut self) {
        if self.young.len() > self.bound {
            for place in std::mem::take(&mut self.old).into_values() {
                self.values.remove(place.0);
            }
            self.old = std::mem::take(&mut self.young);
        }
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.values.clear();
    }
}

impl<K, V> Index<Place> for Cache<K, V> {
    type Output = V;

    fn index(&self, place: Place) -> &V {
        &self.values[place.0]
    }
}

impl<K, V> IndexMut<Place> for Cache<K, V> {
    fn index_mut(&mut self, place: Place) -> &mut V {
        &mut self.values[place.0]
    }
}
