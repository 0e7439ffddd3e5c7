//! What the parameters of a URL do.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{LogWrite, Read, Storage};
use tertulia_redis::{Redis, RedisOptions, Wait};
use tertulia_testkit::servers::Server;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::rig::{self, admin, commit, log};

async fn connect(server: &Server, parameters: &str) -> tertulia::Result<Redis> {
    Redis::connect(&format!("{}&{parameters}", rig::url(server))).await
}

async fn written(store: &Redis) -> tertulia::Result<()> {
    commit(store, [LogWrite::new(log("a")).append("x").into()]).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn connecting_takes_no_longer_than_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let began = Instant::now();
    let error = Redis::connect(&format!("redis://127.0.0.1:{port}?connect_timeout=0.3")).await.unwrap_err();
    // By the paused clock, which moves from timer to timer.
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn an_answer_takes_no_longer_than_timeout() {
    let server = rig::server(&[]);
    let store = connect(&server, "timeout=0.3").await.unwrap();
    server.stop();
    tokio::time::pause();
    let began = Instant::now();
    store.read(&[Read::head(log("a"))]).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    server.cont();
}

#[tokio::test]
async fn a_commit_waits_for_as_many_replicas_as_it_says() {
    let store = connect(rig::shared(), "wait_replicas=1&wait_timeout=0.05").await.unwrap();
    let error = written(&store).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown, "there is no replica: {error}");
    let none = Wait { replicas: 0, fsync: false, timeout: Duration::from_secs(1) };
    let url = format!("{}&wait_replicas=1", rig::url(rig::shared()));
    let store = RedisOptions::new().wait(none).connect(&url).await.unwrap();
    written(&store).await.expect("what is set in code stands before the URL");
}

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    let knows = admin::<Vec<redis::Value>>(rig::shared().port(), &["COMMAND", "INFO", "WAITAOF"]);
    let opened = connect(rig::shared(), "wait_fsync=yes&wait_timeout=30").await;
    if knows == [redis::Value::Nil] {
        let error = opened.unwrap_err();
        assert!(error.to_string().contains("WAITAOF"), "{error}");
    } else {
        written(&opened.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_server_lacks_is_admitted() {
    let server = rig::server(&["--maxmemory-policy", "allkeys-lru", "--appendonly", "no"]);
    let refused = connect(&server, "accept_eviction=yes").await.unwrap_err();
    assert!(refused.to_string().contains("accept_no_aof=yes"), "{refused}");
    let refused = connect(&server, "accept_no_aof=yes").await.unwrap_err();
    assert!(refused.to_string().contains("accept_eviction=yes"), "{refused}");
    written(&connect(&server, "accept_no_aof=yes&accept_eviction=yes").await.unwrap()).await.unwrap();
    let _: () =
        admin(server.port(), &["ACL", "SETUSER", "bot", "on", "nopass", "~*", "&*", "+@all", "-info"]);
    let as_bot = |parameters: &str| {
        format!("redis://bot:any@127.0.0.1:{}?prefix={}&{parameters}", server.port(), rig::prefix())
    };
    let refused = Redis::connect(&as_bot("")).await.unwrap_err();
    assert!(refused.to_string().contains("unchecked=yes"), "{refused}");
    written(&Redis::connect(&as_bot("unchecked=yes")).await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn only_what_is_remembered_is_missed() {
    for (remembered, lost) in [("0", 0), ("1", 1)] {
        let server = rig::server(&["--appendonly", "no"]);
        let store = connect(&server, &format!("accept_no_aof=yes&remembered={remembered}")).await.unwrap();
        written(&store).await.unwrap();
        commit(&store, [LogWrite::new(log("b")).append("x").into()]).await.unwrap();
        server.restart();
        rig::insist(async || store.read(&[Read::head(log("a"))]).await).await;
        assert_eq!(store.lost(), lost, "{remembered} remembered");
    }
}
