//! What is done and only needs to be marked so: removals that ride on their shard's next batch, or leave together
//! after a moment.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::names::{INBOX, OUTBOX, SENT};
use crate::storage::{
    CommitId, Conflict, Head, LogWrite, Offset, QueueWrite, Removal, Revision, Which, Write,
};
use crate::{Conversation, Key, Name, Shard};

/// How many entries a conversation's `sent` log keeps, and how many more it may have before it is trimmed.
const SENT_KEPT: u64 = 256;

/// Offsets of a queue that a batch changes: each once, though a storage that failed over has given some of them to two
/// entries.
type Offsets = HashSet<Offset, RandomState>;

/// Marks that wait, by shard. An entry whose removal is lost with the process is found again at the next start:
/// an update without effects is run again, a call is made again.
#[derive(Debug)]
pub(super) struct Riders {
    shards: Vec<Mutex<Marks>>,
    waiting: AtomicUsize,
    /// Woken when the first mark comes.
    pub(super) came: Notify,
}

/// Marks of a shard on their way into a batch. When they are dropped without a word of the batch, as when a commit
/// is dropped half way, calls among them may be marked or not: they then go alone, and are looked at.
#[derive(Debug)]
pub(super) struct Riding<'a> {
    riders: &'a Riders,
    shard: Shard,
    marks: Marks,
    /// Nothing but marks is in the batch, so that a conflict over one of them costs nobody else a try.
    alone: bool,
    /// More marks of the shard wait than there was room for.
    pub(super) left: bool,
    /// Under which number its shard shows what its calls gave, if they gave anything.
    shown: Option<u64>,
}

/// Marks of one shard.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Updates that had no effects.
    pub(super) inbox: Vec<Removal>,
    /// Calls that need not be made any more.
    pub(super) calls: Vec<Over>,
    /// Those of them whose batch may have been applied or not.
    unsure: Vec<Over>,
    /// `sent` logs that have grown too long, with where they are to begin.
    pub(super) trim: Vec<(Conversation, Offset)>,
    /// What calls gave whose marks are on their way into a batch, oldest first: not waiting any more, and not yet
    /// certain to be in the logs. Added and removed by the number of their [`Riding`].
    riding: Vec<(u64, Vec<(Conversation, Bytes)>)>,
    /// The number of the next.
    next: u64,
}

/// A call that leaves the outbox.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) offset: Offset,
    pub(super) born: CommitId,
    pub(super) revision: Revision,
    /// What it gave, for the `sent` log of its conversation; `None` if it was not made.
    pub(super) sent: Option<(Conversation, Bytes)>,
}

impl Marks {
    /// Whether none of them waits.
    fn is_empty(&self) -> bool {
        self.inbox.is_empty() && self.calls.is_empty() && self.unsure.is_empty() && self.trim.is_empty()
    }

    /// How many calls there are until one has the offset of another.
    fn told_apart(&self) -> usize {
        let offsets = || self.unsure.iter().chain(&self.calls).map(|over| over.offset);
        // Nearly always.
        if offsets().is_sorted_by(|one, next| one < next) {
            return self.unsure.len() + self.calls.len();
        }
        let mut before = Offsets::default();
        offsets().take_while(|offset| before.insert(*offset)).count()
    }
}

impl Riding<'_> {
    /// Adds the marks to the writes of a batch, but for those of updates whose offsets it changes already.
    pub(super) fn ride(&mut self, writes: &mut Vec<Write>) {
        let Self { riders, shard, marks, alone, left, .. } = self;
        if !marks.inbox.is_empty() {
            let write = queue(writes, *shard, &INBOX);
            let removed = write.remove.iter().map(|removal| removal.offset);
            let mut changed: Offsets = removed.chain(write.replace.iter().map(|(at, ..)| *at)).collect();
            let (ride, wait): (Vec<_>, Vec<_>) =
                std::mem::take(&mut marks.inbox).into_iter().partition(|mark| changed.insert(mark.offset));
            write.remove.extend(&ride);
            marks.inbox = ride;
            if !wait.is_empty() {
                *left = true;
                riders.add(*shard, |waiting| waiting.inbox.extend(wait));
            }
        }
        if !marks.calls.is_empty() || !marks.unsure.is_empty() {
            let remove = &mut queue(writes, *shard, &OUTBOX).remove;
            let calls = marks.calls.iter().chain(&marks.unsure);
            // A batch that is applied twice would append to the `sent` logs twice. A turn's expects its update's entry;
            // a batch of marks those of the calls.
            remove.extend(calls.map(|over| {
                let which = if *alone { Which::Expected(over.revision) } else { Which::Born(over.born) };
                Removal { offset: over.offset, which }
            }));
        }
        for over in marks.calls.iter().chain(&marks.unsure) {
            if let Some((conversation, entry)) = &over.sent {
                log(writes, conversation).append.push(entry.clone());
            }
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

    /// The batch was not applied, and never will be: the marks go on waiting.
    pub(super) fn refused(mut self) {
        self.put_back(false);
    }

    /// The batch was refused for entries that are gone or were changed: their calls are somebody else's, or marked
    /// by an earlier try whose answer was lost. Gives how many of them there were.
    pub(super) fn conflicted(mut self, conflict: &Conflict) -> usize {
        let shard = self.shard;
        let before = self.marks.calls.len() + self.marks.unsure.len();
        let stands = |over: &Over| {
            !conflict.failed.iter().any(|failed| {
                failed.offset == Some(over.offset)
                    && matches!(&failed.key, Key::Queue(of, name) if *of == shard && *name == OUTBOX)
            })
        };
        self.marks.calls.retain(stands);
        self.marks.unsure.retain(stands);
        let left = self.marks.calls.len() + self.marks.unsure.len();
        self.refused();
        before - left
    }

    fn put_back(&mut self, unsure: bool) {
        let mut marks = std::mem::take(&mut self.marks);
        if unsure {
            marks.unsure.append(&mut marks.calls);
        }
        self.riders.add(self.shard, |waiting| {
            waiting.inbox.append(&mut marks.inbox);
            // What calls gave stays in the order in which they were made.
            for (waiting, marks) in
                [(&mut waiting.calls, &mut marks.calls), (&mut waiting.unsure, &mut marks.unsure)]
            {
                marks.append(waiting);
                *waiting = std::mem::take(marks);
            }
            waiting.trim.append(&mut marks.trim);
        });
    }
}

impl Drop for Riding<'_> {
    fn drop(&mut self) {
        self.put_back(true);
        // Not before they are in the logs or wait again, so that they are always to be found somewhere.
        if let Some(shown) = self.shown {
            self.riders.shards[self.shard.index()].lock().riding.retain(|(number, _)| *number != shown);
        }
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

    /// Takes the marks of a shard for a batch of other things, if there are any and it has room for them: at most
    /// `room` writes.
    pub(super) fn take(&self, shard: Shard, room: usize) -> Option<Riding<'_>> {
        self.take_for(shard, room, false)
    }

    /// As [`take`](Self::take), for a batch of nothing but marks.
    pub(super) fn take_alone(&self, shard: Shard, room: usize) -> Option<Riding<'_>> {
        self.take_for(shard, room, true)
    }

    fn take_for(&self, shard: Shard, room: usize, alone: bool) -> Option<Riding<'_>> {
        // One write for each of the two queues, and at most one for each other mark.
        let logs = room.saturating_sub(2);
        if logs == 0 || self.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut waiting = self.shards[shard.index()].lock();
        let unsure = if alone { Vec::new() } else { std::mem::take(&mut waiting.unsure) };
        if waiting.is_empty() {
            waiting.unsure = unsure;
            return None;
        }
        let Marks { riding, next, .. } = &mut *waiting;
        let (riding, next) = (std::mem::take(riding), *next);
        let mut marks = std::mem::replace(&mut *waiting, Marks { unsure, riding, next, ..Marks::default() });
        let calls = logs.min(marks.told_apart());
        // Unsure calls were made before the others.
        if marks.unsure.len() > calls {
            waiting.unsure = marks.unsure.split_off(calls);
        }
        let calls = calls - marks.unsure.len();
        if marks.calls.len() > calls {
            waiting.calls = marks.calls.split_off(calls);
        }
        let trims = logs - marks.unsure.len() - marks.calls.len();
        if marks.trim.len() > trims {
            waiting.trim = marks.trim.split_off(trims);
        }
        let left = !waiting.is_empty();
        if !left {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        let sent: Vec<_> =
            marks.unsure.iter().chain(&marks.calls).filter_map(|over| over.sent.clone()).collect();
        let shown = (!sent.is_empty()).then(|| {
            waiting.riding.push((next, sent));
            waiting.next += 1;
            next
        });
        Some(Riding { riders: self, shard, marks, alone, left, shown })
    }

    /// What the newest of the entries says that `find` knows something of, among those of a conversation whose marks
    /// are on their way to its `sent` log. An entry that is not found was in the log by then, or is not of this process.
    pub(super) fn find_sent<T>(
        &self,
        conversation: &Conversation,
        mut find: impl FnMut(&Bytes) -> Option<T>,
    ) -> Option<T> {
        let marks = self.shards[conversation.shard().index()].lock();
        let waiting = marks.unsure.iter().chain(&marks.calls).filter_map(|over| over.sent.as_ref());
        let riding = marks.riding.iter().flat_map(|(_, sent)| sent);
        let mut sent = riding.chain(waiting).rev().filter(|(of, _)| of == conversation);
        sent.find_map(|(_, entry)| find(entry))
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
