//! Reads the queues of one name over all shards, a page at a time.

use std::collections::VecDeque;

use super::EntryId;
use crate::error::Kind;
use crate::storage::{Base, From, Offset, Page, QueueEntry, QueueHead, QueuePage, Read, Storage};
use crate::{Conversation, Error, Key, Name, Result, Shard};

/// The most bytes of what one page of a listing holds, but for a single entry.
const MAX_BYTES: usize = 4 << 20;

/// Which entries to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only those of this conversation.
    pub conversation: Option<Conversation>,
    /// Only those behind this one: [`Listing::next`] of the page before.
    pub after: Option<EntryId>,
    /// The most entries of a page, at least 1: 100.
    pub limit: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self { conversation: None, after: None, limit: 100 }
    }
}

/// A page of a listing.
#[derive(Debug)]
pub struct Listing<T> {
    /// By shard; within one oldest first.
    pub entries: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<EntryId>,
}

/// The entries of the queues called `name` of which `pick` makes something.
///
/// # Errors
/// What the storage gives.
pub(super) async fn list<T>(
    storage: &dyn Storage,
    name: &Name,
    query: &Query,
    mut pick: impl FnMut(EntryId, QueueEntry) -> Option<T>,
) -> Result<Listing<T>> {
    let mut listing = Listing { entries: Vec::new(), next: None };
    let (mut bytes, mut last) = (0, query.after);
    let mut shards = VecDeque::from(filled(storage, name, query).await?);
    while let Some((shard, head)) = shards.pop_front() {
        let mut from = match query.after {
            Some(after) if after.shard == shard => Offset(after.offset.0.saturating_add(1)),
            _ => Offset(0),
        };
        while from < head.end {
            let page = read(storage, name, shard, &head, from).await?;
            let Some(end) = page.entries.last().map(|entry| entry.offset) else { break };
            from = Offset(end.0 + 1);
            for entry in page.entries {
                let (id, length) = (EntryId { shard, offset: entry.offset }, entry.bytes.len());
                let Some(picked) = pick(id, entry) else { continue };
                let full = listing.entries.len() >= query.limit || bytes + length > MAX_BYTES;
                if full && !listing.entries.is_empty() {
                    listing.next = last;
                    return Ok(listing);
                }
                listing.entries.push(picked);
                bytes += length;
                last = Some(id);
            }
        }
    }
    Ok(listing)
}

/// How many entries the queues called `name` hold.
///
/// # Errors
/// What the storage gives.
pub(super) async fn count(storage: &dyn Storage, name: &Name) -> Result<u64> {
    let filled = filled(storage, name, &Query::default()).await?;
    Ok(filled.iter().map(|(_, head)| head.count).sum())
}

/// The shards that may hold what is asked for, with the heads of their queues.
pub(super) async fn filled(
    storage: &dyn Storage,
    name: &Name,
    query: &Query,
) -> Result<Vec<(Shard, QueueHead)>> {
    let wanted = |shard: &Shard| {
        query.conversation.as_ref().is_none_or(|conversation| conversation.shard() == *shard)
            && query.after.is_none_or(|after| after.shard <= *shard)
    };
    let shards: Vec<Shard> = Shard::all().filter(wanted).collect();
    let reads: Vec<Read> = shards.iter().map(|shard| Read::head(Key::Queue(*shard, name.clone()))).collect();
    let mut filled = Vec::new();
    for (shard, page) in shards.into_iter().zip(storage.read(&reads).await?) {
        let head = page?.and_then(|page| page.head().queue());
        filled.extend(head.filter(|head| head.count > 0).map(|head| (shard, head)));
    }
    Ok(filled)
}

/// Up to 256 entries or 1 MiB of a shard's queue.
pub(super) async fn read(
    storage: &dyn Storage,
    name: &Name,
    shard: Shard,
    head: &QueueHead,
    from: Offset,
) -> Result<QueuePage> {
    let read = Read::new(Key::Queue(shard, name.clone()))
        .from(From::At(head.incarnation, from))
        .base(Base::Never)
        .limit(256, 1 << 20);
    one(storage, read).await?.ok_or_else(|| Error::internal(format!("{name} of shard {shard} has vanished")))
}

/// An entry, if it is there.
///
/// # Errors
/// What the storage gives.
pub(super) async fn entry(storage: &dyn Storage, name: &Name, id: EntryId) -> Result<Option<QueueEntry>> {
    let key = Key::Queue(id.shard, name.clone());
    let Some(page) = one(storage, Read::head(key.clone())).await? else { return Ok(None) };
    if id.offset >= page.head.end {
        return Ok(None);
    }
    let read = Read::new(key).from(From::At(page.head.incarnation, id.offset)).base(Base::Never).limit(1, 1);
    let entries = one(storage, read).await?.map(|page| page.entries).unwrap_or_default();
    Ok(entries.into_iter().find(|entry| entry.offset == id.offset))
}

/// The last entries of a shard's queue, oldest first.
///
/// # Errors
/// What the storage gives.
pub(super) async fn last(storage: &dyn Storage, key: Key, count: usize) -> Result<Vec<QueueEntry>> {
    let read = Read::new(key).from(From::Last(count)).base(Base::Never).limit(count, usize::MAX);
    Ok(one(storage, read).await?.map(|page| page.entries).unwrap_or_default())
}

async fn one(storage: &dyn Storage, read: Read) -> Result<Option<QueuePage>> {
    let mut pages = storage.read(std::slice::from_ref(&read)).await?;
    let page = pages.pop().ok_or_else(|| Error::internal("a read gave no page"))?;
    Ok(page?.and_then(Page::into_queue))
}

/// What is said of an entry that is not there.
pub(super) fn gone(what: &str, id: EntryId) -> Error {
    Error::new(Kind::Gone, format!("there is no {what} {id}"))
}
