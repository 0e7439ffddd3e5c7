//! What a list can be made of and turned into.

use super::{Link, Log, Mutex, fmt};

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A copy is another log. It can be stored if it was wholly loaded, since only then it has all items.
impl<T: Clone> Clone for Log<T> {
    fn clone(&self) -> Self {
        let link = self.link.lock();
        let link = if link.is_mark { link.clone() } else { Link::default() };
        Self { items: self.items.clone(), first: self.first, start: self.start, link: Mutex::new(link) }
    }
}

impl<T> From<Vec<T>> for Log<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, ..Self::new() }
    }
}

impl<T> FromIterator<T> for Log<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Vec::from_iter(items).into()
    }
}

impl<T> Extend<T> for Log<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.items.extend(items);
    }
}

impl<T: fmt::Debug> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("not_loaded", &self.not_loaded()).field("tail", &self.items).finish()
    }
}
