//! Servers that are refused at the start, and why.

use tertulia::Error;
use tertulia::error::Kind;
use tertulia::storage::{Durability, LogWrite, Storage};
use tertulia_redis::{Redis, RedisOptions};
use tertulia_testkit::servers::Server;

use crate::rig::{self, admin, commit, log};

async fn refused(options: RedisOptions, url: &str, names: &[&str]) -> Error {
    let error = options.connect(url).await.expect_err("it is refused");
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    for name in names {
        assert!(error.to_string().contains(name), "it names `{name}`: {error}");
    }
    error
}

async fn accepted(options: RedisOptions, server: &Server) -> Redis {
    let store = options.connect(&rig::url(server)).await.expect("it is accepted");
    commit(&store, [LogWrite::new(log("a")).append("x").into()]).await.unwrap();
    store
}

#[tokio::test]
async fn a_server_that_evicts_is_refused_unless_admitted() {
    let server = rig::server(&["--maxmemory-policy", "allkeys-lru"]);
    let names = ["maxmemory-policy allkeys-lru", "noeviction", "accept_eviction"];
    refused(rig::options(), &rig::url(&server), &names).await;
    accepted(rig::options().accept_eviction(), &server).await;
}

#[tokio::test]
async fn a_server_without_an_append_only_file_is_refused_unless_admitted() {
    let server = rig::server(&["--appendonly", "no"]);
    refused(rig::options(), &rig::url(&server), &["appendonly no", "yes", "accept_no_aof"]).await;
    let store = accepted(rig::options().accept_no_aof(), &server).await;
    let durability = store.properties().durability;
    assert_eq!(durability, Durability { process_kill: true, power_loss: false, failover: false });
}

#[tokio::test]
async fn the_properties_tell_what_the_setting_promises() {
    for (setting, power_loss) in [("always", true), ("everysec", false), ("no", false)] {
        let server = rig::server(&["--appendfsync", setting]);
        let store = accepted(rig::options(), &server).await;
        let durability = Durability { process_kill: true, power_loss, failover: false };
        assert_eq!(store.properties().durability, durability, "{setting}");
    }
}

#[tokio::test]
async fn a_replica_is_refused() {
    let server = rig::server(&[]);
    let replica = rig::server(&["--replicaof", &format!("127.0.0.1 {}", server.port())]);
    refused(rig::options(), &rig::url(&replica), &["replica", "primary"]).await;
}

#[tokio::test]
async fn users_need_to_be_let_in_and_to_see_the_settings() {
    let server = rig::server(&[]);
    let port = server.port();
    let rules =
        ["ACL", "SETUSER", "bot", "on", ">se:cret", "~{case:*", "&{case:*", "+@all", "-info", "-config"];
    let _: () = admin(port, &rules);
    let url = |password: &str| format!("redis://bot:{password}@127.0.0.1:{port}?prefix={}", rig::prefix());
    let error = refused(rig::options(), &url("wrong-one"), &[]).await;
    assert!(!format!("{error:?}").contains("wrong-one"), "{error:?}");
    refused(rig::options(), &url("se%3Acret"), &["INFO", "+info", "unchecked"]).await;
    let store = rig::options().unchecked().connect(&url("se%3Acret")).await.expect("vouched for");
    assert_eq!(store.properties().durability, Durability::NONE);
    let told = format!("{:?} {:?}", store.properties(), store);
    assert!(!told.contains("cret") && !told.contains("bot@"), "{told}");
    // The channels and keys of its prefix are all it needs.
    commit(&store, [LogWrite::new(log("a")).append("x").into()]).await.unwrap();
    let key = log("b");
    let waiting = store.changed(&key, None);
    let writing = commit(&store, [LogWrite::new(log("b")).append("x").into()]);
    let (found, made) = futures_util::future::join(waiting, writing).await;
    assert_eq!(found.unwrap(), made.unwrap().heads[0]);
    let other = format!("redis://bot:se%3Acret@127.0.0.1:{port}?prefix=other");
    refused(rig::options().unchecked(), &other, &[]).await;
}

#[tokio::test]
async fn where_a_password_that_is_wanted_stands_is_said() {
    let server = rig::server(&["--requirepass", "secret"]);
    refused(rig::options(), &rig::url(&server), &["wants a password", "before the `@`"]).await;
}

#[tokio::test]
async fn who_is_refused_later_waits_until_that_is_put_right() {
    let server = rig::server(&[]);
    let _: () = admin(server.port(), &["ACL", "SETUSER", "bot", "on", ">one", "~*", "&*", "+@all"]);
    let url = format!("redis://bot:one@127.0.0.1:{}?prefix={}", server.port(), rig::prefix());
    let store = rig::options().connect(&url).await.unwrap();
    let write = async || commit(&store, [LogWrite::new(log("a")).append("x").into()]).await;
    let _: () = admin(server.port(), &["ACL", "SETUSER", "bot", "<one", ">other"]);
    let _: u64 = admin(server.port(), &["CLIENT", "KILL", "USER", "bot"]);
    let error = loop {
        match write().await {
            Err(error) if error.to_string().contains("WRONGPASS") => break error,
            // It is not seen at once that the connection is gone.
            _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    };
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    let _: () = admin(server.port(), &["ACL", "SETUSER", "bot", ">one"]);
    rig::insist(write).await;
}

#[tokio::test]
async fn a_store_of_a_newer_version_and_what_is_no_store_are_refused() {
    let server = rig::server(&[]);
    let _: () = admin(server.port(), &["SET", "{newer}", "tertulia 2"]);
    let _: () = admin(server.port(), &["SET", "{other}", "mine"]);
    let url = |prefix: &str| format!("redis://127.0.0.1:{}?prefix={prefix}", server.port());
    refused(rig::options(), &url("newer"), &["version 2", "version 1"]).await;
    refused(rig::options(), &url("other"), &["{other}", "prefix"]).await;
    assert_eq!(admin::<String>(server.port(), &["GET", "{other}"]), "mine", "it is left alone");
}

#[tokio::test]
async fn who_cannot_be_reached_is_unavailable() {
    let port = tertulia_testkit::servers::free_port();
    let error = Redis::connect(&format!("redis://me:secret@127.0.0.1:{port}")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(
        error.to_string().contains(&port.to_string()) && !format!("{error:?}").contains("secret"),
        "{error:?}"
    );
}

#[tokio::test]
async fn stores_with_different_prefixes_share_nothing() {
    let server = rig::shared();
    let (one, other) = (rig::url(server), rig::url(server));
    let one = rig::options().connect(&one).await.unwrap();
    let other = rig::options().connect(&other).await.unwrap();
    commit(&one, [LogWrite::new(log("a")).append("x").into()]).await.unwrap();
    assert_eq!(rig::page(&other, &log("a")).await.unwrap(), None);
    assert!(other.list(&tertulia::storage::ListQuery::default()).await.unwrap().keys.is_empty());
}

#[tokio::test]
async fn a_store_that_is_not_there_is_not_made_where_an_existing_one_is_wanted() {
    let server = rig::server(&[]);
    let url = rig::url(&server);
    refused(rig::options().existing(), &url, &["there is no store", &rig_prefix(&url)]).await;
    assert_eq!(admin::<u64>(server.port(), &["DBSIZE"]), 0, "nothing was made");
    rig::options().connect(&url).await.unwrap();
    rig::options().existing().connect(&url).await.unwrap();
}

fn rig_prefix(url: &str) -> String {
    url.split_once("prefix=").map(|(_, prefix)| prefix.to_owned()).unwrap()
}
