//! Servers for the tests, and short words for what is done to them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use redis::FromRedisValue;
use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, Committed, Etag, Head, LogPage, Page, Read, Storage, Write};
use tertulia::{Conversation, Key, Name, Result, Shard};
use tertulia_redis::{Redis, RedisOptions};
use tertulia_testkit::servers::{RedisCluster, Server};

/// Longer than an answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program that is tested with: Redis, unless `TERTULIA_VALKEY` names another.
pub(crate) fn program() -> std::ffi::OsString {
    std::env::var_os("TERTULIA_VALKEY").unwrap_or_else(|| "redis-server".into())
}

/// The server that most cases share.
pub(crate) fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| server(&[]))
}

/// A server of a test's own.
pub(crate) fn server(settings: &[&str]) -> Server {
    Server::redis_with(program(), settings)
}

/// A name that no other test has.
pub(crate) fn prefix() -> String {
    static PREFIXES: AtomicU32 = AtomicU32::new(0);
    format!("case:{}", PREFIXES.fetch_add(1, Ordering::Relaxed))
}

/// The URL of a server, with a prefix that no other case has.
pub(crate) fn url(server: &Server) -> String {
    format!("redis://127.0.0.1:{}?prefix={}", server.port(), prefix())
}

/// The cluster that most cases share. None of its nodes is replaced because a busy machine does not let it answer.
pub(crate) fn cluster() -> &'static RedisCluster {
    static CLUSTER: OnceLock<RedisCluster> = OnceLock::new();
    CLUSTER.get_or_init(|| RedisCluster::start(program(), Duration::from_secs(60)))
}

/// The URL of a cluster, with a prefix that no other case has.
pub(crate) fn cluster_url(cluster: &RedisCluster) -> String {
    format!("redis-cluster://{}?prefix={}", cluster.hosts(), prefix())
}

/// Options of somebody who waits: what is not lost is answered, however busy the machine.
pub(crate) fn options() -> RedisOptions {
    RedisOptions::new().timeout(PATIENCE).connect_timeout(Duration::from_secs(5))
}

/// A command as an administrator gives it.
pub(crate) fn admin<T: FromRedisValue>(port: u16, words: &[&str]) -> T {
    try_admin(port, words).expect("the server does as it is told")
}

pub(crate) fn try_admin<T: FromRedisValue>(port: u16, words: &[&str]) -> redis::RedisResult<T> {
    let mut connection = redis::Client::open(("127.0.0.1", port))?.get_connection()?;
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(word);
    }
    command.query(&mut connection)
}

/// Waits until a replica has what its primary has now. (`WAIT` speaks of what the same connection wrote.)
pub(crate) async fn replicated(primary: &Server, replica: &Server) {
    let offset = |server: &Server| {
        let info: String = admin(server.port(), &["INFO", "replication"]);
        let offset = info.lines().find_map(|line| line.strip_prefix("master_repl_offset:"));
        offset.unwrap().trim().parse::<u64>().unwrap()
    };
    let wanted = offset(primary);
    while offset(replica) < wanted {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn id() -> CommitId {
    static IDS: AtomicU64 = AtomicU64::new(1);
    CommitId(IDS.fetch_add(1, Ordering::Relaxed))
}

pub(crate) async fn commit(store: &Redis, writes: impl IntoIterator<Item = Write>) -> Result<Committed> {
    store.commit(Batch::new(id(), writes.into_iter().collect())).await
}

/// Commits until it is known to be applied; the writes say what makes them apply once.
pub(crate) async fn insist<T>(mut act: impl AsyncFnMut() -> Result<T>) -> T {
    let insisting = async {
        loop {
            match act().await {
                Ok(done) => return done,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(2 * PATIENCE, insisting).await.expect("it works within a minute")
}

/// Waits for a change, also while the server cannot be reached, which is told.
pub(crate) async fn changed(store: &Redis, key: &Key, seen: Option<Etag>) -> Option<Head> {
    loop {
        match store.changed(key, seen).await {
            Ok(head) => return head,
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn page(store: &Redis, key: &Key) -> Result<Option<Page>> {
    let read = Read::new(key.clone()).limit(usize::MAX, usize::MAX);
    store.read(&[read]).await?.remove(0)
}

pub(crate) async fn log_page(store: &Redis, key: &Key) -> LogPage {
    page(store, key).await.expect("it can be read").and_then(Page::into_log).expect("it is there")
}

/// A log of one conversation.
pub(crate) fn log(name: &str) -> Key {
    Key::Log(Conversation::new("test", "1").expect("valid"), Name::new(name).expect("valid"))
}

/// A queue of the same shard.
pub(crate) fn queue(name: &str) -> Key {
    Key::Queue(shard(), Name::new(name).expect("valid"))
}

pub(crate) fn shard() -> Shard {
    log("x").shard()
}
