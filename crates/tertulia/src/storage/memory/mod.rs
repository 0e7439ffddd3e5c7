//! The storage in memory: for tests, and for state that need not outlive the process.

mod seen;
mod shelf;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use tokio::task::coop;

use self::shelf::{Now, Shelf};
use super::{
    Batch, BoxFuture, Committed, Cursor, Decision, Durability, EntryHead, Etag, Head, Hub, ItemId, Limits,
    ListQuery, Listed, Listing, LogHead, Offset, Page, Properties, QueueHead, Read, Scope, SeenPage,
    SeenQuery, State, Storage, decide,
};
use crate::{Clock, Error, Key, Result, Shard};

/// Keeps everything in memory, behind a lock per shard; a batch takes the locks it needs in the order of the
/// shards. Clones share one store.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    limits: Limits,
    max_bytes: u64,
    /// Payload bytes held, by all shards together.
    bytes: AtomicU64,
    shelves: Vec<Mutex<Shelf>>,
    hub: Hub,
}

impl Memory {
    /// The bytes of bases and entries that a store holds unless told otherwise: 4 GiB.
    pub const DEFAULT_MAX_BYTES: u64 = 4 << 30;

    /// An empty store with the machine's clock and the usual limits.
    pub fn new() -> Self {
        Self::with(Clock::system(), Limits::default(), Self::DEFAULT_MAX_BYTES)
    }

    /// An empty store that reads this clock, accepts up to these limits, and holds at most `max_bytes` bytes of
    /// bases and entries; a batch beyond is `Unavailable` unless it writes no bytes.
    pub fn with(clock: Clock, limits: Limits, max_bytes: u64) -> Self {
        let shelves = Shard::all().map(|_| Mutex::default()).collect();
        Self(Arc::new(Inner {
            clock,
            limits,
            max_bytes,
            bytes: AtomicU64::new(0),
            shelves,
            hub: Hub::default(),
        }))
    }

    fn commit_now(&self, batch: Batch) -> Result<Committed> {
        let inner = &*self.0;
        batch.check(&inner.limits)?;
        self.make_room(batch.writes.iter().map(|write| write.bytes() as u64).sum())?;
        let mut shards: SmallVec<[Shard; 4]> = batch.writes.iter().map(|write| write.key().shard()).collect();
        shards.sort_unstable();
        shards.dedup();
        let guards = shards.iter().map(|shard| inner.shelves[shard.index()].lock()).collect();
        // Asked under the locks: whoever comes to wait after this looks after this batch.
        let waited_for = inner.hub.is_watched();
        // Read under the locks: what somebody saw expire while this batch waited has expired for it too.
        let now = &Now::new(&inner.clock);
        let mut held = Held { guards, shards, now };
        let (changes, committed) = match decide(batch, &mut held, &inner.limits)? {
            Decision::Apply(changes, committed) => (changes, committed),
            Decision::Conflict(conflict) => return Err(conflict.into()),
        };
        let woken: Vec<Key> =
            if waited_for { changes.iter().map(|change| change.key().clone()).collect() } else { Vec::new() };
        let mut grown = 0;
        for change in changes {
            grown += held.shelf(change.key().shard()).apply(change, now);
        }
        for guard in &mut held.guards {
            grown += guard.sweep(now);
        }
        drop(held);
        // Wrapping addition of a negative number is subtraction.
        inner.bytes.fetch_add(grown.cast_unsigned(), Ordering::Relaxed);
        for key in &woken {
            inner.hub.wake(key);
        }
        Ok(committed)
    }

    /// Sees to it that `bytes` more may be held; what expired anywhere goes first.
    fn make_room(&self, bytes: u64) -> Result<()> {
        let inner = &*self.0;
        let is_full = || bytes > 0 && inner.bytes.load(Ordering::Relaxed) + bytes > inner.max_bytes;
        if !is_full() {
            return Ok(());
        }
        for shelf in &inner.shelves {
            let mut shelf = shelf.lock();
            let grown = shelf.sweep(&Now::new(&inner.clock));
            inner.bytes.fetch_add(grown.cast_unsigned(), Ordering::Relaxed);
        }
        if !is_full() {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "memory storage is full: it holds {} bytes, at most {} are allowed",
            inner.bytes.load(Ordering::Relaxed),
            inner.max_bytes
        )))
    }

    fn read_now(&self, reads: &[Read]) -> Vec<Result<Option<Page>>> {
        // A runner that starts reads every shard at once, so the reads are sorted and not searched for each of them.
        let shard = |read: &usize| reads[*read].key.shard();
        let mut order: Vec<usize> = (0..reads.len()).collect();
        order.sort_by_key(shard);
        let mut pages: Vec<_> = reads.iter().map(|_| Ok(None)).collect();
        for of_shard in order.chunk_by(|one, next| shard(one) == shard(next)) {
            let shelf = self.0.shelves[shard(&of_shard[0]).index()].lock();
            let now = &Now::new(&self.0.clock);
            for read in of_shard {
                pages[*read] = shelf.read(&reads[*read], now);
            }
        }
        pages
    }

    fn list_now(&self, query: &ListQuery) -> Result<Listing> {
        let after = query.after.as_ref().map(decode_cursor).transpose()?;
        let mut listing = Listing::default();
        for shard in Shard::all().filter(|shard| query.shard.is_none_or(|only| only == *shard)) {
            if after.as_ref().is_some_and(|(from, _)| shard < *from) {
                continue;
            }
            let shelf = self.0.shelves[shard.index()].lock();
            let mut keys = shelf.list(query, &Now::new(&self.0.clock));
            drop(shelf);
            keys.sort_by_cached_key(|listed| place(&listed.key));
            let skip = match &after {
                Some((from, last)) if *from == shard => {
                    keys.partition_point(|listed| place(&listed.key) <= *last)
                }
                _ => 0,
            };
            for listed in keys.drain(skip..) {
                if listing.keys.len() == query.limit.max(1) {
                    listing.next = listing.keys.last().map(encode_cursor);
                    return Ok(listing);
                }
                listing.keys.push(listed);
            }
        }
        Ok(listing)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage for Memory {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async move {
            coop::consume_budget().await;
            self.commit_now(batch)
        })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(async move {
            coop::consume_budget().await;
            Ok(self.read_now(reads))
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(async move {
            coop::consume_budget().await;
            self.list_now(query)
        })
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        Box::pin(async move {
            coop::consume_budget().await;
            self.seen_now(query)
        })
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        Box::pin(self.0.hub.changed(key, seen, move || async move {
            Ok(self.0.shelves[key.shard().index()].lock().head(key, &Now::new(&self.0.clock)))
        }))
    }

    fn properties(&self) -> Properties {
        Properties {
            name: "memory".into(),
            scope: Scope::Store,
            durability: Durability::NONE,
            limits: self.0.limits,
        }
    }
}

/// The shards of a batch, locked.
struct Held<'a> {
    shards: SmallVec<[Shard; 4]>,
    guards: SmallVec<[MutexGuard<'a, Shelf>; 4]>,
    now: &'a Now<'a>,
}

impl Held<'_> {
    fn shelf(&mut self, shard: Shard) -> &mut Shelf {
        let place = self.shards.binary_search(&shard).expect("every shard of the batch was locked");
        &mut self.guards[place]
    }
}

impl State for Held<'_> {
    fn log(&mut self, key: &Key) -> Result<Option<LogHead>> {
        let now = self.now;
        Ok(self.shelf(key.shard()).head(key, now).and_then(|head| head.log()))
    }

    fn queue(&mut self, key: &Key) -> Result<Option<QueueHead>> {
        let now = self.now;
        Ok(self.shelf(key.shard()).head(key, now).and_then(|head| head.queue()))
    }

    fn seen(&mut self, key: &Key, id: &ItemId) -> Result<bool> {
        let now = self.now;
        Ok(self.shelf(key.shard()).seen(key, id, now))
    }

    fn entry(&mut self, key: &Key, offset: Offset) -> Result<Option<EntryHead>> {
        Ok(self.shelf(key.shard()).entry(key, offset))
    }
}

/// Where a key stands in its shard's listing: different for different keys, which their texts alone are not.
fn place(key: &Key) -> (u8, String) {
    let kind = match key {
        Key::Log(..) => 0,
        Key::ShardLog(..) => 1,
        Key::Queue(..) => 2,
    };
    (kind, key.to_string())
}

/// What a cursor begins with, so that one of another storage is told apart.
const CURSOR: &[u8] = b"memory";

fn encode_cursor(listed: &Listed) -> Cursor {
    let (kind, text) = place(&listed.key);
    Cursor([CURSOR, &[listed.key.shard().0, kind], text.as_bytes()].concat().into())
}

fn decode_cursor(Cursor(bytes): &Cursor) -> Result<(Shard, (u8, String))> {
    let foreign = || Error::invalid("this cursor was not given by the memory storage");
    let [shard, kind, text @ ..] = bytes.strip_prefix(CURSOR).ok_or_else(foreign)? else {
        return Err(foreign());
    };
    Ok((Shard(*shard), (*kind, String::from_utf8(text.to_vec()).map_err(|_| foreign())?)))
}
