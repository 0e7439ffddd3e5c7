//! A slot of a cluster moves from node to node, key by key, while it is written to, read and listened to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::Key;
use tertulia::error::Kind;
use tertulia::storage::{From, Page, Read, Storage};
use tertulia_redis::Redis;
use tertulia_testkit::servers::RedisCluster;

use crate::kill::{numbers, write};
use crate::moving::Moving;
use crate::rig::{self, log, queue};

const WRITERS: u64 = 8;
const MOVES: usize = 4;

/// Follows a log from its beginning.
async fn follow(store: Redis, key: Key, seen: Arc<Mutex<Vec<u64>>>) {
    let (mut from, mut etag) = (From::Start, None);
    loop {
        etag = rig::changed(&store, &key, etag).await.map(|head| head.etag());
        let read = Read::new(key.clone()).from(from).limit(usize::MAX, usize::MAX);
        let page = loop {
            match store.read(std::slice::from_ref(&read)).await {
                Ok(mut pages) => break pages.remove(0).unwrap(),
                Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{error}"),
            }
        };
        let Some(page) = page.and_then(Page::into_log) else { continue };
        from = From::At(page.head.incarnation, page.next());
        let entries = page.entries.iter();
        seen.lock().extend(entries.map(|entry| std::str::from_utf8(entry).unwrap().parse::<u64>().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_while_it_is_used_loses_and_doubles_nothing() {
    let cluster = RedisCluster::start(rig::program(), Duration::from_secs(60));
    let prefix = rig::prefix();
    let url = format!("redis-cluster://{}?prefix={prefix}", cluster.hosts());
    let (here, there) =
        (rig::options().connect(&url).await.unwrap(), rig::options().connect(&url).await.unwrap());
    let mut moving = Moving::of(&cluster, &prefix);

    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let follower = tokio::spawn(follow(there.clone(), log("of 0"), seen.clone()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(here.clone(), writer, stop.clone(), done.clone())))
        .collect();
    for _ in 0..MOVES {
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::task::block_in_place(|| {
            moving.begin();
            while moving.keys(3) > 0 {}
        });
        // They go on where the keys are, and are heard of, before the slot is there.
        let (before, heard) = (done.load(Ordering::Relaxed), seen.lock().len());
        let served = async {
            while done.load(Ordering::Relaxed) < before + 100 || seen.lock().len() <= heard {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), served).await.expect("it is served meanwhile");
        tokio::task::block_in_place(|| moving.end());
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    // Nothing was unknown, since no connection was lost: each is there once, in the queue and in its log.
    let found = numbers(&here, &queue("inbox")).await;
    assert_eq!(found.len(), acknowledged.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), acknowledged);
    for writer in 0..WRITERS {
        let own = acknowledged.iter().copied().filter(|number| number / 1_000_000 == writer);
        assert_eq!(numbers(&there, &log(&format!("of {writer}"))).await, own.collect::<Vec<_>>());
    }
    let wanted = numbers(&here, &log("of 0")).await;
    let heard = async {
        while seen.lock().len() < wanted.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.expect("who follows is woken");
    assert_eq!(*seen.lock(), wanted);
    follower.abort();
    assert_eq!((here.lost(), there.lost()), (0, 0));
}
