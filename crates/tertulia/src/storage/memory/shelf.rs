//! What one shard holds in memory.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::super::{
    Append, Change, EntryHead, Expire, From, Head, ItemId, ListQuery, Listed, LogChange, LogHead, LogPage,
    Offset, Page, QueueChange, QueueEntry, QueueHead, QueuePage, Read, Revision, SEEN_FOR, See, SeenId,
};
use super::seen::Seen;
use crate::{Clock, Key, Result, Timestamp};

/// The logs and queues of one shard.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    logs: HashMap<Key, Log, RandomState>,
    /// A handful by name, so a walk is quicker than a hash.
    queues: Vec<(Key, Queue)>,
    /// One for each log that expires.
    deadlines: BTreeSet<(Timestamp, Key)>,
}

#[derive(Debug)]
struct Log {
    /// Its `expires_in` is not kept up; `deadline` is the truth.
    head: LogHead,
    deadline: Option<Timestamp>,
    base: Option<Bytes>,
    /// From the head's start to its end.
    entries: VecDeque<Bytes>,
}

#[derive(Debug)]
struct Queue {
    head: QueueHead,
    /// By offset, with holes. Most come at the end and go near the front, where little has to move up.
    entries: VecDeque<QueueEntry>,
    seen: Seen,
}

impl Log {
    fn is_live(&self, now: &Now<'_>) -> bool {
        self.deadline.is_none_or(|deadline| now.get() < deadline)
    }

    fn head(&self, now: &Now<'_>) -> LogHead {
        LogHead { expires_in: self.deadline.map(|deadline| deadline.since(now.get())), ..self.head }
    }

    fn bytes(&self) -> i64 {
        size(self.base.as_ref().map_or(0, Bytes::len))
            + self.entries.iter().map(|entry| size(entry.len())).sum::<i64>()
    }
}

impl Shelf {
    pub(super) fn head(&self, key: &Key, now: &Now<'_>) -> Option<Head> {
        if key.is_queue() {
            self.queue(key).map(|queue| Head::Queue(queue.head))
        } else {
            self.logs.get(key).filter(|log| log.is_live(now)).map(|log| Head::Log(log.head(now)))
        }
    }

    fn queue(&self, key: &Key) -> Option<&Queue> {
        self.queues.iter().find(|(known, _)| known == key).map(|(_, queue)| queue)
    }

    pub(super) fn seen(&self, key: &Key, id: &ItemId, now: &Now<'_>) -> bool {
        self.queue(key).is_some_and(|queue| queue.seen.contains(id, now.get()))
    }

    pub(super) fn entry(&self, key: &Key, offset: Offset) -> Option<EntryHead> {
        let queue = self.queue(key)?;
        let QueueEntry { born, revision, bytes, .. } = &queue.entries[queue.place(offset)?];
        Some(EntryHead { born: *born, revision: *revision, len: bytes.len() as u64 })
    }

    /// Applies a change that was decided under the lock, and tells by how many bytes the shelf grew.
    pub(super) fn apply(&mut self, change: Change, now: &Now<'_>) -> i64 {
        match change {
            Change::Log(change) => self.apply_log(change, now),
            Change::Queue(change) => self.apply_queue(change, now),
        }
    }

    fn apply_log(&mut self, change: LogChange, now: &Now<'_>) -> i64 {
        let LogChange { key, fresh, head, base, append, trim, expire } = change;
        let mut grown = 0;
        if fresh || head.is_none() {
            grown -= self.remove_log(&key);
        }
        let Some(head) = head else { return grown };
        let log = self.logs.entry(key.clone()).or_insert_with(|| Log {
            head,
            deadline: None,
            base: None,
            entries: VecDeque::new(),
        });
        log.head = head;
        if let Some(base) = base {
            grown += size(base.len()) - size(log.base.as_ref().map_or(0, Bytes::len));
            log.base = Some(base);
        }
        grown += append.iter().map(|entry| size(entry.len())).sum::<i64>();
        log.entries.extend(append);
        if trim {
            let keep =
                usize::try_from(head.end.0 - head.start.0).expect("entries in memory are counted by usize");
            let dropped = log.entries.len().saturating_sub(keep);
            grown -= log.entries.drain(..dropped).map(|entry| size(entry.len())).sum::<i64>();
        }
        let deadline = match expire {
            Expire::Keep => log.deadline,
            Expire::Never => None,
            Expire::After(duration) => Some(now.get().after(duration)),
        };
        let before = std::mem::replace(&mut log.deadline, deadline);
        if before != deadline {
            if let Some(before) = before {
                self.deadlines.remove(&(before, key.clone()));
            }
            if let Some(deadline) = deadline {
                self.deadlines.insert((deadline, key));
            }
        }
        grown
    }

    fn remove_log(&mut self, key: &Key) -> i64 {
        let Some(log) = self.logs.remove(key) else { return 0 };
        if let Some(deadline) = log.deadline {
            self.deadlines.remove(&(deadline, key.clone()));
        }
        log.bytes()
    }

    fn apply_queue(&mut self, change: QueueChange, now: &Now<'_>) -> i64 {
        let QueueChange { key, head, append, replace, remove, see } = change;
        let place = self.queues.iter().position(|(known, _)| *known == key);
        let before = place.map_or(0, |place| self.queues[place].1.head.bytes);
        let place = place.unwrap_or_else(|| {
            self.queues.push((key, Queue { head, entries: VecDeque::new(), seen: Seen::default() }));
            self.queues.len() - 1
        });
        let queue = &mut self.queues[place].1;
        queue.head = head;
        for offset in remove {
            if let Some(place) = queue.place(offset) {
                queue.entries.remove(place);
            }
        }
        for (offset, revision, bytes) in replace {
            if let Some(place) = queue.place(offset) {
                let entry = &mut queue.entries[place];
                (entry.revision, entry.bytes) = (revision, bytes);
            }
        }
        for (offset, append) in append {
            if let Some(id) = &append.id {
                queue.seen.insert(id, now.get(), SEEN_FOR);
            }
            let Append { id, bytes } = append;
            let born = head.etag.commit;
            queue.entries.push_back(QueueEntry { offset, born, revision: Revision(born), id, bytes });
        }
        for See { id, left } in see {
            queue.seen.insert(&id, now.get(), left);
        }
        head.bytes.cast_signed() - before.cast_signed()
    }

    /// Drops what expired, unread; tells by how many bytes the shelf grew (never above zero).
    pub(super) fn sweep(&mut self, now: &Now<'_>) -> i64 {
        let mut grown = 0;
        while let Some((_, key)) =
            self.deadlines.first().filter(|(deadline, _)| *deadline <= now.get()).cloned()
        {
            grown -= self.remove_log(&key);
        }
        grown
    }

    pub(super) fn read(&self, read: &Read, now: &Now<'_>) -> Result<Option<Page>> {
        if read.key.is_queue() {
            return self.queue(&read.key).map(|queue| queue.read(read)).transpose();
        }
        self.logs.get(&read.key).filter(|log| log.is_live(now)).map(|log| log.read(read, now)).transpose()
    }

    /// The ids that are remembered behind this one of this queue, by queue and id, as many as that at most.
    pub(super) fn seen_after(
        &self,
        after: Option<&(Key, ItemId)>,
        most: usize,
        now: &Now<'_>,
    ) -> Vec<SeenId> {
        let mut queues: Vec<&(Key, Queue)> =
            self.queues.iter().filter(|(key, _)| after.is_none_or(|(from, _)| from <= key)).collect();
        queues.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let mut found = Vec::new();
        for (key, queue) in queues {
            if found.len() >= most {
                break;
            }
            let after = after.filter(|(from, _)| from == key).map(|(_, id)| id);
            let ids = queue.seen.after(after, most - found.len(), now.get());
            found.extend(ids.into_iter().map(|(id, left)| SeenId { queue: key.clone(), id, left }));
        }
        found
    }

    pub(super) fn list(&self, query: &ListQuery, now: &Now<'_>) -> Vec<Listed> {
        let logs = self.logs.iter().filter(|(_, log)| log.is_live(now));
        let logs = logs.map(|(key, log)| (key, Head::Log(log.head(now))));
        let queues = self.queues.iter().map(|(key, queue)| (key, Head::Queue(queue.head)));
        logs.chain(queues)
            .filter(|(key, head)| query.matches(key) && !(query.not_empty && head.is_empty()))
            .map(|(key, head)| Listed { key: key.clone(), head })
            .collect()
    }
}

impl Log {
    fn read(&self, read: &Read, now: &Now<'_>) -> Result<Page> {
        let head = self.head(now);
        let first = head.first(read)?;
        let skip = usize::try_from(first.0 - head.start.0).expect("entries in memory are counted by usize");
        let mut bytes = 0;
        let mut entries = Vec::new();
        for entry in self.entries.iter().skip(skip).take(read.max_entries) {
            bytes += entry.len();
            if bytes > read.max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(entry.clone());
        }
        let base = if head.wants_base(read.base) { self.base.clone() } else { None };
        Ok(Page::Log(LogPage { head, base, first, entries }))
    }
}

impl Queue {
    fn place(&self, offset: Offset) -> Option<usize> {
        // Without holes before it, an entry is where its offset says; most are.
        let guess = offset.0.checked_sub(self.entries.front()?.offset.0)?;
        let guess = usize::try_from(guess).unwrap_or(usize::MAX);
        if self.entries.get(guess).is_some_and(|entry| entry.offset == offset) {
            return Some(guess);
        }
        self.entries.binary_search_by_key(&offset, |entry| entry.offset).ok()
    }

    fn read(&self, read: &Read) -> Result<Page> {
        let head = self.head;
        let from = head.first(read)?;
        let skip = match read.from {
            From::Last(n) => self.entries.len().saturating_sub(n),
            _ => self.entries.partition_point(|entry| entry.offset < from),
        };
        let mut bytes = 0;
        let mut entries = Vec::new();
        for entry in self.entries.iter().skip(skip).take(read.max_entries) {
            bytes += entry.bytes.len();
            if bytes > read.max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(entry.clone());
        }
        Ok(Page::Queue(QueuePage { head, entries }))
    }
}

/// The present moment: the clock is read when it is first asked for, which most batches never do.
#[derive(Debug)]
pub(super) struct Now<'a> {
    clock: &'a Clock,
    read: OnceCell<Timestamp>,
}

impl<'a> Now<'a> {
    pub(super) fn new(clock: &'a Clock) -> Self {
        Self { clock, read: OnceCell::new() }
    }

    fn get(&self) -> Timestamp {
        *self.read.get_or_init(|| self.clock.now())
    }
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
