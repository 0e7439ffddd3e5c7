//! A cluster: what it refuses, and nodes that take over.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{From, ListQuery, LogWrite, Page, Read, Scope, Storage};
use tertulia::{Conversation, Key, Name, Shard};
use tertulia_testkit::servers::RedisCluster;

use crate::rig::{self, commit, log, log_page};

/// A log in each shard.
fn logs() -> Vec<Key> {
    Shard::all().map(|shard| Key::ShardLog(shard, Name::from_static("log"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_two_shards_is_refused() {
    let store = rig::options().connect(&rig::cluster_url(rig::cluster())).await.unwrap();
    assert_eq!(store.properties().scope, Scope::Shard);
    let other = (2..)
        .map(|id: u32| Conversation::new("test", &id.to_string()).unwrap())
        .find(|other| other.shard() != rig::shard())
        .unwrap();
    let other = Key::Log(other, Name::from_static("log"));
    let writes =
        [LogWrite::new(log("a")).append("x").into(), LogWrite::new(other.clone()).append("x").into()];
    let refused = commit(&store, writes).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
    assert!(refused.to_string().contains(&other.to_string()), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shard_is_reached_and_read_in_the_order_asked() {
    let store = rig::options().connect(&rig::cluster_url(rig::cluster())).await.unwrap();
    for (i, key) in logs().into_iter().enumerate() {
        commit(&store, [LogWrite::new(key).append(i.to_string()).into()]).await.unwrap();
    }
    let reads: Vec<Read> = logs().into_iter().rev().map(|key| Read::new(key).from(From::Last(1))).collect();
    let pages = store.read(&reads).await.unwrap();
    for (i, page) in pages.into_iter().rev().enumerate() {
        assert_eq!(page.unwrap().and_then(Page::into_log).unwrap().entries, [i.to_string()]);
    }
    assert_eq!(store.list(&ListQuery::default()).await.unwrap().keys.len(), 256);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_takes_over_is_found_and_who_waits_is_woken() {
    let cluster = RedisCluster::start(rig::program(), Duration::from_secs(5));
    let url = rig::cluster_url(&cluster);
    let (here, there) =
        (rig::options().connect(&url).await.unwrap(), rig::options().connect(&url).await.unwrap());
    let mut waiting = Vec::new();
    for key in logs() {
        let head =
            commit(&here, [LogWrite::new(key.clone()).append("before").into()]).await.unwrap().heads[0];
        let here = here.clone();
        waiting
            .push(tokio::spawn(async move { rig::changed(&here, &key, head.map(|head| head.etag())).await }));
    }
    rig::replicated(&cluster.nodes[1], &cluster.nodes[4]).await;
    cluster.nodes[1].kill();
    let mut made = Vec::new();
    for key in logs() {
        let write = async || commit(&there, [LogWrite::new(key.clone()).append("after").into()]).await;
        made.push(rig::insist(write).await.heads[0]);
    }
    for (waiting, made) in waiting.into_iter().zip(made) {
        let found = tokio::time::timeout(Duration::from_mins(1), waiting).await.expect("woken").unwrap();
        assert_eq!(found.map(|head| head.etag().version >= 2), made.map(|_| true));
    }
    for key in logs() {
        let page = log_page(&here, &key).await;
        assert_eq!(page.entries[0], "before");
        // An append whose answer was lost may be there, and was made again.
        assert!(page.entries[1..].iter().all(|entry| entry == "after") && page.entries.len() >= 2);
    }
    assert_eq!((here.lost(), there.lost()), (0, 0));
}
