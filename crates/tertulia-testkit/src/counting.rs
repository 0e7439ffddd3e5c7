//! A storage that counts what is written and read, by name, over any other.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;

use parking_lot::Mutex;
use tertulia::storage::{
    Appended, Batch, BoxFuture, Committed, Etag, Expire, Head, ListQuery, Listing, LogWrite, Page,
    Properties, QueueWrite, Read, SeenPage, SeenQuery, Storage, Write,
};
use tertulia::{Key, Name, Result};

/// Forwards every call to the storage under it and counts it. Clones count together.
///
/// What a batch writes is counted when the storage says that it was applied; [`Counts::batches`] and
/// [`Counts::refused`] tell whether there were others.
///
/// ```
/// use std::sync::Arc;
///
/// use tertulia::storage::Memory;
/// use tertulia_testkit::Counting;
///
/// let storage = Counting::new(Arc::new(Memory::new()));
/// assert_eq!(storage.written("session/").writes, 0);
/// ```
#[derive(Clone)]
pub struct Counting {
    inner: Arc<dyn Storage>,
    counts: Arc<Mutex<Counts>>,
}

/// What was asked of a storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches handed over.
    pub batches: u64,
    /// Batches answered with an error, of whatever kind.
    pub refused: u64,
    /// Calls to `read`.
    pub reads: u64,
    /// Calls to `list` and to `seen`.
    pub lists: u64,
    /// Calls to `changed`.
    pub changed: u64,
    /// What was written and read, by the name of the log or queue.
    pub names: BTreeMap<Name, Written>,
}

/// What was written to and read from the logs and queues of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Writes that set a base, appended, trimmed, replaced, removed, handed over ids, set a deadline or deleted. Mere expectations
    /// are not writes, nor are queue writes of nothing but ids that were seen.
    pub writes: u64,
    /// Writes with nothing but an expectation.
    pub checks: u64,
    /// Bases set.
    pub bases: u64,
    /// Their bytes.
    pub base_bytes: u64,
    /// Entries appended to logs and queues, without those whose id was seen.
    pub entries: u64,
    /// Their bytes, and those that replaced others in queues.
    pub entry_bytes: u64,
    /// Queue entries whose id was seen.
    pub seen: u64,
    /// Queue entries replaced.
    pub replaced: u64,
    /// Queue entries named for removal, there or not.
    pub removed: u64,
    /// Writes that trimmed.
    pub trims: u64,
    /// Logs named for deletion, there or not.
    pub deletes: u64,
    /// Reads of such a log or queue; those of one call are counted each.
    pub reads: u64,
    /// Bytes of bases and entries given by them.
    pub bytes_read: u64,
}

impl Written {
    /// Bytes of bases and of entries.
    pub fn bytes(&self) -> u64 {
        self.base_bytes + self.entry_bytes
    }
}

impl AddAssign for Written {
    fn add_assign(&mut self, other: Self) {
        self.writes += other.writes;
        self.checks += other.checks;
        self.bases += other.bases;
        self.base_bytes += other.base_bytes;
        self.entries += other.entries;
        self.entry_bytes += other.entry_bytes;
        self.seen += other.seen;
        self.replaced += other.replaced;
        self.removed += other.removed;
        self.trims += other.trims;
        self.deletes += other.deletes;
        self.reads += other.reads;
        self.bytes_read += other.bytes_read;
    }
}

impl Counts {
    /// The sum over all names that begin so; `""` for all names.
    pub fn written(&self, prefix: &str) -> Written {
        let mut sum = Written::default();
        for (_, written) in self.names.iter().filter(|(name, _)| name.as_str().starts_with(prefix)) {
            sum += *written;
        }
        sum
    }
}

impl Counting {
    /// A wrapper that has counted nothing yet.
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self { inner, counts: Arc::default() }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts.lock().clone()
    }

    /// What was counted so far of all names that begin so; `""` for all names.
    pub fn written(&self, prefix: &str) -> Written {
        self.counts.lock().written(prefix)
    }

    /// Gives what was counted so far and begins anew.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock())
    }
}

fn log_written(write: &LogWrite) -> Written {
    let mut written = Written {
        bases: u64::from(write.base.is_some()),
        base_bytes: write.base.as_ref().map_or(0, |base| base.len() as u64),
        entries: write.append.len() as u64,
        entry_bytes: write.append.iter().map(|entry| entry.len() as u64).sum(),
        trims: u64::from(write.trim.is_some()),
        deletes: u64::from(write.delete),
        ..Written::default()
    };
    let changes = written.bases + written.entries + written.trims + written.deletes;
    let is_write = changes > 0 || write.expire != Expire::Keep;
    written.writes = u64::from(is_write);
    written.checks = u64::from(!is_write);
    written
}

/// `appended` is what became of each of its appends.
fn queue_written(write: &QueueWrite, appended: &[Appended]) -> Written {
    let mut written = Written {
        replaced: write.replace.len() as u64,
        entry_bytes: write.replace.iter().map(|(_, _, bytes)| bytes.len() as u64).sum(),
        removed: write.remove.len() as u64,
        ..Written::default()
    };
    for (append, became) in write.append.iter().zip(appended) {
        match became {
            Appended::At(_) => {
                written.entries += 1;
                written.entry_bytes += append.bytes.len() as u64;
            }
            Appended::Seen => written.seen += 1,
        }
    }
    let changes = written.replaced + written.removed + written.entries;
    written.writes = u64::from(changes > 0 || !write.see.is_empty());
    written
}

/// What an applied batch wrote, by name.
fn batch_written(writes: &[Write], committed: &Committed) -> Vec<(Name, Written)> {
    let mut appended = committed.appended.as_slice();
    let mut names = Vec::with_capacity(writes.len());
    for write in writes {
        let written = match write {
            Write::Log(write) => log_written(write),
            Write::Queue(write) => {
                let (own, rest) = appended.split_at(write.append.len().min(appended.len()));
                appended = rest;
                queue_written(write, own)
            }
        };
        names.push((write.key().name().clone(), written));
    }
    names
}

fn page_bytes(page: &Page) -> u64 {
    let bytes = match page {
        Page::Log(page) => page.base.iter().chain(&page.entries).map(|bytes| bytes.len()).sum::<usize>(),
        Page::Queue(page) => page.entries.iter().map(|entry| entry.bytes.len()).sum(),
    };
    bytes as u64
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Counting {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async move {
            self.counts.lock().batches += 1;
            // Copies no bytes: the entries are counted references.
            let writes = batch.writes.clone();
            let result = self.inner.commit(batch).await;
            let mut counts = self.counts.lock();
            match &result {
                Ok(committed) => {
                    for (name, written) in batch_written(&writes, committed) {
                        *counts.names.entry(name).or_default() += written;
                    }
                }
                Err(_) => counts.refused += 1,
            }
            drop(counts);
            result
        })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(async move {
            self.counts.lock().reads += 1;
            let results = self.inner.read(reads).await?;
            let mut counts = self.counts.lock();
            for (read, result) in reads.iter().zip(&results) {
                let bytes_read = result.as_ref().ok().and_then(Option::as_ref).map_or(0, page_bytes);
                let read_once = Written { reads: 1, bytes_read, ..Written::default() };
                *counts.names.entry(read.key.name().clone()).or_default() += read_once;
            }
            drop(counts);
            Ok(results)
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.counts.lock().lists += 1;
        self.inner.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.counts.lock().lists += 1;
        self.inner.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.counts.lock().changed += 1;
        self.inner.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.inner.properties()
    }
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("counts", &self.counts.lock()).finish_non_exhaustive()
    }
}
