//! What a storage should hold, as plainly as it can be said: whole vectors, nothing trimmed, nothing clever.
//!
//! Written from the rules, not from [`decide`](tertulia::storage::decide): the two are held against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tertulia::Key;
use tertulia::storage::{
    Appended, Base, Batch, CommitId, Committed, Etag, Expect, Expire, From, Gone, Head, ItemId, LogHead,
    LogPage, LogWrite, Mismatch, Offset, Page, QueueEntry, QueueHead, QueuePage, QueueWrite, Read, Revision,
    See, SeenId, Which, Write,
};

/// How long an id is seen, in milliseconds.
const SEEN_FOR: u64 = 48 * 60 * 60 * 1_000;

/// Everything that was committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    /// Milliseconds since the round began.
    pub(super) now: u64,
    logs: BTreeMap<Key, Log>,
    queues: BTreeMap<Key, Queue>,
}

#[derive(Clone, Debug)]
struct Log {
    incarnation: CommitId,
    etag: Etag,
    base: Option<(u64, Bytes)>,
    /// The offset of `all[0]`.
    first: u64,
    start: u64,
    /// Every entry ever appended.
    all: Vec<Bytes>,
    /// How many of them there were when the base was set.
    before_base: usize,
    deadline: Option<u64>,
}

#[derive(Clone, Debug)]
struct Queue {
    incarnation: CommitId,
    etag: Etag,
    /// By offset; `None` once removed.
    all: Vec<Option<QueueEntry>>,
    /// Every id ever remembered, and until when.
    seen: Vec<(ItemId, u64)>,
}

/// Why a batch is refused.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    Conflict(Vec<Mismatch>),
    Invalid,
}

/// Why a read is refused.
#[derive(Debug, PartialEq)]
pub(super) enum NoPage {
    Gone(Gone),
    Invalid,
}

impl Log {
    fn end(&self) -> u64 {
        self.first + self.all.len() as u64
    }

    fn head(&self, now: u64) -> LogHead {
        LogHead {
            etag: self.etag,
            incarnation: self.incarnation,
            base_version: self.base.as_ref().map_or(0, |(version, _)| *version),
            base_len: self.base.as_ref().map_or(0, |(_, bytes)| bytes.len() as u64),
            start: Offset(self.start),
            end: Offset(self.end()),
            entry_bytes: self.all[self.before_base..].iter().map(|entry| entry.len() as u64).sum(),
            expires_in: self.deadline.map(|deadline| Duration::from_millis(deadline - now)),
        }
    }
}

impl Queue {
    fn there(&self) -> impl DoubleEndedIterator<Item = &QueueEntry> {
        self.all.iter().flatten()
    }

    fn head(&self) -> QueueHead {
        QueueHead {
            etag: self.etag,
            incarnation: self.incarnation,
            end: Offset(self.all.len() as u64),
            count: self.there().count() as u64,
            bytes: self.there().map(|entry| entry.bytes.len() as u64).sum(),
        }
    }

    fn remembers(&self, id: &ItemId, now: u64) -> bool {
        self.seen.iter().any(|(seen, until)| seen == id && now < *until)
    }

    fn holds(&self, offset: Offset, revision: Revision) -> bool {
        self.there().any(|entry| entry.offset == offset && entry.revision == revision)
    }
}

impl Reference {
    pub(super) fn head(&self, key: &Key) -> Option<Head> {
        if key.is_queue() {
            return self.queues.get(key).map(|queue| Head::Queue(queue.head()));
        }
        self.live(key).map(|log| Head::Log(log.head(self.now)))
    }

    pub(super) fn log_head(&self, key: &Key) -> Option<LogHead> {
        self.head(key).and_then(|head| head.log())
    }

    /// The entries of a queue that are there.
    pub(super) fn entries(&self, key: &Key) -> Vec<&QueueEntry> {
        self.queues.get(key).into_iter().flat_map(Queue::there).collect()
    }

    fn live(&self, key: &Key) -> Option<&Log> {
        self.logs.get(key).filter(|log| log.deadline.is_none_or(|deadline| deadline > self.now))
    }

    /// Every key that is there, with its head.
    pub(super) fn listing(&self) -> BTreeMap<Key, Head> {
        let keys = self.logs.keys().chain(self.queues.keys());
        keys.filter_map(|key| Some((key.clone(), self.head(key)?))).collect()
    }

    /// Every id that is remembered.
    pub(super) fn seen(&self) -> BTreeSet<SeenId> {
        let left = |until: u64| Duration::from_millis(until.saturating_sub(self.now));
        let of = |(key, queue): (&Key, &Queue)| {
            let ids = queue.seen.iter().map(|(id, until)| SeenId {
                queue: key.clone(),
                id: id.clone(),
                left: left(*until),
            });
            ids.collect::<Vec<_>>()
        };
        self.queues.iter().flat_map(of).filter(|seen| !seen.left.is_zero()).collect()
    }

    pub(super) fn commit(&mut self, batch: &Batch) -> Result<Committed, Refusal> {
        let keys: BTreeSet<&Key> = batch.writes.iter().map(Write::key).collect();
        if keys.len() != batch.writes.len() || batch.writes.iter().any(contradicts_itself) {
            return Err(Refusal::Invalid);
        }
        let failed: Vec<Mismatch> = batch.writes.iter().flat_map(|write| self.mismatches(write)).collect();
        if !failed.is_empty() {
            return Err(Refusal::Conflict(failed));
        }
        let mut after = self.clone();
        let mut committed = Committed::default();
        for write in &batch.writes {
            match write {
                Write::Log(write) => after.write_log(batch.id, write)?,
                Write::Queue(write) => committed.appended.extend(after.write_queue(batch.id, write)),
            }
            committed.heads.push(after.head(write.key()));
        }
        *self = after;
        Ok(committed)
    }

    fn mismatches(&self, write: &Write) -> Vec<Mismatch> {
        let key = write.key();
        let mismatch = |offset| Mismatch { key: key.clone(), head: self.head(key), offset };
        match write {
            Write::Log(write) => {
                let log = self.live(key);
                let holds = match (write.expect, log) {
                    (Expect::Any, _) | (Expect::Absent, None) => true,
                    (Expect::Absent, Some(_)) | (_, None) => false,
                    (Expect::Incarnation(id), Some(log)) => id == log.incarnation,
                    (Expect::Etag(etag), Some(log)) => etag == log.etag,
                    (Expect::End(id, end), Some(log)) => id == log.incarnation && end.0 == log.end(),
                };
                if holds { Vec::new() } else { vec![mismatch(None)] }
            }
            Write::Queue(write) => {
                let queue = self.queues.get(key);
                let holds = |offset, revision| queue.is_some_and(|queue| queue.holds(offset, revision));
                let replace = write.replace.iter().map(|(offset, revision, _)| (*offset, *revision));
                let remove = write.remove.iter().filter_map(|removal| match removal.which {
                    Which::Expected(revision) => Some((removal.offset, revision)),
                    Which::Born(_) => None,
                });
                let missing = replace.chain(remove).filter(|(offset, revision)| !holds(*offset, *revision));
                missing.map(|(offset, _)| mismatch(Some(offset))).collect()
            }
        }
    }

    fn write_log(&mut self, id: CommitId, write: &LogWrite) -> Result<(), Refusal> {
        if self.live(&write.key).is_none() {
            self.logs.remove(&write.key);
            if write.base.is_some() || !write.append.is_empty() {
                let first = write.first.map_or(0, |first| first.0);
                let etag = Etag { version: 0, commit: id };
                let log = Log {
                    incarnation: id,
                    etag,
                    base: None,
                    first,
                    start: first,
                    all: Vec::new(),
                    before_base: 0,
                    deadline: None,
                };
                self.logs.insert(write.key.clone(), log);
            }
        } else if write.first.is_some() {
            return Err(Refusal::Invalid);
        }
        if write.delete {
            self.logs.remove(&write.key);
        }
        let Some(log) = self.logs.get_mut(&write.key) else { return Ok(()) };
        if write.base.is_some() || !write.append.is_empty() {
            log.etag = Etag { version: log.etag.version + 1, commit: id };
        }
        if let Some(base) = &write.base {
            log.base = Some((log.etag.version, base.clone()));
            log.before_base = log.all.len();
        }
        log.all.extend(write.append.iter().cloned());
        if let Some(trim) = write.trim {
            log.start = log.start.max(trim.0.min(log.end()));
        }
        match write.expire {
            Expire::Keep => {}
            Expire::Never => log.deadline = None,
            Expire::After(duration) => {
                log.deadline = Some(self.now + u64::try_from(duration.as_millis()).expect("a short while"));
            }
        }
        Ok(())
    }

    fn write_queue(&mut self, id: CommitId, write: &QueueWrite) -> Vec<Appended> {
        let now = self.now;
        let mut queue = self.queues.get(&write.key).cloned().unwrap_or(Queue {
            incarnation: id,
            etag: Etag { version: 0, commit: id },
            all: Vec::new(),
            seen: Vec::new(),
        });
        for (offset, _, bytes) in &write.replace {
            for entry in queue.all.iter_mut().flatten().filter(|entry| entry.offset == *offset) {
                entry.revision = Revision(id);
                entry.bytes = bytes.clone();
            }
        }
        for removal in &write.remove {
            for slot in &mut queue.all {
                let is_it = |entry: &QueueEntry| match removal.which {
                    Which::Expected(_) => entry.offset == removal.offset,
                    Which::Born(born) => entry.offset == removal.offset && entry.born == born,
                };
                if slot.as_ref().is_some_and(is_it) {
                    *slot = None;
                }
            }
        }
        let before = queue.all.len();
        let mut answers = Vec::new();
        for append in &write.append {
            if append.id.as_ref().is_some_and(|id| queue.remembers(id, now)) {
                answers.push(Appended::Seen);
                continue;
            }
            let offset = Offset(queue.all.len() as u64);
            let (item, bytes) = (append.id.clone(), append.bytes.clone());
            queue.seen.extend(item.clone().map(|item| (item, now + SEEN_FOR)));
            queue.all.push(Some(QueueEntry { offset, born: id, revision: Revision(id), id: item, bytes }));
            answers.push(Appended::At(offset));
        }
        for See { id, left } in &write.see {
            let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).min(SEEN_FOR);
            if left > 0 && !queue.remembers(id, now) {
                queue.seen.push((id.clone(), now + left));
            }
        }
        let is_new = queue.etag.version == 0 && !queue.seen.is_empty();
        if queue.all.len() > before || is_new {
            queue.etag = Etag { version: queue.etag.version + 1, commit: id };
        }
        if queue.etag.version > 0 {
            self.queues.insert(write.key.clone(), queue);
        }
        answers
    }

    pub(super) fn read(&self, read: &Read) -> Result<Option<Page>, NoPage> {
        if read.key.is_queue() {
            return self.queues.get(&read.key).map(|queue| queue.read(read).map(Page::Queue)).transpose();
        }
        self.live(&read.key).map(|log| log.read(read, self.now).map(Page::Log)).transpose()
    }
}

impl Log {
    fn read(&self, read: &Read, now: u64) -> Result<LogPage, NoPage> {
        let start = Offset(self.start);
        let first = match read.from {
            From::Start => self.start,
            From::Last(n) => (self.start..self.end()).rev().take(n).last().unwrap_or(self.end()),
            From::At(id, offset) if id != self.incarnation || offset < start => {
                return Err(NoPage::Gone(Gone { incarnation: self.incarnation, start }));
            }
            From::At(_, offset) if offset.0 > self.end() => return Err(NoPage::Invalid),
            From::At(_, offset) => offset.0,
        };
        let from = usize::try_from(first - self.first).expect("a short log");
        let entries = bounded(self.all[from..].iter().cloned(), read, Bytes::len);
        let has =
            |id, version| id == self.incarnation && self.base.as_ref().is_some_and(|base| base.0 == version);
        let wants = match read.base {
            Base::Always => true,
            Base::Never => false,
            Base::Unless(id, version) => !has(id, version),
        };
        let base = self.base.as_ref().filter(|_| wants).map(|(_, bytes)| bytes.clone());
        Ok(LogPage { head: self.head(now), base, first: Offset(first), entries })
    }
}

impl Queue {
    fn read(&self, read: &Read) -> Result<QueuePage, NoPage> {
        let there: Vec<QueueEntry> = self.there().cloned().collect();
        let entries = match read.from {
            From::Start => there,
            From::Last(n) => there[there.len().saturating_sub(n)..].to_vec(),
            From::At(id, _) if id != self.incarnation => {
                return Err(NoPage::Gone(Gone { incarnation: self.incarnation, start: Offset(0) }));
            }
            From::At(_, offset) if offset.0 > self.all.len() as u64 => return Err(NoPage::Invalid),
            From::At(_, offset) => there.into_iter().filter(|entry| entry.offset >= offset).collect(),
        };
        let entries = bounded(entries.into_iter(), read, |entry| entry.bytes.len());
        Ok(QueuePage { head: self.head(), entries })
    }
}

/// The entries that fit a page, at least one unless none were wanted.
fn bounded<T>(entries: impl Iterator<Item = T>, read: &Read, len: impl Fn(&T) -> usize) -> Vec<T> {
    let mut page = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        bytes += len(&entry);
        if page.len() == read.max_entries || (!page.is_empty() && bytes > read.max_bytes) {
            break;
        }
        page.push(entry);
    }
    page
}

/// What no state makes right.
fn contradicts_itself(write: &Write) -> bool {
    match write {
        Write::Log(write) => {
            let makes = write.base.is_some() || !write.append.is_empty();
            let more = makes || write.first.is_some() || write.trim.is_some() || write.expire != Expire::Keep;
            (write.delete && more) || (write.first.is_some() && !makes)
        }
        Write::Queue(write) => {
            let replace = write.replace.iter().map(|(offset, ..)| offset);
            let offsets: Vec<_> = replace.chain(write.remove.iter().map(|removal| &removal.offset)).collect();
            offsets.iter().collect::<BTreeSet<_>>().len() < offsets.len()
        }
    }
}
