//! A slot of a cluster that is held on its way from node to node.

use std::time::Duration;

use tertulia::Name;
use tertulia::storage::{
    Appended, Expire, ItemId, ListQuery, LogWrite, Offset, Page, QueueWrite, Revision, Storage, Write,
};
use tertulia_redis::Redis;
use tertulia_testkit::servers::RedisCluster;
use tokio::task::JoinHandle;

use crate::moving::Moving;
use crate::rig::{self, admin, commit, log, log_page, queue};

fn id(number: i64) -> Option<ItemId> {
    Some(ItemId::Number(Name::from_static("space"), number))
}

async fn opened(cluster: &RedisCluster) -> (Redis, Moving<'_>) {
    let prefix = rig::prefix();
    let url = format!("redis-cluster://{}?prefix={prefix}", cluster.hosts());
    (rig::options().connect(&url).await.unwrap(), Moving::of(cluster, &prefix))
}

async fn entries(store: &Redis) -> Vec<(u64, Vec<u8>)> {
    let page = rig::page(store, &queue("inbox")).await.unwrap().and_then(Page::into_queue).unwrap();
    page.entries.into_iter().map(|entry| (entry.offset.0, entry.bytes.to_vec())).collect()
}

/// That of the first entry.
async fn revision_of(store: &Redis) -> Revision {
    let page = rig::page(store, &queue("inbox")).await.unwrap().and_then(Page::into_queue).unwrap();
    page.entries[0].revision
}

/// A node makes no key anew whose slot is on its way: a script that empties one, and then writes to it, ends there.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_replaces_is_never_gone_meanwhile() {
    let cluster = RedisCluster::start(rig::program(), Duration::from_secs(60));
    let (store, moving) = opened(&cluster).await;
    let hour = Expire::After(Duration::from_hours(1));
    let writes: [Write; 3] = [
        QueueWrite::new(queue("inbox")).append(id(1), "one").into(),
        LogWrite::new(log("a")).append("a").expire(hour).into(),
        LogWrite::new(log("b")).append("b").into(),
    ];
    commit(&store, writes).await.unwrap();
    let revision = revision_of(&store).await;
    moving.begin();
    let replace = QueueWrite::new(queue("inbox")).replace(Offset(0), revision, "again");
    commit(&store, [replace.into()]).await.unwrap();
    let revision = revision_of(&store).await;
    assert_eq!(entries(&store).await, [(0, b"again".to_vec())]);
    let exchange = QueueWrite::new(queue("inbox")).remove(Offset(0), revision).append(id(2), "two");
    commit(&store, [exchange.into()]).await.unwrap();
    assert_eq!(entries(&store).await, [(1, b"two".to_vec())]);
    // The only deadline of the shard goes, and another one comes.
    let never = LogWrite::new(log("a")).append("a").expire(Expire::Never);
    let soon = LogWrite::new(log("b")).append("b").expire(hour);
    commit(&store, [never.into(), soon.into()]).await.unwrap();
    assert_eq!(log_page(&store, &log("a")).await.head.expires_in, None);
    assert!(log_page(&store, &log("b")).await.head.expires_in.is_some());
    assert_eq!(log_page(&store, &log("b")).await.entries, ["b", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_whose_keys_have_moved_is_served_before_its_slot_has() {
    let cluster = RedisCluster::start(rig::program(), Duration::from_secs(60));
    let (store, mut moving) = opened(&cluster).await;
    let writes: [Write; 2] = [
        QueueWrite::new(queue("inbox")).append(id(1), "one").into(),
        LogWrite::new(log("a")).base("base").into(),
    ];
    commit(&store, writes).await.unwrap();
    moving.begin();
    while moving.keys(100) > 0 {}
    // Of what is there, and of what is not: a log that has no entries yet, one that is new.
    let writes: [Write; 3] = [
        QueueWrite::new(queue("inbox")).append(id(1), "again").append(id(2), "two").into(),
        LogWrite::new(log("a")).append("entry").into(),
        LogWrite::new(log("new")).base("base").expire(Expire::After(Duration::from_hours(1))).into(),
    ];
    let committed = commit(&store, writes).await.unwrap();
    assert_eq!(committed.appended, [Appended::Seen, Appended::At(Offset(1))]);
    for has_moved in [false, true] {
        assert_eq!(entries(&store).await, [(0, b"one".to_vec()), (1, b"two".to_vec())]);
        let page = log_page(&store, &log("a")).await;
        assert_eq!((page.base.as_deref(), page.entries), (Some(&b"base"[..]), vec!["entry".into()]));
        assert!(log_page(&store, &log("new")).await.head.expires_in.is_some());
        assert_eq!(rig::page(&store, &log("other")).await.unwrap(), None);
        assert_eq!(store.list(&ListQuery::default()).await.unwrap().keys.len(), 3);
        if !has_moved {
            moving.end();
        }
    }
    commit(&store, [LogWrite::new(log("a")).delete().into()]).await.unwrap();
    assert_eq!(store.lost(), 0);
}

/// Until the node that a slot leaves has said so often that some of the keys are elsewhere, to who waits for that to end.
async fn refused<T>(moving: &Moving<'_>, times: u64, waiting: &JoinHandle<T>) {
    let refusals = || {
        let stats: String = admin(moving.from(), &["INFO", "errorstats"]);
        let count = stats.lines().find_map(|line| line.strip_prefix("errorstat_TRYAGAIN:count="));
        count.map_or(0, |count| count.trim().parse::<u64>().unwrap())
    };
    while refusals() < times {
        assert!(!waiting.is_finished(), "it did not wait");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_keys_are_here_and_there_waits_until_they_are_together() {
    let cluster = RedisCluster::start(rig::program(), Duration::from_secs(60));
    let (store, mut moving) = opened(&cluster).await;
    for name in ["a", "b", "c", "d"] {
        commit(&store, [LogWrite::new(log(name)).append("one").into()]).await.unwrap();
    }
    moving.begin();
    // Nine keys, a log two of them.
    assert_eq!(moving.keys(5), 5);
    let batch = ["a", "b", "c", "d"].map(|name| LogWrite::new(log(name)).append("two").into());
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { commit(&store, batch).await }
    });
    // Longer than it takes to find who has a slot.
    refused(&moving, 30, &waiting).await;
    while moving.keys(1) > 0 {}
    moving.end();
    waiting.await.unwrap().unwrap();
    for name in ["a", "b", "c", "d"] {
        assert_eq!(log_page(&store, &log(name)).await.entries, ["one", "two"]);
    }
}

/// What replicas are waited for with is one of a batch's keys: made on both nodes, it could not be moved.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_waited_for_is_written_where_the_keys_have_moved() {
    let cluster = RedisCluster::start(rig::program(), Duration::from_secs(60));
    let prefix = rig::prefix();
    let url = format!("redis-cluster://{}?prefix={prefix}&wait_replicas=1&wait_timeout=10", cluster.hosts());
    let store = rig::options().connect(&url).await.unwrap();
    let mut moving = Moving::of(&cluster, &prefix);
    let append = |store: Redis, text: &'static str| async move {
        commit(&store, [LogWrite::new(log("a")).append(text).into()]).await
    };
    append(store.clone(), "one").await.unwrap();
    moving.begin();
    assert_eq!(moving.keys_if(100, |key| !key.ends_with(b"}w")), 3);
    let waiting = tokio::spawn(append(store.clone(), "two"));
    refused(&moving, 3, &waiting).await;
    assert_eq!(moving.keys(100), 1);
    waiting.await.unwrap().unwrap();
    append(store.clone(), "three").await.unwrap();
    moving.end();
    append(store.clone(), "four").await.unwrap();
    assert_eq!(log_page(&store, &log("a")).await.entries, ["one", "two", "three", "four"]);
}
