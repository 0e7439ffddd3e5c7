//! The handle: a storage whose commits go to the writer thread and whose reads go to the readers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Durability, Etag, Head, Hub, Limits, ListQuery, Listing, Page, Properties,
    Read, Scope, SeenPage, SeenQuery, Storage, Write,
};
use tertulia::{Clock, Error, Key, Result, Timestamp};
use tokio::task::{coop, spawn_blocking};

use crate::handoff::Handoff;
use crate::lock::{self, Lock, Owner};
use crate::reader::{Reader, Readers};
use crate::schema;
use crate::writer;
use crate::{SqliteOptions, Synchronous};

/// How often a handle that only reads looks for changes, which another process makes and cannot tell it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A database file. Clones share it; it is closed, and its lock released, when the last one is dropped.
///
/// One process at a time has it open for writing, since only that process can wake its own readers.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    path: PathBuf,
    clock: Clock,
    limits: Limits,
    synchronous: Synchronous,
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    /// `None` for a handle that only reads.
    writer: Option<WriterThread>,
}

/// The thread that writes; joined when the last handle goes, so that by then the file is closed.
struct WriterThread {
    thread: Mutex<Option<JoinHandle<()>>>,
    lock: Arc<Lock>,
}

/// What the handles and the writer thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) handoff: Handoff,
    pub(crate) hub: Hub,
    /// The latest time that a caller brought along, for the writer, which must not read a clock of its own: it
    /// runs outside the runtime, where a test's paused clock cannot be seen.
    latest: AtomicU64,
}

impl Shared {
    pub(crate) fn latest(&self) -> Timestamp {
        Timestamp(self.latest.load(Ordering::Relaxed))
    }
}

impl Sqlite {
    /// Opens the database at `path` with the usual options, and makes it if it is not there.
    ///
    /// # Errors
    /// Those of [`SqliteOptions::open`].
    ///
    /// # Cancel safety
    /// If dropped, the database is opened and closed again in the background.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        SqliteOptions::new().open(path).await
    }

    /// Opens a database for reading, also beside a process that writes to it. Commits are `Invalid`. Changes are
    /// noticed within 100 milliseconds.
    ///
    /// # Errors
    /// `Invalid` if there is no such file, access is denied, it is not a Tertulia database or is of a newer
    /// version; `Unavailable`, `Corrupt`.
    ///
    /// # Cancel safety
    /// Leaves nothing behind.
    pub async fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        blocking(move || {
            let options = SqliteOptions::new();
            let path = schema::resolve(&path)?;
            if !schema::inspect(&path)? {
                return Err(Error::invalid(format!("{} does not exist or is empty", path.display())));
            }
            let handle = Self(Arc::new(Inner::new(path, &options, None)));
            handle.0.readers.with(|_| Ok(()))?;
            Ok(handle)
        })
        .await
    }

    /// Who has the database at `path` open for writing; `None` if nobody does. Needs nothing but the right to read
    /// the lock file.
    ///
    /// # Errors
    /// `Unavailable` if the lock file is there and cannot be read, `Corrupt` if it is held and names nobody.
    pub fn owner(path: impl AsRef<Path>) -> Result<Option<Owner>> {
        match schema::resolve(path.as_ref()) {
            Ok(path) => lock::owner(&path),
            // Where there is no directory there is no owner.
            Err(_) => Ok(None),
        }
    }

    /// Says in the lock file where this process can be reached, one line of any form, for tools and for the error
    /// of a second opener.
    ///
    /// # Errors
    /// `Invalid` on a handle that only reads or for more than one line; `Unavailable` if it cannot be written.
    pub fn set_address(&self, address: &str) -> Result<()> {
        match &self.0.writer {
            Some(writer) => writer.lock.set_address(Some(address)),
            None => Err(self.0.read_only()),
        }
    }

    /// The file, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Drops this handle and, if it is the last one, waits until everything queued is written and the file closed.
    /// Dropping the last handle does the same, but blocks its thread meanwhile.
    ///
    /// # Cancel safety
    /// If dropped, closing goes on in the background.
    pub async fn close(self) {
        // It fails only if the drop panicked, which it does not, or if the runtime is going down, which drops too.
        let _ = spawn_blocking(move || drop(self)).await;
    }

    pub(crate) async fn open_with(options: SqliteOptions, path: &Path) -> Result<Self> {
        let path = path.to_owned();
        let now = options.clock.now();
        blocking(move || {
            let path = schema::resolve(&path)?;
            schema::inspect(&path)?;
            let lock = Arc::new(Lock::take(&path, now)?);
            let connection = schema::open_writer(&path, &options)?;
            let mut inner = Inner::new(path, &options, None);
            let (ready, begun) = channel();
            let (shared, locked) = (inner.shared.clone(), lock.clone());
            let thread = std::thread::Builder::new()
                .name("tertulia-sqlite".into())
                .spawn(move || writer::run(locked, connection, &options, shared, &ready))
                .map_err(|cause| {
                    Error::unavailable(format!("cannot start the writer thread: {cause}")).with_source(cause)
                })?;
            inner.writer = Some(WriterThread { thread: Mutex::new(Some(thread)), lock });
            begun.recv().unwrap_or_else(|_| Err(Error::internal("the writer thread panicked")))?;
            Ok(Self(Arc::new(inner)))
        })
        .await
    }

    async fn commit_batch(&self, batch: Batch) -> Result<Committed> {
        let inner = &*self.0;
        coop::consume_budget().await;
        if inner.writer.is_none() {
            return Err(inner.read_only());
        }
        batch.check(&inner.limits)?;
        let bytes = batch.writes.iter().map(Write::bytes).sum();
        let answer = inner.shared.handoff.push(batch, bytes, || inner.now()).await?;
        answer
            .await
            .unwrap_or_else(|_| Err(Error::new(Kind::Unknown, "the writer thread ended before it answered")))
    }

    async fn read_pages(&self, reads: &[Read]) -> Result<Vec<Result<Option<Page>>>> {
        coop::consume_budget().await;
        let now = self.0.now();
        if let Some(pages) = self.0.readers.with(|reader| reader.pages(reads, now, true))? {
            return Ok(pages);
        }
        let reads = reads.to_vec();
        let pages = self.on_a_thread(move |reader| reader.pages(&reads, now, false)).await?;
        pages.ok_or_else(|| Error::internal("a read without a bound was too large"))
    }

    /// Reads on a thread that may wait for the disk; as many at once as there are readers.
    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let readers = self.0.readers.clone();
        let closed = |_| Error::unavailable("the database is closed");
        let _permit = self.0.readers.threads.acquire().await.map_err(closed)?;
        blocking(move || readers.with(work)).await
    }

    fn head(&self, key: &Key) -> Result<Option<Head>> {
        let now = self.0.now();
        self.0.readers.with(|reader| reader.head(key, now))
    }

    /// `changed` where no commit of this process wakes anybody.
    async fn changed_elsewhere(&self, key: &Key, seen: Option<Etag>) -> Result<Option<Head>> {
        loop {
            coop::consume_budget().await;
            let head = self.head(key)?;
            if head.map(|head| head.etag()) != seen {
                return Ok(head);
            }
            self.0.clock.sleep(LOOK_EVERY).await;
        }
    }
}

impl Storage for Sqlite {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.commit_batch(batch))
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(self.read_pages(reads))
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        let (query, now) = (query.clone(), self.0.now());
        Box::pin(self.on_a_thread(move |reader| reader.list(&query, now)))
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        let (query, now) = (query.clone(), self.0.now());
        Box::pin(self.on_a_thread(move |reader| reader.seen(&query, now)))
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        match self.0.writer {
            Some(_) => Box::pin(self.0.shared.hub.changed(key, seen, move || async move { self.head(key) })),
            None => Box::pin(self.changed_elsewhere(key, seen)),
        }
    }

    fn properties(&self) -> Properties {
        Properties {
            name: format!("sqlite:{}", self.0.path.display()),
            scope: Scope::Store,
            durability: Durability {
                process_kill: true,
                power_loss: self.0.synchronous == Synchronous::Full,
                failover: false,
            },
            limits: self.0.limits,
        }
    }
}

impl Inner {
    fn new(path: PathBuf, options: &SqliteOptions, writer: Option<WriterThread>) -> Self {
        Self {
            clock: options.clock.clone(),
            limits: options.limits,
            synchronous: options.synchronous,
            shared: Arc::new(Shared {
                handoff: Handoff::new(),
                hub: Hub::default(),
                latest: AtomicU64::new(0),
            }),
            readers: Arc::new(Readers::new(path.clone(), options.reader_cache, options.readers)),
            path,
            writer,
        }
    }

    /// The time, noted for the writer.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.shared.latest.fetch_max(now.0, Ordering::Relaxed);
        now
    }

    fn read_only(&self) -> Error {
        Error::invalid(format!("{} was opened for reading only", self.path.display()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Before the writer, whose connection is then the last one and can remove the write-ahead log.
        self.readers.close();
        self.shared.handoff.close();
        if let Some(thread) = self.writer.as_ref().and_then(|writer| writer.thread.lock().take())
            && thread.join().is_err()
        {
            tracing::error!(path = %self.path.display(), "the writer thread panicked");
        }
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.0.path)
            .field("read_only", &self.0.writer.is_none())
            .finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|cause| {
        Err(Error::internal(format!("a thread for blocking work failed: {cause}")).with_source(cause))
    })
}
