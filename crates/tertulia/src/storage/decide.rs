//! The rules of a batch, once for every storage: what is there and what is asked for decide what to write.

use bytes::Bytes;
use smallvec::SmallVec;

use super::seen::new_ids;
use super::{
    Append, Appended, Batch, CommitId, Committed, Conflict, EntryHead, Etag, Expect, Expire, Full, Head,
    ItemId, Limits, LogHead, LogWrite, Mismatch, Offset, QueueHead, QueueWrite, Removal, Revision, See,
    Which, Write,
};
use crate::{Error, Key, Result};

/// What a storage knows, asked by [`decide`] under the storage's own lock or transaction. Expired is absent.
pub trait State {
    /// The head of a log.
    ///
    /// # Errors
    /// The storage's own.
    fn log(&mut self, key: &Key) -> Result<Option<LogHead>>;

    /// The head of a queue.
    ///
    /// # Errors
    /// The storage's own.
    fn queue(&mut self, key: &Key) -> Result<Option<QueueHead>>;

    /// Whether the queue remembers this id: it was appended within the last 48 hours, or handed over with time left.
    ///
    /// # Errors
    /// The storage's own.
    fn seen(&mut self, key: &Key, id: &ItemId) -> Result<bool>;

    /// What is known of a queue's entry, if it is there.
    ///
    /// # Errors
    /// The storage's own.
    fn entry(&mut self, key: &Key, offset: Offset) -> Result<Option<EntryHead>>;
}

/// What to do with a batch.
#[derive(Debug)]
pub enum Decision {
    /// Write these, then answer so.
    Apply(Vec<Change>, Committed),
    /// Write nothing.
    Conflict(Conflict),
}

/// A change to write.
#[derive(Debug)]
pub enum Change {
    /// To a log.
    Log(LogChange),
    /// To a queue.
    Queue(QueueChange),
}

/// A change to a log, in the order of its fields.
#[derive(Debug)]
pub struct LogChange {
    /// The log.
    pub key: Key,
    /// The log was absent: whatever is left of an expired one goes first.
    pub fresh: bool,
    /// The head afterwards; `None` if the log goes, with all that it has.
    pub head: Option<LogHead>,
    /// The new base.
    pub base: Option<Bytes>,
    /// Entries to add; the last one's offset is the head's end less one.
    pub append: Vec<Bytes>,
    /// Whether entries before the head's start are to be dropped.
    pub trim: bool,
    /// What to do with the deadline.
    pub expire: Expire,
}

/// A change to a queue.
#[derive(Debug)]
pub struct QueueChange {
    /// The queue.
    pub key: Key,
    /// The head afterwards.
    pub head: QueueHead,
    /// Entries to add, with their offsets; the commit in the head's etag is the birth and the revision of each.
    pub append: Vec<(Offset, Append)>,
    /// Entries to replace, with their new revisions.
    pub replace: Vec<(Offset, Revision, Bytes)>,
    /// Entries to remove.
    pub remove: Vec<Offset>,
    /// Ids to remember, none of which is; each once, with time left.
    pub see: Vec<See>,
}

impl Change {
    /// What it changes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Log(change) => &change.key,
            Self::Queue(change) => &change.key,
        }
    }
}

/// Decides a batch that passed [`Batch::check`]: every expectation first, then what to write.
///
/// # Errors
/// `Invalid` (a first offset on a log that exists), `Unavailable` (a queue is full), and what `state` gives.
pub fn decide(batch: Batch, state: &mut impl State, limits: &Limits) -> Result<Decision> {
    let mut failed = Vec::new();
    // What is known of each log and each queue, in their order. Most batches are one write to a log.
    let mut logs: SmallVec<[Option<LogHead>; 2]> = SmallVec::new();
    let mut queues = Vec::new();
    for write in &batch.writes {
        match write {
            Write::Log(write) => logs.push(expect_log(write, state, &mut failed)?),
            Write::Queue(write) => queues.push(expect_queue(write, state, &mut failed)?),
        }
    }
    if !failed.is_empty() {
        return Ok(Decision::Conflict(Conflict { failed }));
    }
    let (mut logs, mut queues) = (logs.into_iter(), queues.into_iter());
    let mut changes = Vec::with_capacity(batch.writes.len());
    let mut committed = Committed { heads: Vec::with_capacity(batch.writes.len()), appended: Vec::new() };
    for write in batch.writes {
        match write {
            Write::Log(write) => {
                let head = logs.next().expect("each log was looked at");
                let (after, change) = change_log(batch.id, head, write)?;
                committed.heads.push(after.map(Head::Log));
                changes.extend(change.map(Change::Log));
            }
            Write::Queue(write) => {
                let plan = queues.next().expect("each queue was looked at");
                let (after, change) = change_queue(batch.id, plan, write, limits, &mut committed.appended)?;
                committed.heads.push(after.map(Head::Queue));
                changes.extend(change.map(Change::Queue));
            }
        }
    }
    Ok(Decision::Apply(changes, committed))
}

/// What is known of a queue once its expectations hold.
struct QueuePlan {
    head: Option<QueueHead>,
    /// Per append: whether its id was seen.
    seen: SmallVec<[bool; 8]>,
    /// Per replace: the old length.
    replaced: SmallVec<[u64; 2]>,
    /// Per remove: the length, if there is an entry that it takes.
    removed: SmallVec<[Option<u64>; 4]>,
    /// Per id to remember: whether it is new.
    new: Vec<bool>,
}

fn expect_log(
    write: &LogWrite,
    state: &mut impl State,
    failed: &mut Vec<Mismatch>,
) -> Result<Option<LogHead>> {
    let head = state.log(&write.key)?;
    if !write.expect.holds(head) {
        failed.push(Mismatch { key: write.key.clone(), head: head.map(Head::Log), offset: None });
    }
    Ok(head)
}

fn expect_queue(write: &QueueWrite, state: &mut impl State, failed: &mut Vec<Mismatch>) -> Result<QueuePlan> {
    let key = &write.key;
    let head = state.queue(key)?;
    let mut mismatch = |offset| {
        failed.push(Mismatch { key: key.clone(), head: head.map(Head::Queue), offset: Some(offset) })
    };
    let mut replaced = SmallVec::new();
    for (offset, revision, _) in &write.replace {
        match state.entry(key, *offset)? {
            Some(entry) if entry.revision == *revision => replaced.push(entry.len),
            _ => mismatch(*offset),
        }
    }
    let mut removed = SmallVec::new();
    for Removal { offset, which } in &write.remove {
        let taken = state.entry(key, *offset)?.filter(|entry| which.is(entry));
        if taken.is_none() && matches!(which, Which::Expected(_)) {
            mismatch(*offset);
        }
        removed.push(taken.map(|entry| entry.len));
    }
    let mut seen = SmallVec::with_capacity(write.append.len());
    for (i, append) in write.append.iter().enumerate() {
        seen.push(match &append.id {
            None => false,
            Some(id) => {
                write.append[..i].iter().any(|earlier| earlier.id.as_ref() == Some(id))
                    || state.seen(key, id)?
            }
        });
    }
    let new = new_ids(write, state)?;
    Ok(QueuePlan { head, seen, replaced, removed, new })
}

fn change_log(
    commit: CommitId,
    head: Option<LogHead>,
    write: LogWrite,
) -> Result<(Option<LogHead>, Option<LogChange>)> {
    let after = write.head_after(commit, head)?;
    let moves = write.moves();
    let LogWrite { key, base, append, first, expire, delete, .. } = write;
    if delete {
        let change = LogChange { key, fresh: false, head: None, base: None, append, trim: false, expire };
        return Ok((None, head.map(|_| change)));
    }
    let Some(after) = after else { return Ok((None, None)) };
    let trim = after.start != head.map_or(first.unwrap_or_default(), |head| head.start);
    if moves || trim || expire != Expire::Keep {
        let fresh = head.is_none();
        let change = LogChange { key, fresh, head: Some(after), base, append, trim, expire };
        return Ok((Some(after), Some(change)));
    }
    Ok((Some(after), None))
}

impl Which {
    /// Whether it is this entry.
    fn is(self, entry: &EntryHead) -> bool {
        match self {
            Self::Expected(revision) => entry.revision == revision,
            Self::Born(commit) => entry.born == commit,
        }
    }
}

impl Expect {
    /// Whether it holds of a log with this head.
    pub(crate) fn holds(self, head: Option<LogHead>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => head.is_none(),
            Self::Incarnation(id) => head.is_some_and(|head| head.incarnation == id),
            Self::Etag(etag) => head.is_some_and(|head| head.etag == etag),
            Self::End(id, end) => head.is_some_and(|head| head.incarnation == id && head.end == end),
        }
    }
}

impl LogWrite {
    /// Whether it moves the etag of a log that stays: it sets the base or appends.
    pub(crate) fn moves(&self) -> bool {
        self.base.is_some() || !self.append.is_empty()
    }

    /// The head that a log with this `head` has once `commit` did this write; what the write expects is not
    /// looked at. `None` where there is no log then.
    ///
    /// # Errors
    /// `Invalid` for a first offset on a log that exists.
    pub(crate) fn head_after(&self, commit: CommitId, head: Option<LogHead>) -> Result<Option<LogHead>> {
        if self.delete {
            return Ok(None);
        }
        let mut after = match head {
            Some(_) if self.first.is_some() => {
                let text = format!("{}: a first offset was given for a log that exists", self.key);
                return Err(Error::invalid(text));
            }
            Some(head) => head,
            None if !self.moves() => return Ok(None),
            None => new_log(commit, self.first.unwrap_or_default()),
        };
        if self.moves() {
            after.etag = Etag { version: after.etag.version + 1, commit };
        }
        if let Some(base) = &self.base {
            after.base_version = after.etag.version;
            after.base_len = base.len() as u64;
            after.entry_bytes = 0;
        }
        after.entry_bytes += self.append.iter().map(|entry| entry.len() as u64).sum::<u64>();
        after.end.0 += self.append.len() as u64;
        after.start = self.trim.map_or(after.start, |trim| trim.clamp(after.start, after.end));
        after.expires_in = match self.expire {
            Expire::Keep => after.expires_in,
            Expire::Never => None,
            Expire::After(duration) => Some(duration),
        };
        Ok(Some(after))
    }
}

fn new_log(commit: CommitId, first: Offset) -> LogHead {
    LogHead {
        etag: Etag { version: 0, commit },
        incarnation: commit,
        base_version: 0,
        base_len: 0,
        start: first,
        end: first,
        entry_bytes: 0,
        expires_in: None,
    }
}

fn change_queue(
    commit: CommitId,
    plan: QueuePlan,
    write: QueueWrite,
    limits: &Limits,
    appended: &mut Vec<Appended>,
) -> Result<(Option<QueueHead>, Option<QueueChange>)> {
    let QueuePlan { head, seen, replaced, removed, new } = plan;
    let QueueWrite { key, append, replace, remove, see } = write;
    let see: Vec<See> = see.into_iter().zip(new).filter_map(|(see, new)| new.then_some(see)).collect();
    let adds = seen.iter().any(|seen| !seen);
    if head.is_none() && !adds && see.is_empty() {
        appended.extend(seen.iter().map(|_| Appended::Seen));
        return Ok((None, None));
    }
    let mut after = head.unwrap_or(QueueHead {
        etag: Etag { version: 0, commit },
        incarnation: commit,
        end: Offset(0),
        count: 0,
        bytes: 0,
    });
    let gone: Vec<Offset> =
        remove.iter().zip(&removed).filter_map(|(removal, bytes)| bytes.map(|_| removal.offset)).collect();
    after.count -= gone.len() as u64;
    after.bytes -= removed.iter().flatten().sum::<u64>();
    after.bytes -= replaced.iter().sum::<u64>();
    after.bytes += replace.iter().map(|(_, _, bytes)| bytes.len() as u64).sum::<u64>();
    if adds || head.is_none() {
        after.etag = Etag { version: after.etag.version + 1, commit };
    }
    let mut added = Vec::with_capacity(append.len());
    for (append, seen) in append.into_iter().zip(seen) {
        if seen {
            appended.push(Appended::Seen);
            continue;
        }
        let offset = after.end;
        after.end.0 += 1;
        after.count += 1;
        after.bytes += append.bytes.len() as u64;
        appended.push(Appended::At(offset));
        added.push((offset, append));
    }
    if adds && (after.count > limits.queue_entries || after.bytes > limits.queue_bytes) {
        return Err(Full { key, entries: after.count, bytes: after.bytes }.error(limits));
    }
    let replace: Vec<_> =
        replace.into_iter().map(|(offset, _, bytes)| (offset, Revision(commit), bytes)).collect();
    if added.is_empty() && replace.is_empty() && gone.is_empty() && see.is_empty() {
        return Ok((Some(after), None));
    }
    Ok((Some(after), Some(QueueChange { key, head: after, append: added, replace, remove: gone, see })))
}
