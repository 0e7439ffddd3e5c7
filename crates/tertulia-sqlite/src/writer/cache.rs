//! A bounded map that forgets what was not used lately.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Two generations: what is used moves to the young one; when that is full, the old one is forgotten. Nothing is
/// forgotten between two calls of [`age`](Self::age).
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    /// The most a generation holds after ageing.
    bound: usize,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    /// Keeps about `bound` values.
    pub(super) fn new(bound: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), bound: (bound / 2).max(1) }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if !self.old.is_empty()
            && !self.young.contains_key(key)
            && let Some((key, value)) = self.old.remove_entry(key)
        {
            self.young.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.old.remove(key);
        self.young.remove(key).or(old)
    }

    /// Forgets the old generation if the young one is full.
    pub(super) fn age(&mut self) {
        if self.young.len() > self.bound {
            self.old = std::mem::take(&mut self.young);
        }
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}
