//! Reads what is in the inboxes into the index: at the start everything, later what somebody else appended.

use std::collections::HashSet;
use std::time::Duration;

use super::Inbox;
use super::coming::keys_of;
use crate::error::Kind;
use crate::runner::format::{InboxRecord, Mark};
use crate::runner::index::Arrived;
use crate::runner::names::INBOX;
use crate::runner::{About, Handler};
use crate::storage::{Base, CommitId, From, Offset, Page, QueueEntry, Read};
use crate::{Key, Result, Shard, Timestamp};

impl<H: Handler> Inbox<H> {
    /// Reads what is in the inboxes, oldest arrival first, into the index; gives how many updates that were.
    ///
    /// # Errors
    /// What the storage gives.
    pub(in crate::runner) async fn recover(&mut self) -> Result<usize> {
        let shards: Vec<Shard> = Shard::all().collect();
        self.refill(&shards).await
    }

    pub(super) async fn refill_for_sure(&mut self, shards: &[Shard]) {
        let mut wait = Duration::from_millis(50);
        while let Err(error) = self.refill(shards).await {
            tracing::warn!(%error, "the inbox cannot be read, trying again");
            self.core.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// Reads what was appended since into the index: each shard in the order of its offsets, and shards among
    /// each other by arrival, so that keys over several shards keep it.
    async fn refill(&mut self, shards: &[Shard]) -> Result<usize> {
        let mut found = 0;
        let row = self.core.isolation.row();
        let mut open: Vec<(Shard, Timestamp)> = shards.iter().map(|shard| (*shard, Timestamp(0))).collect();
        let mut read = self.read.clone();
        // What waits until no shard can have an earlier arrival.
        let mut waiting: Vec<(Timestamp, Arrived)> = Vec::new();
        // What needs no reading of what is read from its beginning.
        let mut known = HashSet::new();
        while !open.is_empty() {
            for (shard, _) in open.iter().filter(|(shard, _)| read[shard.index()].is_none()) {
                known.extend(self.core.index.known(*shard));
            }
            let reads: Vec<Read> = open.iter().map(|(shard, _)| after(*shard, read[shard.index()])).collect();
            let pages = self.core.storage.read(&reads).await?;
            let mut unfinished = Vec::new();
            for ((shard, mut last), page) in open.into_iter().zip(pages) {
                let page = match page {
                    // Another inbox than it was, or without the end that was read.
                    Err(error) if matches!(error.kind(), Kind::Gone | Kind::Invalid) => {
                        read[shard.index()] = None;
                        unfinished.push((shard, last));
                        continue;
                    }
                    page => page?,
                };
                let Some(page) = page.and_then(Page::into_queue) else { continue };
                let incarnation = page.head.incarnation;
                let next = page.entries.last().map_or(page.head.end, |last| Offset(last.offset.0 + 1));
                read[shard.index()] = Some((incarnation, next));
                for entry in page.entries {
                    if known.contains(&(shard, entry.offset, entry.born)) {
                        continue;
                    }
                    if let Some(arrived) = read_entry(shard, incarnation, entry, row) {
                        // Clocks of several processes differ: within a shard, the offset decides.
                        last = last.max(arrived.about.arrived);
                        waiting.push((last, arrived));
                    }
                }
                if next < page.head.end {
                    unfinished.push((shard, last));
                }
            }
            open = unfinished;
            waiting.sort_by_key(|(stamp, arrived)| (*stamp, arrived.shard, arrived.offset));
            let sure = match open.iter().map(|(_, last)| *last).min() {
                Some(earliest) => waiting.partition_point(|(stamp, _)| *stamp <= earliest),
                None => waiting.len(),
            };
            for (_, arrived) in &waiting[..sure] {
                self.stamp = self.stamp.max(arrived.about.arrived);
                // Only what is in the index counts as read, should a later read fail.
                let next = Offset(arrived.offset.0 + 1);
                self.read[arrived.shard.index()] = Some((arrived.incarnation, next));
            }
            found += sure;
            let keyed = |(_, mut arrived): (_, Arrived)| {
                let keys;
                (keys, arrived.passes) = keys_of(&*self.core.handler, &arrived.about);
                (keys, arrived)
            };
            self.push(waiting.drain(..sure).map(keyed));
        }
        self.read = read;
        Ok(found)
    }
}

fn after(shard: Shard, read: Option<(CommitId, Offset)>) -> Read {
    let from = read.map_or(From::Start, |(incarnation, next)| From::At(incarnation, next));
    Read::new(Key::Queue(shard, INBOX)).from(from).base(Base::Never).limit(256, 1 << 20)
}

fn read_entry(shard: Shard, incarnation: CommitId, entry: QueueEntry, row: Option<u64>) -> Option<Arrived> {
    let QueueEntry { offset, born, revision, id, bytes } = entry;
    let (record, update) = match (InboxRecord::decode(&bytes), id) {
        (Ok(record), Some(id)) => (record, id),
        (Ok(InboxRecord { conversation, .. }), None) => {
            tracing::error!(%shard, %offset, %conversation, "an inbox entry has no id, left alone");
            return None;
        }
        (Err(error), _) => {
            tracing::error!(%shard, %offset, %error, "an inbox entry cannot be read, left alone");
            return None;
        }
    };
    let InboxRecord { conversation, arrived, attempts, not_before, mark, released, body } = record;
    let about = About { update, conversation, arrived, attempt: attempts.saturating_add(1), body };
    let arrived = Arrived::new(about, shard, incarnation, offset, born);
    let mut found = Arrived { revision, not_before, ..arrived };
    found.give_out(released);
    match mark {
        Mark::None => {}
        // Of an earlier row, it counts no more.
        Mark::Begun(begun) if Some(begun.row) == row => found.begun = begun,
        Mark::Begun(_) => {}
        Mark::Parked(_) => {
            found.parked = true;
            found.leave_body_behind();
        }
    }
    Some(found)
}
