//! A storage under test, and the short words the cases say to it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::graph::{Awaited, StateSaver, awaited};
use tertulia::storage::{
    Batch, BoxFuture, CommitId, Committed, Etag, From, Head, LogHead, LogPage, Memory, Page, QueueEntry,
    QueueHead, QueuePage, Read, Revision, Scope, Storage, Write,
};
use tertulia::{Clock, Conversation, Key, Name, Result, Shard};

/// Opens the store that was just closed.
type Reopen = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Storage>> + Send + Sync>;

/// Moves the time that the storage goes by.
type Leap = Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// An empty store to be judged, and what a case may do with it beside calling it.
///
/// Its short words panic where the storage fails them: a case is a test.
pub struct Subject {
    /// `None` only while it is closed and opened again.
    storage: Mutex<Option<Arc<dyn Storage>>>,
    reopen: Option<Reopen>,
    leap: Option<Leap>,
    clock: Clock,
    /// What keeps runs of graphs, if that is not the storage.
    saver: Option<Arc<dyn StateSaver<Way = Awaited>>>,
    /// Dropped after the storage.
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Subject {
    /// A new, empty store. Called inside the runtime of its case.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage: Mutex::new(Some(storage)),
            reopen: None,
            leap: None,
            clock: Clock::system(),
            saver: None,
            kept: Vec::new(),
        }
    }

    /// Says how the store is opened again once every handle to it was dropped. A storage that promises to
    /// survive the end of its process must say so, or the cases of durability fail.
    #[must_use]
    pub fn reopen<F>(mut self, reopen: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Storage>> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || Box::pin(reopen())));
        self
    }

    /// Says how the time that the storage goes by is moved on, for a storage whose clock is not the one of the
    /// runtime but can be moved all the same.
    #[must_use]
    pub fn leap_by<F>(mut self, leap: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.leap = Some(Box::new(move |duration| Box::pin(leap(duration))));
        self
    }

    /// A new, empty persister of runs, for [`graphs!`](crate::graphs!) and [`parallel!`](crate::parallel!) alone: nothing else is
    /// judged.
    pub fn of_saver(saver: impl StateSaver) -> Self {
        Self { saver: Some(awaited(saver)), ..Self::new(Arc::new(Memory::new())) }
    }

    /// Keeps something, such as a directory, until the case has ended.
    #[must_use]
    pub fn keep(mut self, value: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(value));
        self
    }

    /// The runtime's clock is paused and moves the storage's.
    pub(crate) fn paused(self) -> Self {
        if self.leap.is_some() { self } else { self.leap_by(tokio::time::advance) }
    }

    /// The storage.
    pub fn storage(&self) -> Arc<dyn Storage> {
        self.storage.lock().clone().expect("closed only within `close_and_open`")
    }

    /// The persister of runs, if it is one that is judged.
    pub fn saver(&self) -> Option<Arc<dyn StateSaver<Way = Awaited>>> {
        self.saver.clone()
    }

    /// Drops the storage and opens the store again; false if nobody said how. The case has dropped its handles.
    pub async fn close_and_open(&self) -> bool {
        let Some(reopen) = &self.reopen else { return false };
        drop(self.storage.lock().take());
        let storage = reopen().await;
        *self.storage.lock() = Some(storage);
        true
    }

    /// Moves the storage's time on; false if it cannot be moved, and has not.
    pub async fn leap(&self, duration: Duration) -> bool {
        match &self.leap {
            Some(leap) => leap(duration).await,
            None => return false,
        }
        true
    }

    /// Whether [`leap`](Self::leap) moves time.
    pub fn can_leap(&self) -> bool {
        self.leap.is_some()
    }

    /// Whether a batch may reach over several shards.
    pub fn spans_shards(&self) -> bool {
        self.storage().properties().scope == Scope::Store
    }

    /// A new commit id.
    pub fn id(&self) -> CommitId {
        CommitId(self.clock.random())
    }

    /// Commits these writes under a new id.
    ///
    /// # Errors
    /// The storage's.
    pub async fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Result<Committed> {
        self.storage().commit(Batch::new(self.id(), writes.into_iter().collect())).await
    }

    /// Commits these writes, which the storage must take, under a new id, and gives that id too.
    pub async fn apply(&self, writes: impl IntoIterator<Item = Write>) -> (CommitId, Committed) {
        let id = self.id();
        let committed = self.storage().commit(Batch::new(id, writes.into_iter().collect())).await;
        (id, committed.expect("the batch is in order and must apply"))
    }

    /// Commits one write to a log, which the storage must take, and gives the head afterwards.
    pub async fn put(&self, write: impl Into<Write>) -> Option<Head> {
        let (_, committed) = self.apply([write.into()]).await;
        assert_eq!(committed.heads.len(), 1, "one write has one head");
        committed.heads[0]
    }

    /// Commits one write to a log, which must be there afterwards.
    pub async fn put_log(&self, write: impl Into<Write>) -> LogHead {
        self.put(write).await.and_then(|head| head.log()).expect("the log is there after this write")
    }

    /// Commits one write to a queue, which must be there afterwards.
    pub async fn put_queue(&self, write: impl Into<Write>) -> QueueHead {
        self.put(write).await.and_then(|head| head.queue()).expect("the queue is there after this write")
    }

    /// Does one read.
    ///
    /// # Errors
    /// The read's own; the engine's panics.
    pub async fn read(&self, read: Read) -> Result<Option<Page>> {
        let mut results = self.storage().read(&[read]).await.expect("the storage can be read");
        assert_eq!(results.len(), 1, "one read has one result");
        results.remove(0)
    }

    /// Everything of a log that is there.
    pub async fn log(&self, key: &Key) -> LogPage {
        self.try_log(key).await.unwrap_or_else(|| panic!("{key} is there"))
    }

    /// Everything of a log, if it is there.
    pub async fn try_log(&self, key: &Key) -> Option<LogPage> {
        let read = Read::new(key.clone()).limit(usize::MAX, usize::MAX).from(From::Start);
        let page = self.read(read).await.expect("a log can be read from its start");
        page.map(|page| page.into_log().expect("a log gives a log's page"))
    }

    /// Everything of a queue that is there.
    pub async fn queue(&self, key: &Key) -> QueuePage {
        let read = Read::new(key.clone()).limit(usize::MAX, usize::MAX);
        let page = self.read(read).await.expect("a queue can be read from its start");
        let page = page.unwrap_or_else(|| panic!("{key} is there"));
        page.into_queue().expect("a queue gives a queue's page")
    }

    async fn entry(&self, key: &Key, offset: u64) -> QueueEntry {
        let page = self.queue(key).await;
        let entry = page.entries.into_iter().find(|entry| entry.offset.0 == offset);
        entry.unwrap_or_else(|| panic!("{key} has an entry {offset}"))
    }

    /// The revision of an entry of a queue, which must be there.
    pub async fn revision(&self, key: &Key, offset: u64) -> Revision {
        self.entry(key, offset).await.revision
    }

    /// A revision that no entry has.
    pub fn no_revision(&self) -> Revision {
        Revision(self.id())
    }

    /// The head of a log or queue.
    pub async fn head(&self, key: &Key) -> Option<Head> {
        let page = self.read(Read::head(key.clone())).await.expect("a head can be read");
        page.map(|page| page.head())
    }

    /// Waits until the etag of `key` is no longer `seen`, and gives the head it has then.
    pub async fn changed(&self, key: &Key, seen: Option<Etag>) -> Option<Head> {
        let storage = self.storage();
        loop {
            let head = storage.changed(key, seen).await.expect("the storage can be watched");
            // It may wake early.
            if head.map(|head| head.etag()) != seen {
                return head;
            }
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("can_leap", &self.leap.is_some())
            .field("can_reopen", &self.reopen.is_some())
            .finish_non_exhaustive()
    }
}

/// The conversation most cases speak of.
pub(crate) fn here() -> Conversation {
    Conversation::new("test", "1").expect("a valid conversation")
}

/// A conversation of another shard than [`here`], different for each `n` below 100.
pub(crate) fn elsewhere(n: usize) -> Conversation {
    (2..)
        .map(|id: u32| Conversation::new("test", &id.to_string()).expect("a valid conversation"))
        .filter(|other| other.shard() != here().shard())
        .nth(n)
        .expect("there are endless conversations")
}

/// A log of the conversation [`here`].
pub(crate) fn log(name: &str) -> Key {
    Key::Log(here(), Name::new(name).expect("a valid name"))
}

/// A log of the conversation [`elsewhere`].
pub(crate) fn far_log(n: usize, name: &str) -> Key {
    Key::Log(elsewhere(n), Name::new(name).expect("a valid name"))
}

/// A queue of the shard of [`here`].
pub(crate) fn queue(name: &str) -> Key {
    Key::Queue(here().shard(), Name::new(name).expect("a valid name"))
}

/// A log of the shard of [`here`].
pub(crate) fn shard_log(shard: Shard, name: &str) -> Key {
    Key::ShardLog(shard, Name::new(name).expect("a valid name"))
}
