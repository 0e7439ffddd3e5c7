//! A replica takes over that lacks the last commits: it is told, and nothing stale overwrites what is newer.

use std::net::SocketAddr;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Expect, LogWrite, Offset, Page, QueueWrite, Revision, Storage};
use tertulia_redis::{RedisOptions, Wait};
use tertulia_testkit::proxy::Proxy;
use tertulia_testkit::servers::Server;

use crate::rig::{self, admin, commit, log, log_page, queue};

/// A server, and one that follows it.
pub(crate) fn pair() -> (Server, Server) {
    let primary = rig::server(&["--repl-diskless-sync-delay", "0"]);
    let replica = rig::server(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
    let says = |server: &Server, words: &str| {
        admin::<String>(server.port(), &["INFO", "replication"]).contains(words)
    };
    let follows = || says(&replica, "master_link_status:up") && says(&primary, "state=online");
    while !follows() {
        std::thread::sleep(Duration::from_millis(10));
    }
    (primary, replica)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_lacks_is_told_and_nothing_stale_overwrites_it() {
    let (primary, replica) = pair();
    let place = |server: &Server| SocketAddr::from(([127, 0, 0, 1], server.port()));
    let switch = Proxy::start(place(&primary)).unwrap();
    let url = format!("redis://{}?prefix={}", switch.address(), rig::prefix());
    let store = rig::options().connect(&url).await.unwrap();
    for i in 0..100 {
        commit(&store, [LogWrite::new(log(&i.to_string())).base("kept").into()]).await.unwrap();
    }
    let kept = commit(&store, [QueueWrite::new(queue("inbox")).append(None, "kept").into()]).await.unwrap();
    rig::replicated(&primary, &replica).await;
    let _: () = admin(replica.port(), &["REPLICAOF", "NO", "ONE"]);
    // Acknowledged by a server that is no longer followed.
    let mut stale = Vec::new();
    for i in 0..40 {
        let write = LogWrite::new(log(&i.to_string())).base("lost");
        stale.push(commit(&store, [write.into()]).await.unwrap().heads[0].unwrap());
    }
    let lost = commit(&store, [QueueWrite::new(queue("inbox")).append(None, "lost").into()]).await.unwrap();
    commit(&store, [LogWrite::new(log("new")).base("lost").into()]).await.unwrap();
    switch.turn_to(place(&replica));
    primary.kill();
    let page = rig::insist(async || rig::page(&store, &log("0")).await).await;
    assert_eq!(page.and_then(Page::into_log).unwrap().base.unwrap(), "kept");
    assert_eq!(store.lost(), 42, "40 logs, a queue, and a log that was made");
    // Who still knows what was lost overwrites nothing, though the version is the same again.
    let new = commit(&store, [LogWrite::new(log("0")).base("newer").into()]).await.unwrap().heads[0].unwrap();
    assert_eq!(new.etag().version, stale[0].etag().version);
    let write = LogWrite::new(log("0")).expect(Expect::Etag(stale[0].etag())).base("stale");
    assert_eq!(commit(&store, [write.into()]).await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(log_page(&store, &log("0")).await.base.unwrap(), "newer");
    // An offset that comes again is another entry.
    let again = commit(&store, [QueueWrite::new(queue("inbox")).append(None, "other").into()]).await.unwrap();
    assert_eq!(again.appended, lost.appended);
    assert_ne!(again.appended, kept.appended);
    let inbox = || QueueWrite::new(queue("inbox"));
    let born = lost.heads[0].unwrap().etag().commit;
    let removal = commit(&store, [inbox().remove(Offset(1), Revision(born)).into()]).await;
    assert_eq!(removal.unwrap_err().kind(), Kind::Conflict);
    // Whoever is done with the one that was lost does not take it, marked or not.
    let discard = async || {
        let committed = commit(&store, [inbox().discard(Offset(1), born).into()]).await.unwrap();
        committed.heads[0].and_then(|head| head.queue()).unwrap().count
    };
    assert_eq!(discard().await, 2);
    let is = Revision(again.heads[0].unwrap().etag().commit);
    commit(&store, [inbox().replace(Offset(1), is, "marked").into()]).await.unwrap();
    assert_eq!(discard().await, 2);
    let page = rig::page(&store, &queue("inbox")).await.unwrap().and_then(Page::into_queue).unwrap();
    assert_eq!((page.entries[1].born, &page.entries[1].bytes[..]), (is.0, &b"marked"[..]));
    assert_eq!(store.lost(), 42, "it is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_wait_for_replicas_on_request() {
    let (primary, replica) = pair();
    let wait = Wait { replicas: 1, fsync: false, timeout: Duration::from_secs(3) };
    let store = rig::options().wait(wait).connect(&rig::url(&primary)).await.unwrap();
    commit(&store, [LogWrite::new(log("a")).append("0").into()]).await.unwrap();
    replica.stop();
    let write = || LogWrite::new(log("a")).append("1");
    let error = commit(&store, [write().into()]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown);
    assert!(error.to_string().contains("0 replicas of 1"), "{error}");
    assert_eq!(log_page(&store, &log("a")).await.entries, ["0", "1"], "it is applied");
    // What rests on it is not told as certain either.
    let expected = write().expect(Expect::Absent);
    assert_eq!(commit(&store, [expected.clone().into()]).await.unwrap_err().kind(), Kind::Unknown);
    replica.cont();
    let conflict = async || match commit(&store, [expected.clone().into()]).await {
        Err(error) if error.kind() == Kind::Conflict => Ok(()),
        other => other.map(drop),
    };
    rig::insist(conflict).await;
    commit(&store, [write().into()]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_wait_for_disks_on_request_where_the_server_can() {
    let server = rig::server(&[]);
    let wait = Wait { replicas: 0, fsync: true, timeout: Duration::from_secs(30) };
    let opened = RedisOptions::new().wait(wait).connect(&rig::url(&server)).await;
    let known: Vec<redis::Value> = admin(server.port(), &["COMMAND", "INFO", "WAITAOF"]);
    if known == [redis::Value::Nil] {
        let error = opened.expect_err("it is refused");
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains("WAITAOF") && error.to_string().contains("7.2"), "{error}");
        return;
    }
    let store = opened.expect("it can");
    commit(&store, [LogWrite::new(log("a")).append("0").into()]).await.unwrap();
    assert!(store.properties().durability.process_kill);
}
