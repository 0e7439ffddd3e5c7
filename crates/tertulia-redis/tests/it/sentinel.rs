//! A server that is found by asking a sentinel, which puts a replica in its place.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::LogWrite;
use tertulia_testkit::servers::Server;

use crate::failover::pair;
use crate::rig::{self, admin, commit, log, log_page};

#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_a_sentinel_puts_in_place_is_found() {
    let (primary, replica) = pair();
    let sentinel = Server::sentinel(rig::program(), primary.port());
    let knows = || admin::<String>(sentinel.port(), &["INFO", "sentinel"]).contains("slaves=1");
    while !knows() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let nobody = tertulia_testkit::servers::free_port();
    let url = |master: &str| {
        format!("redis-sentinel://127.0.0.1:{nobody},127.0.0.1:{}?master={master}", sentinel.port())
    };
    let unknown = rig::options().connect(&url("other")).await.unwrap_err();
    assert_eq!(unknown.kind(), Kind::Unavailable);
    assert!(unknown.to_string().contains("other"), "{unknown}");
    let store = rig::options().connect(&url("main")).await.unwrap();
    let head = commit(&store, [LogWrite::new(log("a")).append("before").into()]).await.unwrap().heads[0];
    rig::replicated(&primary, &replica).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move {
            let key = log("a");
            rig::changed(&store, &key, head.map(|head| head.etag())).await
        }
    });
    primary.kill();
    let write = async || commit(&store, [LogWrite::new(log("b")).append("after").into()]).await;
    rig::insist(write).await;
    assert_eq!(log_page(&store, &log("a")).await.entries, ["before"]);
    assert_eq!(store.lost(), 0, "the replica had everything");
    assert!(admin::<String>(replica.port(), &["INFO", "replication"]).contains("role:master"));
    // Who waited listens to the new one.
    let made = commit(&store, [LogWrite::new(log("a")).append("after").into()]).await.unwrap();
    let found = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap();
    assert_eq!(found, made.heads[0]);
}
