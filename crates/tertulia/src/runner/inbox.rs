//! The way in: updates enter the inbox, in one commit for many, and only then is whoever brought them told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::core::Core;
use super::format::{DeadKind, DeadRecord, InboxRecord};
use super::index::Arrived;
use super::names::{DEAD, INBOX};
use super::{About, Handler, Incoming, Keys};
use crate::error::Kind;
use crate::storage::{
    Append, Appended, Base, CommitId, From, ItemId, Offset, Page, QueueEntry, QueueWrite, Read, Revision,
    Storage, Write,
};
use crate::{Error, Key, Result, Shard, Timestamp};

/// The most updates of one commit.
const MAX_UPDATES: usize = 200;
/// The most bytes of one commit, but for its last update.
const MAX_BYTES: usize = 8 << 20;
/// How many callers may wait for the inbox before the next one waits to ask.
pub(super) const WAITING: usize = 256;

/// Puts updates into the inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    requests: mpsc::Sender<Request>,
    entry_bytes: usize,
}

/// What became of an update that was put into the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is in the inbox, as durable as the storage promises.
    Accepted,
    /// It was put there before, within the last 48 hours.
    Seen,
}

/// Updates to put into the inbox, and whom to tell.
#[derive(Debug)]
pub(super) struct Request {
    updates: Vec<Incoming>,
    answer: oneshot::Sender<Vec<Receipt>>,
}

impl Intake {
    pub(super) fn new(storage: &dyn Storage) -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(WAITING);
        // What the record adds to the body is far below this.
        let entry_bytes = storage.properties().limits.entry_bytes.saturating_sub(4096);
        (Self { requests, entry_bytes }, receiver)
    }

    /// Puts an update into the inbox. When this returns, the source may be told.
    ///
    /// # Errors
    /// `Invalid` if the update is larger than an entry may be, `Closed` if the runner is stopping. While the
    /// storage cannot be reached or the index is full, this waits.
    ///
    /// # Cancel safety
    /// If dropped, the update may be in the inbox or not; putting it there again is answered as seen.
    pub async fn submit(&self, update: Incoming) -> Result<Receipt> {
        let receipts = self.submit_all(vec![update]).await?;
        receipts.first().copied().ok_or_else(|| Error::internal("the inbox gave no receipt"))
    }

    /// Puts updates into the inbox, in this order.
    ///
    /// # Errors
    /// As [`submit`](Self::submit); if the runner stops meanwhile, some of them may be in the inbox.
    ///
    /// # Cancel safety
    /// As [`submit`](Self::submit).
    pub async fn submit_all(&self, mut updates: Vec<Incoming>) -> Result<Vec<Receipt>> {
        if let Some(large) = updates.iter().find(|update| update.body.len() > self.entry_bytes) {
            return Err(Error::invalid(format!(
                "an update of {} has {} bytes, at most {} are allowed",
                large.conversation,
                large.body.len(),
                self.entry_bytes
            )));
        }
        let mut receipts = Vec::with_capacity(updates.len());
        while !updates.is_empty() {
            let rest = updates.split_off(updates.len().min(MAX_UPDATES));
            let (answer, answered) = oneshot::channel();
            let closed = || Error::new(Kind::Closed, "the runner is stopping and takes no updates");
            self.requests.send(Request { updates, answer }).await.map_err(|_| closed())?;
            receipts.extend(answered.await.map_err(|_| closed())?);
            updates = rest;
        }
        Ok(receipts)
    }
}

/// Reads and appends the inboxes of all shards, alone, so that the index sees them in the order of their offsets.
#[derive(Debug)]
pub(super) struct Inbox<H: Handler> {
    core: Arc<Core<H>>,
    /// How far each shard's inbox has been read.
    read: Vec<Option<(CommitId, Offset)>>,
    /// The last arrival stamp given.
    stamp: Timestamp,
}

impl<H: Handler> Inbox<H> {
    pub(super) fn new(core: Arc<Core<H>>) -> Self {
        Self { core, read: vec![None; Shard::COUNT], stamp: Timestamp(0) }
    }

    /// Reads what is in the inboxes, oldest arrival first, into the index; gives how many updates that were.
    ///
    /// # Errors
    /// What the storage gives.
    pub(super) async fn recover(&mut self) -> Result<usize> {
        let shards: Vec<Shard> = Shard::all().collect();
        self.refill(&shards).await
    }

    /// Serves requests until told to stop, and those that came before: all that wait together share one commit.
    pub(super) async fn serve(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let most = (self.core.options.index_entries / 8).clamp(1, MAX_UPDATES);
        let mut kept = None;
        loop {
            let first = match kept.take() {
                Some(request) => request,
                None => {
                    let request = tokio::select! {
                        biased;
                        request = requests.recv() => request,
                        _ = stopping.wait_for(|stop| *stop), if !requests.is_closed() => {
                            requests.close();
                            continue;
                        }
                    };
                    let Some(request) = request else { return };
                    request
                }
            };
            let mut count = first.updates.len();
            let mut bytes = first.bytes();
            let mut group = vec![first];
            while let Ok(request) = requests.try_recv() {
                count += request.updates.len();
                bytes += request.bytes();
                if count > most || bytes > MAX_BYTES {
                    kept = Some(request);
                    break;
                }
                group.push(request);
            }
            self.append(group).await;
        }
    }

    async fn append(&mut self, group: Vec<Request>) {
        let mut updates = Vec::new();
        let mut waiting = Vec::with_capacity(group.len());
        for request in group {
            waiting.push((request.updates.len(), request.answer));
            updates.extend(request.updates);
        }
        self.core.index.room(updates.len()).await;
        let mut receipts = self.commit(updates).await.into_iter();
        for (size, answer) in waiting {
            // Whoever asked may have stopped waiting; the update is in all the same.
            let _ = answer.send(receipts.by_ref().take(size).collect());
        }
    }

    /// Commits updates, for as long as it takes, and puts them into the index.
    async fn commit(&mut self, updates: Vec<Incoming>) -> Vec<Receipt> {
        let now = self.core.clock.now();
        self.stamp = self.stamp.max(now);
        let places = Places::of(&updates);
        let stamp = self.stamp;
        let committed = self.core.commit_for_sure(|| places.writes(&updates, stamp, now)).await;
        let starts = places.starts();
        let mut receipts = Vec::with_capacity(updates.len());
        let mut arrivals = Vec::with_capacity(updates.len());
        let mut behind = Vec::new();
        for (update, (write, nth)) in updates.into_iter().zip(places.places) {
            let Some(Appended::At(offset)) = committed.appended.get(starts[write] + nth) else {
                receipts.push(Receipt::Seen);
                continue;
            };
            receipts.push(Receipt::Accepted);
            if update.fault.is_some() {
                continue;
            }
            let shard = update.conversation.shard();
            let head = committed.heads[write].and_then(|head| head.queue());
            let Some(incarnation) = head.map(|head| head.incarnation) else { continue };
            let read = &mut self.read[shard.index()];
            // A gap, or another incarnation, was written by somebody else: it is read before going on.
            let expected = match read {
                Some((known, next)) => *known == incarnation && next == offset,
                None => offset.0 == 0,
            };
            if !expected || behind.contains(&shard) {
                behind.push(shard);
                continue;
            }
            *read = Some((incarnation, Offset(offset.0 + 1)));
            let record = InboxRecord {
                conversation: update.conversation,
                arrived: self.stamp,
                attempts: 0,
                not_before: Timestamp(0),
                body: update.body,
            };
            arrivals.push(arrival(record, update.id, shard, incarnation, *offset, Revision(0)));
        }
        self.push(arrivals);
        if !behind.is_empty() {
            behind.sort_unstable();
            behind.dedup();
            self.refill_for_sure(&behind).await;
        }
        receipts
    }

    async fn refill_for_sure(&mut self, shards: &[Shard]) {
        let mut wait = Duration::from_millis(50);
        while let Err(error) = self.refill(shards).await {
            tracing::warn!(%error, "the inbox cannot be read, trying again");
            self.core.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// Reads what was appended since into the index.
    async fn refill(&mut self, shards: &[Shard]) -> Result<usize> {
        let mut found = 0;
        let mut open: Vec<Shard> = shards.to_vec();
        while !open.is_empty() {
            let reads: Vec<Read> = open
                .iter()
                .map(|shard| {
                    let from = self.read[shard.index()].map_or(From::Start, |(id, next)| From::At(id, next));
                    Read::new(Key::Queue(*shard, INBOX)).from(from).base(Base::Never).limit(256, 1 << 20)
                })
                .collect();
            let pages = self.core.storage.read(&reads).await?;
            let mut arrivals = Vec::new();
            let mut unfinished = Vec::new();
            for (shard, page) in open.iter().zip(pages) {
                let page = match page {
                    Err(error) if error.kind() == Kind::Gone => {
                        self.read[shard.index()] = None;
                        unfinished.push(*shard);
                        continue;
                    }
                    page => page?,
                };
                let Some(page) = page.and_then(Page::into_queue) else { continue };
                let incarnation = page.head.incarnation;
                let last = page.entries.last().map(|entry| entry.offset);
                let next = last.map_or(page.head.end, |last| Offset(last.0 + 1));
                self.read[shard.index()] = Some((incarnation, next));
                if next < page.head.end {
                    unfinished.push(*shard);
                }
                arrivals.extend(
                    page.entries.into_iter().filter_map(|entry| read_entry(*shard, incarnation, entry)),
                );
            }
            // Keys over several shards keep the order of arrival.
            arrivals.sort_by_key(|arrived| (arrived.about.arrived, arrived.shard, arrived.offset));
            self.stamp =
                arrivals.iter().map(|arrived| arrived.about.arrived).fold(self.stamp, Timestamp::max);
            found += arrivals.len();
            self.push(arrivals);
            open = unfinished;
        }
        Ok(found)
    }

    fn push(&self, arrivals: Vec<Arrived>) {
        let handler = &*self.core.handler;
        let arrivals = arrivals.into_iter().map(|arrived| {
            let keys = keys(handler, &arrived.about);
            (keys, arrived)
        });
        let start = self.core.index.push(arrivals);
        self.core.start(start);
    }
}

/// What an update is ordered by. A panic in the user's function must not stop the intake.
fn keys<H: Handler>(handler: &H, about: &About) -> Keys {
    let keys = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler.keys(about)));
    keys.unwrap_or_else(|_| {
        tracing::error!(update = ?about.update, "the key function panicked, ordering by conversation");
        Keys::Conversation
    })
}

impl Request {
    fn bytes(&self) -> usize {
        self.updates.iter().map(|update| update.body.len()).sum()
    }
}

/// Which queue each update of a batch goes to.
struct Places {
    /// The queues, in the order of the batch's writes: whether it is `dead`, and how many updates go there.
    queues: Vec<(Shard, bool, usize)>,
    /// For each update, its write and which append of it.
    places: Vec<(usize, usize)>,
}

impl Places {
    fn of(updates: &[Incoming]) -> Self {
        const NONE: usize = usize::MAX;
        let mut known = [[NONE; 2]; Shard::COUNT];
        let mut places = Self { queues: Vec::new(), places: Vec::with_capacity(updates.len()) };
        for update in updates {
            let (shard, dead) = (update.conversation.shard(), update.fault.is_some());
            let known = &mut known[shard.index()][usize::from(dead)];
            if *known == NONE {
                *known = places.queues.len();
                places.queues.push((shard, dead, 0));
            }
            let count = &mut places.queues[*known].2;
            places.places.push((*known, *count));
            *count += 1;
        }
        places
    }

    /// Which append of the whole batch is the first of each write.
    fn starts(&self) -> Vec<usize> {
        let counts = self.queues.iter().map(|(_, _, count)| count);
        counts.scan(0, |sum, count| Some(std::mem::replace(sum, *sum + count))).collect()
    }

    fn writes(&self, updates: &[Incoming], arrived: Timestamp, now: Timestamp) -> Vec<Write> {
        let queue = |(shard, dead, count): &(Shard, bool, usize)| {
            let name = if *dead { DEAD } else { INBOX };
            QueueWrite { append: Vec::with_capacity(*count), ..QueueWrite::new(Key::Queue(*shard, name)) }
        };
        let mut writes: Vec<QueueWrite> = self.queues.iter().map(queue).collect();
        for (update, (write, _)) in updates.iter().zip(&self.places) {
            let bytes = match &update.fault {
                None => InboxRecord::encode_new(&update.conversation, arrived, &update.body),
                Some(fault) => dead_record(update, now, fault),
            };
            writes[*write].append.push(Append { id: Some(update.id.clone()), bytes });
        }
        writes.into_iter().map(Write::from).collect()
    }
}

fn dead_record(update: &Incoming, died: Timestamp, fault: &str) -> bytes::Bytes {
    DeadRecord {
        conversation: update.conversation.clone(),
        died,
        attempts: 0,
        what: DeadKind::Update,
        error: fault.to_owned(),
        body: update.body.clone(),
    }
    .encode()
}

fn read_entry(shard: Shard, incarnation: CommitId, entry: QueueEntry) -> Option<Arrived> {
    let QueueEntry { offset, revision, id, bytes } = entry;
    match (InboxRecord::decode(&bytes), id) {
        (Ok(record), Some(id)) => Some(arrival(record, id, shard, incarnation, offset, revision)),
        (Ok(record), None) => {
            tracing::error!(%shard, %offset, conversation = %record.conversation, "an inbox entry has no id, left alone");
            None
        }
        (Err(error), _) => {
            tracing::error!(%shard, %offset, %error, "an inbox entry cannot be read, left alone");
            None
        }
    }
}

fn arrival(
    record: InboxRecord,
    update: ItemId,
    shard: Shard,
    incarnation: CommitId,
    offset: Offset,
    revision: Revision,
) -> Arrived {
    let InboxRecord { conversation, arrived, attempts, not_before, body } = record;
    let about = About { update, conversation, arrived, attempt: attempts.saturating_add(1), body };
    Arrived { about, body_left_behind: false, not_before, shard, incarnation, offset, revision }
}
