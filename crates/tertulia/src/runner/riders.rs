//! What is done and only needs to be marked so: removals that ride on their shard's next batch, or leave together
//! after a moment.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

use super::names::{INBOX, OUTBOX, SENT};
use crate::storage::{Head, LogWrite, Offset, QueueWrite, Write};
use crate::{Conversation, Key, Name, Shard};

/// How many entries a conversation's `sent` log keeps, and how many more it may have before it is trimmed.
const SENT_KEPT: u64 = 256;

/// Marks that wait, by shard. An entry whose removal is lost with the process is found again at the next start:
/// an update without effects is run again, a call is made again.
#[derive(Debug)]
pub(super) struct Riders {
    shards: Vec<Mutex<Marks>>,
    waiting: AtomicUsize,
    /// Woken when the first mark comes.
    pub(super) came: Notify,
}

/// Marks of a shard on their way into a batch. They are put back unless they [`arrived`](Riding::arrived), also
/// when a commit is dropped half way.
#[derive(Debug)]
pub(super) struct Riding<'a> {
    riders: &'a Riders,
    shard: Shard,
    marks: Marks,
    /// More marks of the shard wait than there was room for.
    pub(super) left: bool,
}

/// Marks of one shard.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Updates that had no effects.
    pub(super) inbox: Vec<Offset>,
    /// Calls that were made.
    pub(super) outbox: Vec<Offset>,
    /// What these calls gave.
    pub(super) sent: Vec<(Conversation, Bytes)>,
    /// `sent` logs that have grown too long, with where they are to begin.
    pub(super) trim: Vec<(Conversation, Offset)>,
}

impl Marks {
    fn is_empty(&self) -> bool {
        self.inbox.is_empty() && self.outbox.is_empty() && self.sent.is_empty() && self.trim.is_empty()
    }
}

impl Riding<'_> {
    /// Adds the marks to the writes of a batch.
    pub(super) fn ride(&self, writes: &mut Vec<Write>) {
        let marks = &self.marks;
        if !marks.inbox.is_empty() {
            let remove = &mut queue(writes, self.shard, &INBOX).remove;
            remove.extend(marks.inbox.iter().map(|offset| (*offset, None)));
        }
        if !marks.outbox.is_empty() {
            let remove = &mut queue(writes, self.shard, &OUTBOX).remove;
            remove.extend(marks.outbox.iter().map(|offset| (*offset, None)));
        }
        for (conversation, entry) in &marks.sent {
            log(writes, conversation).append.push(entry.clone());
        }
        for (conversation, start) in &marks.trim {
            let trim = &mut log(writes, conversation).trim;
            *trim = (*trim).max(Some(*start));
        }
    }

    /// The batch was committed.
    pub(super) fn arrived(mut self) {
        self.marks = Marks::default();
    }
}

impl Drop for Riding<'_> {
    fn drop(&mut self) {
        let mut marks = std::mem::take(&mut self.marks);
        self.riders.add(self.shard, |waiting| {
            waiting.inbox.append(&mut marks.inbox);
            waiting.outbox.append(&mut marks.outbox);
            marks.sent.append(&mut waiting.sent);
            waiting.sent = std::mem::take(&mut marks.sent);
            waiting.trim.append(&mut marks.trim);
        });
    }
}

impl Riders {
    pub(super) fn new() -> Self {
        let shards = Shard::all().map(|_| Mutex::default()).collect();
        Self { shards, waiting: AtomicUsize::new(0), came: Notify::new() }
    }

    /// Leaves marks for the next batch of their shard.
    pub(super) fn add(&self, shard: Shard, add: impl FnOnce(&mut Marks)) {
        let first = {
            let mut marks = self.shards[shard.index()].lock();
            let first = marks.is_empty();
            add(&mut marks);
            first && !marks.is_empty()
        };
        if first && self.waiting.fetch_add(1, Ordering::AcqRel) == 0 {
            self.came.notify_one();
        }
    }

    /// Takes the marks of a shard, if there are any and a batch has room for them: at most `room` writes.
    pub(super) fn take(&self, shard: Shard, room: usize) -> Option<Riding<'_>> {
        // One write for each of the two queues, and at most one for each other mark.
        let logs = room.saturating_sub(2);
        if logs == 0 || self.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut waiting = self.shards[shard.index()].lock();
        if waiting.is_empty() {
            return None;
        }
        let mut marks = std::mem::take(&mut *waiting);
        if marks.sent.len() > logs {
            waiting.sent = marks.sent.split_off(logs);
        }
        let trims = logs - marks.sent.len();
        if marks.trim.len() > trims {
            waiting.trim = marks.trim.split_off(trims);
        }
        let left = !waiting.is_empty();
        if !left {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        Some(Riding { riders: self, shard, marks, left })
    }

    /// Notes which `sent` logs have grown too long, from the heads of a commit.
    pub(super) fn note_heads(&self, keys: &[Key], heads: &[Option<Head>]) {
        for (key, head) in keys.iter().zip(heads) {
            if let (Key::Log(conversation, name), Some(Head::Log(head))) = (key, head)
                && *name == SENT
                && head.end.0 - head.start.0 > 2 * SENT_KEPT
            {
                let start = Offset(head.end.0 - SENT_KEPT);
                self.add(key.shard(), |marks| marks.trim.push((conversation.clone(), start)));
            }
        }
    }

    /// The shards that have marks.
    pub(super) fn shards(&self) -> Vec<Shard> {
        Shard::all().filter(|shard| !self.shards[shard.index()].lock().is_empty()).collect()
    }
}

/// The write to a shard's queue in `writes`, added if there is none yet.
pub(super) fn queue<'a>(writes: &'a mut Vec<Write>, shard: Shard, name: &Name) -> &'a mut QueueWrite {
    let found = writes.iter().position(|write| match write {
        Write::Queue(QueueWrite { key: Key::Queue(at, queue), .. }) => *at == shard && queue == name,
        _ => false,
    });
    let place = found.unwrap_or_else(|| {
        writes.push(QueueWrite::new(Key::Queue(shard, name.clone())).into());
        writes.len() - 1
    });
    match &mut writes[place] {
        Write::Queue(write) => write,
        Write::Log(_) => unreachable!("the place of a queue write was looked up"),
    }
}

/// The write to a conversation's `sent` log in `writes`, added if there is none yet.
fn log<'a>(writes: &'a mut Vec<Write>, conversation: &Conversation) -> &'a mut LogWrite {
    let found = writes.iter().position(|write| match write {
        Write::Log(LogWrite { key: Key::Log(of, name), .. }) => of == conversation && *name == SENT,
        _ => false,
    });
    let place = found.unwrap_or_else(|| {
        writes.push(LogWrite::new(Key::Log(conversation.clone(), SENT)).into());
        writes.len() - 1
    });
    match &mut writes[place] {
        Write::Log(write) => write,
        Write::Queue(_) => unreachable!("the place of a log write was looked up"),
    }
}
