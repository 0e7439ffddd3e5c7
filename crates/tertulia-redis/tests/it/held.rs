//! A slot of a cluster that is held on its way from node to node.

use std::time::Duration;

use tertulia::Name;
use tertulia::storage::{CommitId, Expire, ItemId, LogWrite, Offset, Page, QueueWrite, Revision, Write};
use tertulia_redis::Redis;
use tertulia_testkit::servers::RedisCluster;

use crate::moving::Moving;
use crate::rig::{self, commit, log, log_page, queue};

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

/// A node makes no key anew whose slot is on its way: a script that empties one, and then writes to it, ends there.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_replaces_is_never_gone_meanwhile() {
    let cluster = RedisCluster::start(rig::program(), Duration::from_secs(60));
    let (store, moving) = opened(&cluster).await;
    let hour = Expire::After(Duration::from_hours(1));
    let first: CommitId = {
        let writes: [Write; 3] = [
            QueueWrite::new(queue("inbox")).append(id(1), "one").into(),
            LogWrite::new(log("a")).append("a").expire(hour).into(),
            LogWrite::new(log("b")).append("b").into(),
        ];
        let head = commit(&store, writes).await.unwrap().heads[0].unwrap();
        head.etag().commit
    };
    moving.begin();
    let replace = QueueWrite::new(queue("inbox")).replace(Offset(0), Revision(first), "again");
    let revision = {
        let writes = commit(&store, [replace.into()]).await;
        assert_eq!(writes.map(|committed| committed.heads.len()).map_err(|error| error.to_string()), Ok(1));
        let page = rig::page(&store, &queue("inbox")).await.unwrap().and_then(Page::into_queue).unwrap();
        page.entries[0].revision
    };
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
