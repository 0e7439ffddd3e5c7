//! A list for histories, kept in a log of its own: what is written is what was added, however long it is.

mod convert;
mod gather;
mod mapped;
mod place;
mod records;
mod runs;
mod scope;
mod serde;

use std::fmt;
use std::sync::Arc;

use ::serde::de::DeserializeOwned;
use parking_lot::Mutex;

pub(super) use self::mapped::Moved;
pub(super) use self::place::{Home, Place};
pub(super) use self::records::{Tail, read_tail};
pub(super) use self::runs::Runs;
pub(super) use self::scope::{Encoded, decode, decode_edited, decode_passing, encode, encode_passing};
use crate::error::Kind;
use crate::{Error, Result};

/// The MessagePack extension type of what stands for a log in its session: its number, 8 bytes, big-endian.
pub(super) const EXTENSION: i8 = 0x4c;

/// A list that may grow without end: the messages of a conversation, the steps of an agent.
///
/// Inside a session it is stored as a log of its own. A turn writes what it added, dropped at the front, or changed
/// at the end, and nothing else is rewritten; only the last items are loaded with the session (256 unless the
/// store's options say otherwise). So there are two lengths: [`len`](Self::len) counts all items,
/// [`tail`](Self::tail) gives those that are loaded, and [`load_before`](Self::load_before) loads older ones. For
/// the same reason it does not pass for a slice: that would silently mean the last 256.
///
/// It may stand anywhere in a session, as often as 120 times, but not inside an item of another `Log`. A `Vec` field
/// can become a `Log`: what is stored is taken over. Elsewhere it is an ordinary list, and is serialized as one; but
/// not while items are not loaded.
///
/// ```
/// # use tertulia::Log;
/// let mut history = Log::new();
/// history.extend(["hello", "how are you?", "fine"]);
/// history.keep_last(2);
/// assert_eq!(history.tail(), ["how are you?", "fine"]);
/// ```
pub struct Log<T> {
    /// The items from position `first` on.
    items: Vec<T>,
    /// The position of the first loaded item. Positions count every item there ever was.
    first: u64,
    /// The position of the first item that was not dropped.
    start: u64,
    /// What is stored of it. Encoding moves it through a shared reference; hence the lock, which nobody else wants.
    link: Mutex<Link>,
}

/// What a log knows of itself as it is stored.
#[derive(Clone, Debug, Default)]
struct Link {
    /// Where; `None` if it is not part of a stored session.
    place: Option<Arc<Place>>,
    /// The start and the end when it was encoded or read last.
    start: u64,
    end: u64,
    /// The items before this position are stored as they are.
    clean: u64,
    /// Whether it only stands for a stored log, in a state that is being migrated.
    is_mark: bool,
}

impl<T> Log<T> {
    /// An empty one.
    pub const fn new() -> Self {
        let link = Link { place: None, start: 0, end: 0, clean: 0, is_mark: false };
        Self { items: Vec::new(), first: 0, start: 0, link: Mutex::new(link) }
    }

    /// How many items there are, loaded or not.
    pub fn len(&self) -> usize {
        usize::try_from(self.end() - self.start).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.end() == self.start
    }

    /// How many items are older than the loaded ones.
    pub fn not_loaded(&self) -> usize {
        usize::try_from(self.first - self.start).unwrap_or(usize::MAX)
    }

    /// The loaded items, which are the last ones, oldest first.
    pub fn tail(&self) -> &[T] {
        &self.items
    }

    /// The last `n` items, or as many as are loaded, oldest first.
    pub fn last(&self, n: usize) -> &[T] {
        &self.items[self.items.len().saturating_sub(n)..]
    }

    /// The last item. `None` if there is none; a log with items always has its last one loaded, unless
    /// [`pop`](Self::pop) took all that were.
    pub fn back(&self) -> Option<&T> {
        self.items.last()
    }

    /// The last item, to be changed. It is written again, changed or not.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.last_mut(1).last_mut()
    }

    /// The last `n` items, or as many as are loaded, to be changed. They are written again, changed or not.
    pub fn last_mut(&mut self, n: usize) -> &mut [T] {
        let from = self.items.len() - n.min(self.items.len());
        self.dirty(from);
        &mut self.items[from..]
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// Removes the last item. `None` if none is loaded: if [`len`](Self::len) is not 0 then, load older ones first.
    pub fn pop(&mut self) -> Option<T> {
        let item = self.items.pop()?;
        self.dirty(self.items.len());
        Some(item)
    }

    /// Drops the oldest items, so that at most `n` are left.
    pub fn keep_last(&mut self, n: usize) {
        let start = self.end().saturating_sub(n as u64).max(self.start);
        let drop = usize::try_from(start.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if drop > 0 {
            self.items.drain(..drop);
            self.first = start;
        }
        self.start = start;
    }

    /// Drops the `n` oldest items, loaded or not.
    pub fn drop_first(&mut self, n: usize) {
        self.keep_last(self.len().saturating_sub(n));
    }

    /// Drops all items.
    pub fn clear(&mut self) {
        self.keep_last(0);
    }

    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// The loaded items from this index on are not what is stored.
    fn dirty(&mut self, index: usize) {
        let link = self.link.get_mut();
        link.clean = link.clean.min(self.first + index as u64);
    }
}

impl<T: DeserializeOwned> Log<T> {
    /// Loads up to `n` items more, those before the loaded ones, and tells how many it was.
    ///
    /// # Errors
    /// `Conflict` if somebody else changed the log meanwhile so that they are gone; `Corrupt`; `Unavailable`.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the log as it was.
    pub async fn load_before(&mut self, n: usize) -> Result<usize> {
        let place = self.link.get_mut().place.clone();
        let Some((place, older)) = self.read(place, n).await? else { return Ok(0) };
        let items = older.decode()?;
        let count = items.len();
        place.prepend(&older);
        self.first -= count as u64;
        self.items.splice(0..0, items);
        Ok(count)
    }

    /// Loads every item, and tells how many it was.
    ///
    /// # Errors
    /// As [`load_before`](Self::load_before).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the log as it was.
    pub async fn load_all(&mut self) -> Result<usize> {
        self.load_before(self.not_loaded()).await
    }

    /// Reads up to `n` items, those before the loaded ones, without keeping them: for readers.
    ///
    /// # Errors
    /// As [`load_before`](Self::load_before).
    pub async fn before(&self, n: usize) -> Result<Vec<T>>
    where
        T: Sync,
    {
        let place = self.link.lock().place.clone();
        match self.read(place, n).await? {
            None => Ok(Vec::new()),
            Some((_, older)) => older.decode(),
        }
    }

    fn read(
        &self,
        place: Option<Arc<Place>>,
        n: usize,
    ) -> impl Future<Output = Result<Option<(Arc<Place>, Tail)>>> + Send + use<T> {
        let (first, start) = (self.first, self.start);
        async move {
            let (Some(place), true) = (place, n > 0 && first > start) else { return Ok(None) };
            let older = records::read_before(&place, first, start, n).await.map_err(|error| {
                if error.kind() != Kind::Gone {
                    return error;
                }
                Error::new(Kind::Conflict, "a log changed since it was loaded").with_source(error)
            })?;
            Ok(Some((place, older)))
        }
    }
}
