//! A storage that a commit reaches late, be its caller gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tertulia::Key;
use tertulia::Result;
use tertulia::error::{Error, Kind};
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Page, Properties, Read, SeenPage, SeenQuery,
    Storage, Write,
};
use tokio::sync::Semaphore;

/// The first commit that appends to a log with such a name is held, and applied when it is let go, whether somebody still
/// waits for it or not.
#[derive(Clone, Debug)]
pub(super) struct Late {
    inner: Arc<dyn Storage>,
    name: &'static str,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    came: AtomicBool,
    held: Semaphore,
    go: Semaphore,
    over: Semaphore,
}

impl Late {
    pub(super) fn new(inner: Arc<dyn Storage>, name: &'static str) -> Self {
        let closed = || Semaphore::new(0);
        let state = State { came: AtomicBool::new(false), held: closed(), go: closed(), over: closed() };
        Self { inner, name, state: Arc::new(state) }
    }

    /// Waits until it has come.
    pub(super) async fn held(&self) {
        self.state.held.acquire().await.unwrap().forget();
    }

    /// Lets it go, and waits until it was tried.
    pub(super) async fn let_go(&self) {
        self.state.go.add_permits(1);
        self.state.over.acquire().await.unwrap().forget();
    }

    fn is_meant(&self, batch: &Batch) -> bool {
        batch.writes.iter().any(|write| match write {
            Write::Log(write) => !write.append.is_empty() && write.key.name().as_str().ends_with(self.name),
            _ => false,
        })
    }
}

impl Storage for Late {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        if !self.is_meant(&batch) || self.state.came.swap(true, Ordering::Relaxed) {
            return self.inner.commit(batch);
        }
        let (inner, state) = (Arc::clone(&self.inner), Arc::clone(&self.state));
        let committing = tokio::spawn(async move {
            state.held.add_permits(1);
            state.go.acquire().await.unwrap().forget();
            let committed = inner.commit(batch).await;
            state.over.add_permits(1);
            committed
        });
        Box::pin(async move { committing.await.map_err(|_| Error::new(Kind::Unknown, "the test ended"))? })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        self.inner.read(reads)
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.inner.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.inner.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.inner.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.inner.properties()
    }
}
