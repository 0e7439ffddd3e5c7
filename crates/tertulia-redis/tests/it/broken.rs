//! Connections that break, servers that are held, killed, or full.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{LogWrite, QueueWrite, Storage};
use tertulia_redis::Redis;

use crate::rig::{self, admin, commit, log, log_page, queue};

/// Breaks every connection of clients, those that listen too.
fn cut(port: u16) {
    for kind in ["normal", "pubsub"] {
        let _: i64 = admin(port, &["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
    }
}

async fn connect(server: &tertulia_testkit::servers::Server) -> Redis {
    rig::options().connect(&rig::url(server)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_while_idle_is_made_again() {
    let server = rig::server(&[]);
    let store = connect(&server).await;
    commit(&store, [LogWrite::new(log("a")).append("0").into()]).await.unwrap();
    for i in 1..10_u64 {
        cut(server.port());
        // A read finds out, whenever it comes.
        assert_eq!(log_page(&store, &log("a")).await.head.end.0, i);
        commit(&store, [LogWrite::new(log("a")).append("x").into()]).await.unwrap();
    }
    assert_eq!(store.lost(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_misses_nothing_while_connections_break() {
    let server = rig::server(&[]);
    let url = rig::url(&server);
    let here = rig::options().connect(&url).await.unwrap();
    let there = rig::options().connect(&url).await.unwrap();
    let mut seen = None;
    for i in 0..20_u64 {
        let waiting = tokio::spawn({
            let here = here.clone();
            async move { rig::changed(&here, &log("a"), seen).await }
        });
        if i % 2 == 1 {
            cut(server.port());
        }
        let write = async || commit(&there, [LogWrite::new(log("a")).append("x").into()]).await;
        rig::insist(write).await;
        if i % 4 == 0 {
            cut(server.port());
        }
        let head = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap();
        seen = head.map(|head| head.etag());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_leaves_a_commit_unknown() {
    let server = rig::server(&[]);
    let store = connect(&server).await;
    commit(&store, [LogWrite::new(log("a")).append("0").into()]).await.unwrap();
    // Held back by the server, so that it is under way when the connection ends.
    let _: () = admin(server.port(), &["CLIENT", "PAUSE", "60000", "WRITE"]);
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { commit(&store, [LogWrite::new(log("a")).append("1").into()]).await }
    });
    let blocked = || {
        let info: String = admin(server.port(), &["INFO", "clients"]);
        info.contains("blocked_clients:1")
    };
    while !blocked() {
        assert!(!waiting.is_finished(), "it was not held back");
        tokio::task::yield_now().await;
    }
    cut(server.port());
    assert_eq!(waiting.await.unwrap().unwrap_err().kind(), Kind::Unknown);
    let _: () = admin(server.port(), &["CLIENT", "UNPAUSE"]);
    assert_eq!(log_page(&store, &log("a")).await.entries, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_held_leaves_commits_unknown_and_then_cannot_be_reached() {
    let server = rig::server(&[]);
    let store = rig::options()
        .timeout(Duration::from_secs(2))
        .connect_timeout(Duration::from_secs(2))
        .connect(&rig::url(&server))
        .await
        .unwrap();
    commit(&store, [LogWrite::new(log("a")).append("0").into()]).await.unwrap();
    server.stop();
    let lost = commit(&store, [LogWrite::new(log("a")).append("1").into()]).await;
    assert_eq!(lost.unwrap_err().kind(), Kind::Unknown);
    // Nothing is sent to a server that does not let anybody in.
    let refused = commit(&store, [LogWrite::new(log("b")).append("1").into()]).await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(rig::page(&store, &log("a")).await.unwrap_err().kind(), Kind::Unavailable);
    server.cont();
    let found = rig::insist(async || rig::page(&store, &log("b")).await).await;
    assert_eq!(found, None, "what was refused was not applied");
    commit(&store, [LogWrite::new(log("b")).append("2").into()]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_unavailable_until_it_is_back() {
    let server = rig::server(&["--appendfsync", "always"]);
    let store = connect(&server).await;
    commit(&store, [LogWrite::new(log("a")).append("0").into()]).await.unwrap();
    server.kill();
    let first = commit(&store, [LogWrite::new(log("b")).append("1").into()]).await.unwrap_err().kind();
    assert!(matches!(first, Kind::Unavailable | Kind::Unknown), "{first}");
    for _ in 0..50 {
        let refused = commit(&store, [LogWrite::new(log("b")).append("1").into()]).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::Unavailable);
    }
    server.restart();
    assert_eq!(rig::insist(async || rig::page(&store, &log("b")).await).await, None);
    assert_eq!(log_page(&store, &log("a")).await.entries, ["0"]);
    assert_eq!(store.lost(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_batches_whole_and_can_be_read_and_emptied() {
    let server = rig::server(&[]);
    let store = connect(&server).await;
    let large = vec![1; 100_000];
    commit(&store, [LogWrite::new(log("a")).append(large.clone()).into()]).await.unwrap();
    let _: () = admin(server.port(), &["CONFIG", "SET", "maxmemory", "1"]);
    let writes =
        [LogWrite::new(log("b")).base("x").into(), QueueWrite::new(queue("inbox")).append(None, "x").into()];
    let refused = commit(&store, writes).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable, "{refused}");
    assert_eq!(rig::page(&store, &log("b")).await.unwrap(), None);
    assert_eq!(rig::page(&store, &queue("inbox")).await.unwrap(), None);
    assert_eq!(log_page(&store, &log("a")).await.entries[0], large);
    assert_eq!(store.list(&tertulia::storage::ListQuery::default()).await.unwrap().keys.len(), 1);
    let _: () = admin(server.port(), &["CONFIG", "SET", "maxmemory", "0"]);
    commit(&store, [LogWrite::new(log("b")).base("x").into()]).await.unwrap();
}
