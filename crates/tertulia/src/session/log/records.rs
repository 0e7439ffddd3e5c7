//! Reading a log inside a session: its records from the newest back, each of which hides what it replaced.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::place::{Home, Place};
use super::{gather, scope};
use crate::session::format::{Malformed, Record};
use crate::storage::{Base, CommitId, From, LogHead, LogPage, Offset, Page, Read};
use crate::{Error, Key, Result};

/// The fewest records that are read at once when more are needed.
pub(super) const MORE: u64 = 64;

/// The most bytes of a page.
pub(super) const PAGE_BYTES: usize = 16 << 20;

/// Consecutive items as they were read.
#[derive(Clone, Debug)]
pub(in crate::session) struct Tail {
    /// Whose they are.
    pub(in crate::session) place: Arc<Place>,
    /// The first position of the log.
    pub(in crate::session) start: u64,
    /// The position of the first item here.
    pub(in crate::session) first: u64,
    /// Offsets and items.
    pub(in crate::session) items: Vec<(u64, Bytes)>,
}

impl Tail {
    /// Of a log that is about to be written: what it will be when it is read.
    pub(in crate::session) fn of_new(new: &scope::NewItems, number: u64) -> Self {
        let items = new.items.iter().map(|item| (0, Bytes::copy_from_slice(item))).collect();
        Self { place: Place::new(number), start: new.start, first: new.from, items }
    }

    /// What `old` becomes with these items: the last `count` of all.
    pub(in crate::session) fn joined(
        old: Option<&Arc<Self>>,
        new: &scope::NewItems,
        number: u64,
        count: usize,
    ) -> Self {
        let mut tail = Self::of_new(new, number);
        if let Some(old) = old {
            let kept = usize::try_from(new.from.saturating_sub(old.first)).unwrap_or(usize::MAX);
            let kept = old.items.iter().take(kept).cloned();
            tail.items = kept.chain(tail.items).collect();
            tail.first = old.first.min(new.from);
        }
        let older = tail.items.len().saturating_sub(count);
        tail.items.drain(..older);
        tail.first += older as u64;
        tail
    }

    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.items.iter().map(|(_, item)| scope::decode_item(item)).collect()
    }
}

/// How to read the last `count` items with their session.
pub(in crate::session) fn read_tail(key: Key, count: usize) -> Read {
    let count = count.max(1);
    Read::new(key).from(From::Last(count)).limit(count, PAGE_BYTES).base(Base::Never)
}

impl Tail {
    /// The last `count` items, of which `page` is what [`read_tail`] gave; reads on if that was not enough.
    pub(in crate::session) async fn complete(
        home: Home,
        number: u64,
        page: LogPage,
        count: usize,
    ) -> Result<Self> {
        let head = page.head;
        let reach = page.first.0;
        let mut entries = page.entries;
        let rest = reach + entries.len() as u64;
        entries.extend(read_range(&home, head.incarnation, rest, head.end.0).await?);
        let newest = entries.last().ok_or(Malformed::Gap)?;
        let newest = home.open(reach + entries.len() as u64 - 1, newest)?;
        let newest = Record::decode(&newest)?;
        let (start, mut back) = (newest.start, Back::new(newest.end(), newest.start, count));
        back.take(&home, reach, &entries)?;
        back.read_on(&home, &head, reach).await?;
        let place = Place::stored(number, home, head);
        place.set_start(start);
        let tail = back.into_tail(place);
        tail.place.prepend(&tail);
        Ok(tail)
    }
}

/// Up to `count` items before position `first`.
pub(super) async fn read_before(place: &Arc<Place>, first: u64, start: u64, count: usize) -> Result<Tail> {
    place.settled().await?;
    let home = place.home()?;
    if place.is_mapped() {
        return gather::read_before(place, home, first, start, count).await;
    }
    let head = place.head().ok_or_else(|| Error::internal("a log that is not stored has items there"))?;
    let reach = place.offset_of(first).unwrap_or(head.end.0);
    let mut back = Back::new(first, start, count);
    back.read_on(home, &head, reach).await.map_err(|error| error.context(&home.key))?;
    Ok(back.into_tail(place.clone()))
}

/// Items found so far on the way back.
struct Back {
    /// Positions from here on are found, or replaced.
    hidden: u64,
    /// Positions before this one were dropped.
    start: u64,
    /// How many items are still wanted.
    want: usize,
    /// Newest first.
    items: Vec<(u64, Bytes)>,
}

impl Back {
    fn new(end: u64, start: u64, count: usize) -> Self {
        Self { hidden: end, start, want: count, items: Vec::new() }
    }

    fn is_done(&self) -> bool {
        self.want == 0 || self.hidden <= self.start
    }

    /// Takes entries from the last to the first, which lies at `offset`.
    fn take(&mut self, home: &Home, offset: u64, entries: &[Bytes]) -> Result<()> {
        for (i, entry) in entries.iter().enumerate().rev() {
            if self.is_done() {
                break;
            }
            let offset = offset + i as u64;
            let opened = home.open(offset, entry)?;
            let record = Record::decode(&opened)?;
            if record.end() < self.hidden {
                return Err(Malformed::Gap.into());
            }
            if record.from < self.hidden {
                self.hidden = record.from;
                if !record.item.is_empty() {
                    self.items.push((offset, home.migrate(&opened, record.schema, record.item)?));
                    self.want -= 1;
                }
            }
        }
        Ok(())
    }

    /// Reads the entries before `reach` until all is found.
    async fn read_on(&mut self, home: &Home, head: &LogHead, mut reach: u64) -> Result<()> {
        while !self.is_done() {
            if reach <= head.start.0 {
                return Err(Malformed::Gap.into());
            }
            let from = reach.saturating_sub(MORE.max(self.want as u64)).max(head.start.0);
            let entries = read_range(home, head.incarnation, from, reach).await?;
            self.take(home, from, &entries)?;
            reach = from;
        }
        Ok(())
    }

    fn into_tail(mut self, place: Arc<Place>) -> Tail {
        self.items.reverse();
        let first = if self.items.is_empty() { self.hidden.max(self.start) } else { self.hidden };
        Tail { place, start: self.start, first, items: self.items }
    }
}

/// The entries from one offset to another, in as many pages as it takes.
pub(super) async fn read_range(home: &Home, incarnation: CommitId, from: u64, to: u64) -> Result<Vec<Bytes>> {
    let mut entries = Vec::new();
    let mut next = from;
    while next < to {
        let read = range(home, incarnation, next..to, PAGE_BYTES);
        let pages = home.storage().read(std::slice::from_ref(&read)).await?;
        let page = pages.into_iter().next().transpose()?.flatten().and_then(Page::into_log);
        let page = page.filter(|page| !page.entries.is_empty()).ok_or(Malformed::Gap)?;
        next += page.entries.len() as u64;
        entries.extend(page.entries);
    }
    Ok(entries)
}

/// The read of the entries with these offsets, up to so many bytes of them.
pub(super) fn range(home: &Home, incarnation: CommitId, offsets: Range<u64>, bytes: usize) -> Read {
    let count = usize::try_from(offsets.end - offsets.start).unwrap_or(usize::MAX);
    Read::new(home.key.clone())
        .from(From::At(incarnation, Offset(offsets.start)))
        .limit(count, bytes)
        .base(Base::Never)
}

/// The head of a log; `None` if there is none.
pub(super) async fn head(home: &Home) -> Result<Option<LogHead>> {
    let pages = home.storage().read(&[Read::head(home.key.clone())]).await?;
    let page = pages.into_iter().next().transpose()?.flatten();
    Ok(page.and_then(|page| page.head().log()))
}
