//! `Sessions` alone: load, change, compare-and-set, retry.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::storage::{
    Batch, BoxFuture, Committed, Etag, Head, ListQuery, Listing, Memory, Page, Properties, Read, SeenPage,
    SeenQuery, Storage,
};
use tertulia::{Error, Key, Log, Result, Sessions};

use super::{Watched, conversation};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Counter {
    n: u64,
    log: Log<u64>,
}

#[tokio::test(start_paused = true)]
async fn two_stores_over_one_memory_lose_no_increment() {
    let memory = Memory::new();
    let stores = [(); 2].map(|()| Sessions::<Counter>::new(memory.clone(), "counter").unwrap());
    let tasks = (0..100).map(|i| {
        let counters = stores[i % 2].clone();
        tokio::spawn(async move {
            counters
                .update("telegram:42", |counter| {
                    counter.n += 1;
                    counter.log.push(counter.n);
                })
                .await
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    for counters in stores {
        let counter = counters.get("telegram:42").await.unwrap();
        assert_eq!((counter.n, counter.log.tail()), (100, &(1..=100).collect::<Vec<_>>()[..]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_that_write_one_session_at_once_lose_no_increment() {
    let memory = Memory::new();
    let tasks = [(); 4].map(|()| {
        let counters = Sessions::<Counter>::new(memory.clone(), "counter").unwrap();
        tokio::spawn(async move {
            for _ in 0..50 {
                counters.update("telegram:42", |counter| counter.n += 1).await.unwrap();
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let counters = Sessions::<Counter>::new(memory, "counter").unwrap();
    assert_eq!(counters.get("telegram:42").await.unwrap().n, 200);
}

#[tokio::test]
async fn a_read_gives_what_another_wrote_and_not_what_the_cache_holds() {
    let memory = Memory::new();
    let one = Sessions::<Counter>::new(memory.clone(), "counter").unwrap();
    let two = Sessions::<Counter>::new(memory, "counter").unwrap();
    one.update("telegram:42", |counter| counter.log.push(1)).await.unwrap();
    two.update("telegram:42", |counter| counter.log.push(2)).await.unwrap();
    assert_eq!(one.get("telegram:42").await.unwrap().log.tail(), [1, 2]);
    two.update("telegram:42", |counter| counter.n = 5).await.unwrap();
    let seen = one.update("telegram:42", |counter| counter.n).await.unwrap();
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn an_update_that_changes_nothing_writes_nothing() {
    let storage = Watched::new();
    let counters = Sessions::<Counter>::new(storage.clone(), "counter").unwrap();
    counters.update(&conversation(), |counter| counter.n += 0).await.unwrap();
    counters.update(conversation(), |counter| counter.n = 1).await.unwrap();
    assert_eq!(storage.counts().writes, 1);
    counters.update("telegram:42", |counter| counter.n = 1).await.unwrap();
    assert_eq!(storage.counts().writes, 0);
}

#[tokio::test]
async fn a_change_that_fails_is_rolled_back() {
    let storage = Watched::new();
    let counters = Sessions::<Counter>::new(storage.clone(), "counter").unwrap();
    counters.update("telegram:42", |counter| counter.n = 1).await.unwrap();
    storage.counts();
    let result: Result<(), Error> = counters
        .try_update("telegram:42", |counter| {
            counter.n = 2;
            counter.log.push(2);
            Err(Error::invalid("no"))
        })
        .await;
    assert_eq!(result.unwrap_err().kind(), Kind::Invalid);
    storage.fail_commit();
    let failed = counters.update("telegram:42", |counter| counter.n = 3).await;
    assert_eq!(failed.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(counters.get("telegram:42").await.unwrap().n, 1);
    assert_eq!(storage.counts().writes, 0);
}

#[tokio::test]
async fn names_and_conversations_that_are_none_are_refused() {
    for name in ["", "a/b", &"x".repeat(65), "a\nb"] {
        let error = Sessions::<Counter>::new(Memory::new(), name).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{name:?}");
    }
    let counters = Sessions::<Counter>::new(Memory::new(), &"é".repeat(32)).unwrap();
    assert_eq!(counters.get("no colon").await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(counters.update("a b:1", |_| ()).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_session_taken_out_of_the_cache_is_the_callers() {
    let counters = Sessions::<Counter>::new(Memory::new(), "counter").unwrap();
    counters.update("telegram:42", |counter| counter.n = 7).await.unwrap();
    let view = counters.get("telegram:42").await.unwrap();
    assert!(view.is_stored());
    assert_eq!(view.into_inner().n, 7);
    assert!(!counters.get("telegram:43").await.unwrap().is_stored());
}

/// A storage in which somebody else writes after each read, so many times.
#[derive(Debug)]
struct Busy {
    memory: Memory,
    others: Sessions<Counter>,
    left: AtomicUsize,
}

#[deny(clippy::missing_trait_methods, reason = "a wrapper forwards everything")]
impl Storage for Busy {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        self.memory.commit(batch)
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(async move {
            let pages = self.memory.read(reads).await;
            let one_less = |left: usize| left.checked_sub(1);
            if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
                let change = |counter: &mut Counter| {
                    counter.n += 1;
                    counter.log.push(counter.n);
                };
                self.others.update("telegram:42", change).await?;
            }
            pages
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.memory.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.memory.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.memory.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.memory.properties()
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_others_write_all_the_time_is_read_all_the_same() {
    let memory = Memory::new();
    let others = Sessions::<Counter>::new(memory.clone(), "counter").unwrap();
    others.update("telegram:42", |counter| counter.log.push(0)).await.unwrap();
    let busy = Arc::new(Busy { memory, others, left: AtomicUsize::new(300) });
    let counters = Sessions::<Counter>::new(Arc::clone(&busy) as Arc<dyn Storage>, "counter").unwrap();
    counters.update("telegram:42", |counter| counter.n += 1_000).await.unwrap();
    assert_eq!(counters.get("telegram:42").await.unwrap().n, 1_300);
    assert_eq!(busy.left.load(Ordering::SeqCst), 0);
}
