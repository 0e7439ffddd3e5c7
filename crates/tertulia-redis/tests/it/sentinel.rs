//! A server that is found by asking a sentinel, which puts a replica in its place.

use std::collections::HashMap;
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
    // It has spoken to the replica, which has what the primary has.
    let knows = || {
        let replicas: Vec<HashMap<String, String>> =
            admin(sentinel.port(), &["SENTINEL", "REPLICAS", "main"]);
        let is =
            |field: &str, value: &str| replicas.iter().any(|of| of.get(field).is_some_and(|is| is == value));
        is("flags", "slave") && is("master-link-status", "ok")
    };
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
    let found = tokio::time::timeout(Duration::from_mins(1), waiting).await.expect("woken").unwrap();
    assert_eq!(found, made.heads[0]);
}

#[tokio::test]
async fn sentinels_are_told_a_password_and_a_user_of_their_own() {
    let server = rig::server(&["--requirepass", "of the server"]);
    let settings = "requirepass of-sentinels\nsentinel auth-pass main \"of the server\"\n\
        user bot on >of-the-bot +sentinel|get-master-addr-by-name +hello +client";
    let sentinel = Server::sentinel_with(rig::program(), server.port(), settings);
    let url = |parameters: &str| {
        let port = sentinel.port();
        format!("redis-sentinel://:of%20the%20server@127.0.0.1:{port}?master=main{parameters}")
    };
    let ours = "&sentinel_password=of-sentinels";
    let store = rig::options().connect(&url(ours)).await.unwrap();
    commit(&store, [LogWrite::new(log("a")).append("x").into()]).await.unwrap();
    rig::options().connect(&url("&sentinel_user=bot&sentinel_password=of-the-bot")).await.unwrap();
    rig::options().sentinel_password("of-sentinels").connect(&url("&sentinel_password=x")).await.unwrap();
    let as_bot = rig::options().sentinel_user("bot").sentinel_password("of-the-bot");
    as_bot.connect(&url("")).await.expect("what is set in code stands before the URL");
    for parameters in ["", "&sentinel_password=of%20the%20server"] {
        let refused = rig::options().connect(&url(parameters)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Invalid, "{refused}");
        assert!(refused.to_string().contains("`sentinel_password`"), "{refused}");
        assert!(!format!("{refused:?}").contains("of the server"), "{refused:?}");
    }
}
