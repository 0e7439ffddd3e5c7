//! Reads what is in the outboxes: at the start what an earlier process left, as much as may be known at once, and the
//! rest as calls are made; later the calls of a turn whose commit was not answered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::pending::Pending;
use crate::error::Kind;
use crate::runner::core::Core;
use crate::runner::names::OUTBOX;
use crate::runner::{Call, Handler};
use crate::storage::{Base, From, Offset, Page, QueuePage, Read};
use crate::{Key, Result, Shard};

/// The most entries of a shard that one read asks for, and their bytes.
const ENTRIES: usize = 256;
const BYTES: usize = 1 << 20;

/// Shards whose outbox was not read to its end, with where to go on.
type Unread = VecDeque<(Shard, From)>;

impl<H: Handler> Core<H> {
    /// Queues the calls that an earlier process left, up to the bounds; the others are read when there is room. A
    /// shard of which some are unread starts no turn, so that none of its calls overtakes them. Gives how many calls
    /// were found so far.
    ///
    /// # Errors
    /// What the storage gives.
    pub(in crate::runner) async fn load_calls(self: &Arc<Self>) -> Result<usize> {
        let mut unread: Unread = Shard::all().map(|shard| (shard, From::Start)).collect();
        for (shard, _) in &unread {
            self.outbox.unread(*shard);
        }
        let found = self.load_some(&mut unread).await?;
        if !unread.is_empty() {
            tracing::warn!(shards = unread.len(), found, "the outbox is more than may be known at once");
            self.tasks.spawn(Arc::clone(self).load_rest(unread));
        }
        Ok(found)
    }

    /// Reads until everything is read or no more may be known.
    async fn load_some(self: &Arc<Self>, unread: &mut Unread) -> Result<usize> {
        let mut found = 0;
        while !unread.is_empty() {
            let free = self.outbox.free();
            // Each shard gives at least one entry, however large.
            let shards = unread.len().min(free.calls).min(free.bytes);
            if shards == 0 {
                break;
            }
            let (entries, bytes) = ((free.calls / shards).min(ENTRIES), (free.bytes / shards).min(BYTES));
            let reads = unread.iter().take(shards).map(|(shard, from)| {
                Read::new(Key::Queue(*shard, OUTBOX)).from(*from).base(Base::Never).limit(entries, bytes)
            });
            let reads: Vec<Read> = reads.collect();
            for page in self.storage.read(&reads).await? {
                let (page, next) = match page {
                    // A storage that failed over has another outbox, none of whose calls are known,
                    Err(error) if error.kind() == Kind::Gone => (None, Some(From::Start)),
                    // or has lost all that was not read yet.
                    Err(error) if error.kind() == Kind::Invalid => (None, None),
                    page => {
                        let page = page?.and_then(Page::into_queue);
                        let next = page.as_ref().and_then(next);
                        (page, next)
                    }
                };
                let Some((shard, _)) = unread.pop_front() else { break };
                let left = page.into_iter().flat_map(|page| page.entries);
                let left: Vec<Pending> =
                    left.filter_map(|entry| Pending::read(shard, &entry)).map(Pending::left).collect();
                found += left.len();
                self.queue_calls(left.into_iter());
                match next {
                    Some(from) => unread.push_back((shard, from)),
                    None => {
                        let follow = self.outbox.read(shard);
                        self.follow_calls(follow);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Reads the rest, whenever there is room.
    async fn load_rest(self: Arc<Self>, mut unread: Unread) {
        let mut wait = Duration::from_millis(50);
        while !unread.is_empty() {
            let room = self.outbox.more.notified();
            if self.outbox.free().calls == 0 {
                room.await;
                continue;
            }
            match self.load_some(&mut unread).await {
                Ok(_) => wait = Duration::from_millis(50),
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read, trying again");
                    self.clock.sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
            }
        }
    }

    /// Queues the calls that `wanted` picks out of the outbox of a shard, none of which is known.
    ///
    /// # Errors
    /// What the storage gives.
    pub(in crate::runner) async fn read_calls(
        self: &Arc<Self>,
        shard: Shard,
        wanted: impl Fn(&Call) -> bool,
    ) -> Result<()> {
        let mut from = Some(From::Start);
        let mut found: Vec<Pending> = Vec::new();
        while let Some(at) = from {
            let read = Read::new(Key::Queue(shard, OUTBOX)).from(at).base(Base::Never).limit(ENTRIES, BYTES);
            let Some(page) = self.read_queue(read).await? else { break };
            from = next(&page);
            let calls = page.entries.iter().filter_map(|entry| Pending::read(shard, entry));
            found.extend(calls.filter(|pending| wanted(&pending.call)));
        }
        // Not before all is read: who reads again after a failure must not make calls twice.
        self.queue_calls(found.into_iter());
        Ok(())
    }
}

/// Where to go on behind a page, unless it is the last.
fn next(page: &QueuePage) -> Option<From> {
    let last = page.entries.last()?.offset;
    (last.0 + 1 < page.head.end.0).then_some(From::At(page.head.incarnation, Offset(last.0 + 1)))
}
