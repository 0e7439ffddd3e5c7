//! The way out: calls that turns made, in order per conversation, once their turns are committed.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::core::Core;
use super::format::{DeadKind, DeadRecord, OutboxRecord, SentRecord};
use super::names::{DEAD, OUTBOX};
use super::panics::caught_async;
use super::riders::queue;
use super::{Call, Handler, RetryAfter, Sender};
use crate::error::Kind;
use crate::storage::{Append, Base, From, Offset, Page, QueueEntry, Read};
use crate::{Conversation, Error, Result, Shard};

/// Calls that are known and not made, and who makes them.
#[derive(Debug)]
pub(super) struct Outbox {
    /// By the source of the conversation.
    senders: HashMap<String, Arc<dyn Sender>>,
    /// How many conversations have a call under way at once.
    most: usize,
    /// Written by turns that end (new calls) and by the sender tasks, under one short lock.
    lanes: Mutex<Lanes>,
    /// Woken when no call is known.
    empty: Notify,
}

#[derive(Debug, Default)]
struct Lanes {
    /// The calls of each conversation that has any, oldest first.
    waiting: HashMap<Conversation, VecDeque<Pending>, RandomState>,
    /// Conversations whose first call may be made now.
    ready: VecDeque<Conversation>,
    /// Sender tasks.
    active: usize,
}

/// A call in the outbox.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    shard: Shard,
    offset: Offset,
    pub(super) call: Call,
    /// Tries that failed in this process.
    failed: u16,
}

impl Pending {
    pub(super) fn new(shard: Shard, offset: Offset, call: Call) -> Self {
        Self { shard, offset, call, failed: 0 }
    }

    /// An entry of the outbox; one that cannot be read is left alone.
    pub(super) fn read(shard: Shard, entry: &QueueEntry) -> Option<Self> {
        match OutboxRecord::decode(&entry.bytes) {
            Ok(OutboxRecord { call, .. }) => Some(Self::new(shard, entry.offset, call)),
            Err(error) => {
                tracing::error!(%shard, offset = %entry.offset, %error, "an outbox entry cannot be read, left alone");
                None
            }
        }
    }
}

impl Outbox {
    pub(super) fn new(senders: HashMap<String, Arc<dyn Sender>>, most: usize) -> Self {
        Self { senders, most: most.max(1), lanes: Mutex::default(), empty: Notify::new() }
    }

    /// How many calls are known and not made.
    pub(super) fn len(&self) -> usize {
        self.lanes.lock().waiting.values().map(VecDeque::len).sum()
    }

    /// Waits until every known call is made or dead.
    pub(super) async fn empty(&self) {
        loop {
            let woken = self.empty.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if self.lanes.lock().waiting.is_empty() {
                return;
            }
            woken.await;
        }
    }

    /// Adds calls; gives how many sender tasks to start, counted as active already.
    fn add(&self, calls: Vec<Pending>) -> usize {
        let mut lanes = self.lanes.lock();
        for pending in calls {
            let conversation = pending.call.conversation.clone();
            let lane = lanes.waiting.entry(conversation.clone()).or_default();
            // Mostly the last place. A turn that looked for its calls may come after a later one; the first call
            // may be under way.
            let place = lane.partition_point(|other| other.offset < pending.offset).max(1).min(lane.len());
            lane.insert(place, pending);
            if lane.len() == 1 {
                lanes.ready.push_back(conversation);
            }
        }
        self.starting(&mut lanes)
    }

    fn starting(&self, lanes: &mut Lanes) -> usize {
        let start = lanes.ready.len().min(self.most - lanes.active.min(self.most));
        lanes.active += start;
        start
    }

    /// The first call of a conversation that may make one; a task that gets none ends.
    fn take(&self) -> Option<Pending> {
        let mut lanes = self.lanes.lock();
        while let Some(conversation) = lanes.ready.pop_front() {
            if let Some(first) = lanes.waiting.get(&conversation).and_then(VecDeque::front) {
                return Some(first.clone());
            }
        }
        lanes.active -= 1;
        None
    }

    /// The first call of a conversation is over; its next one may be made.
    fn pop(&self, conversation: &Conversation) {
        let mut lanes = self.lanes.lock();
        let Some(lane) = lanes.waiting.get_mut(conversation) else { return };
        lane.pop_front();
        if lane.is_empty() {
            lanes.waiting.remove(conversation);
            if lanes.waiting.is_empty() {
                self.empty.notify_waiters();
            }
        } else {
            lanes.ready.push_back(conversation.clone());
        }
    }

    /// The first call of a conversation failed once more; gives how often it has.
    fn failed(&self, conversation: &Conversation) -> u16 {
        let mut lanes = self.lanes.lock();
        let Some(first) = lanes.waiting.get_mut(conversation).and_then(VecDeque::front_mut) else { return 1 };
        first.failed = first.failed.saturating_add(1);
        first.failed
    }

    /// The first call of a conversation may be tried again.
    fn resume(&self, conversation: Conversation) -> usize {
        let mut lanes = self.lanes.lock();
        lanes.ready.push_back(conversation);
        self.starting(&mut lanes)
    }
}

impl<H: Handler> Core<H> {
    /// Makes calls that are in the outbox by now.
    pub(super) fn queue_calls(self: &Arc<Self>, calls: Vec<Pending>) {
        if !calls.is_empty() {
            let start = self.outbox.add(calls);
            self.start_senders(start);
        }
    }

    /// Queues every call that is in the outboxes, or only those that `wanted` picks; gives how many.
    ///
    /// # Errors
    /// What the storage gives.
    pub(super) async fn read_outbox(
        self: &Arc<Self>,
        shards: impl Iterator<Item = Shard>,
        wanted: impl Fn(&Call) -> bool,
    ) -> Result<usize> {
        let read =
            |shard: Shard, from| Read::new(crate::Key::Queue(shard, OUTBOX)).from(from).base(Base::Never);
        let mut open: Vec<(Shard, From)> = shards.map(|shard| (shard, From::Start)).collect();
        let mut found = 0;
        while !open.is_empty() {
            let reads: Vec<Read> = open.iter().map(|(shard, from)| read(*shard, *from)).collect();
            let pages = self.storage.read(&reads).await?;
            let mut unfinished = Vec::new();
            let mut calls = Vec::new();
            for ((shard, _), page) in open.into_iter().zip(pages) {
                let Some(page) = page?.and_then(Page::into_queue) else { continue };
                if let Some(last) = page.entries.last()
                    && last.offset.0 + 1 < page.head.end.0
                {
                    unfinished.push((shard, From::At(page.head.incarnation, Offset(last.offset.0 + 1))));
                }
                calls.extend(page.entries.iter().filter_map(|entry| Pending::read(shard, entry)));
            }
            calls.retain(|pending| wanted(&pending.call));
            found += calls.len();
            self.queue_calls(calls);
            open = unfinished;
        }
        Ok(found)
    }

    fn start_senders(self: &Arc<Self>, count: usize) {
        for _ in 0..count {
            let core = Arc::clone(self);
            self.tasks.spawn(async move {
                while let Some(pending) = core.outbox.take() {
                    core.make(pending).await;
                }
            });
        }
    }

    /// Makes one call and marks it, or puts its conversation off.
    async fn make(self: &Arc<Self>, pending: Pending) {
        let Pending { shard, offset, call, .. } = pending;
        let Some(sender) = self.outbox.senders.get(&*call.conversation.source()) else {
            // It stays in the outbox, for a process that has the adapter.
            tracing::warn!(conversation = %call.conversation, "no adapter makes this call, it is left in the outbox");
            return self.outbox.pop(&call.conversation);
        };
        let sent = caught_async("the adapter", async { sender.send(&call).await }).await;
        match sent.and_then(|sent| sent) {
            Ok(message) => {
                let Call { conversation, ticket, .. } = call;
                let sent = SentRecord { ticket, message }.encode();
                self.riders.add(shard, |marks| {
                    marks.outbox.push(offset);
                    marks.sent.push((conversation.clone(), sent));
                });
                self.outbox.pop(&conversation);
            }
            Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Unknown | Kind::Timeout) => {
                let failed = self.outbox.failed(&call.conversation);
                let wait = match error.detail::<RetryAfter>() {
                    Some(RetryAfter(wait)) => *wait,
                    None => self.options.backoff(failed, self.clock.random()),
                };
                tracing::warn!(conversation = %call.conversation, %error, "a call is made again in {} ms", wait.as_millis());
                self.put_off(call.conversation, wait);
            }
            Err(error) => {
                let failed = self.outbox.failed(&call.conversation);
                self.bury_call(shard, offset, &call, &error, failed).await;
                self.outbox.pop(&call.conversation);
            }
        }
    }

    fn put_off(self: &Arc<Self>, conversation: Conversation, wait: Duration) {
        let core = Arc::clone(self);
        self.tasks.spawn(async move {
            core.clock.sleep(wait).await;
            let start = core.outbox.resume(conversation);
            core.start_senders(start);
        });
    }

    /// Moves a call to `dead`, in the batch that removes it.
    async fn bury_call(&self, shard: Shard, offset: Offset, call: &Call, error: &Error, attempts: u16) {
        tracing::error!(conversation = %call.conversation, %error, "a call is given up and goes to dead");
        let record = DeadRecord {
            conversation: call.conversation.clone(),
            died: self.clock.now(),
            attempts,
            what: DeadKind::Call(Some(call.ticket.clone())),
            error: error.to_string(),
            body: call.body.clone(),
        };
        let append = Append { id: Some(call.ticket.dead_id(offset)), bytes: record.encode() };
        let writes = || {
            let mut writes = Vec::new();
            queue(&mut writes, shard, &OUTBOX).remove.push((offset, None));
            queue(&mut writes, shard, &DEAD).append.push(append.clone());
            writes
        };
        if let Err(error) = self.commit_for_sure(writes).await {
            tracing::error!(conversation = %call.conversation, %error, "the call is made again after a restart");
        }
    }
}
