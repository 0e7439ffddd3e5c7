//! A storage that takes nothing any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::Options;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Memory, Page, Properties, Read, SeenPage,
    SeenQuery, Storage,
};
use tertulia::{Error, Key, Result};

use super::support::{start, update};

/// Reads as ever, and is closed to every commit after the first, with which a runner notes that it runs.
#[derive(Debug)]
struct Closed(Memory, AtomicBool);

#[deny(clippy::missing_trait_methods)]
impl Storage for Closed {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        if !self.1.swap(true, Ordering::Relaxed) {
            return self.0.commit(batch);
        }
        Box::pin(async { Err(Error::new(Kind::Closed, "the disk is broken")) })
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        self.0.read(reads)
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.0.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.0.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.0.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.0.properties()
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_closed_stops_the_runner_and_acknowledges_nothing() {
    let storage: Arc<dyn Storage> = Arc::new(Closed(Memory::new(), AtomicBool::new(false)));
    let handle = start(&storage, Options::default(), async |_, _| Ok(())).await;
    let intake = handle.intake().clone();
    let submitted = tokio::spawn(async move { intake.submit(update("a", 1, "x")).await });
    assert_eq!(handle.failed().await.to_string(), "the disk is broken");
    assert!(!handle.is_running());
    handle.shutdown(Duration::from_secs(1)).await;
    assert_eq!(submitted.await.unwrap().unwrap_err().kind(), Kind::Closed);
}
