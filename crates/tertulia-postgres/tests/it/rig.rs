//! What the tests share: one server, with a schema for each case.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, Committed, Limits, LogPage, QueuePage, Read, Storage, Write};
use tertulia::{Conversation, Error, Key, Name, Result};
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::servers::Server;
use tertulia_testkit::{Played, Subject};

/// The server of this program's cases; its end is this program's.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::postgres)
}

/// The server of the suites. What they hold does not hang on what reaches the disk, and without waiting for that they are
/// soon done; the tests of kills have servers that flush.
pub(crate) fn suites() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::postgres_with(&["fsync=off"]))
}

/// A pooler in front of that.
pub(crate) fn suites_pooler() -> &'static Server {
    static POOLER: OnceLock<Server> = OnceLock::new();
    POOLER.get_or_init(|| suites().pgbouncer())
}

/// A pooler in front of the other.
pub(crate) fn pooler() -> &'static Server {
    static POOLER: OnceLock<Server> = OnceLock::new();
    POOLER.get_or_init(|| server().pgbouncer())
}

/// A schema that nobody used yet.
pub(crate) fn schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("case_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An empty store at this URL.
pub(crate) async fn subject(url: String, limits: Limits) -> Subject {
    let options = PostgresOptions::new().limits(limits).schema(schema());
    let again = move || {
        let (options, url) = (options.clone(), url.clone());
        async move { Arc::new(options.connect(&url).await.expect("the database connects")) as Arc<dyn Storage> }
    };
    Subject::new(again().await).reopen(again)
}

/// Longer than any test takes, but for those that are asked for many rounds; one that hangs fails instead.
const LIMIT: Duration = Duration::from_secs(120);
const LIMIT_OF_ROUND: Duration = Duration::from_millis(20);

/// Runs a test on several threads, within the limit.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(4).enable_all().build().unwrap();
    let rounds = u32::try_from(Played::new(0, 0).rounds).unwrap();
    let limit = LIMIT + LIMIT_OF_ROUND * rounds;
    let ended = runtime.block_on(async { tokio::time::timeout(limit, test()).await });
    assert!(ended.is_ok(), "the test did not end within {limit:?}");
}

pub(crate) fn log(id: &str) -> Key {
    Key::Log(Conversation::new("test", id).unwrap(), Name::from_static("log"))
}

pub(crate) async fn commit(storage: &Postgres, id: u64, writes: Vec<Write>) -> Result<Committed> {
    storage.commit(Batch::new(CommitId(id), writes)).await
}

/// Everything of a log.
pub(crate) async fn read_log(storage: &Postgres, key: &Key) -> Result<Option<LogPage>> {
    let read = Read::new(key.clone()).limit(usize::MAX, usize::MAX);
    let page = storage.read(&[read]).await?.remove(0)?;
    Ok(page.map(|page| page.into_log().unwrap()))
}

/// Everything of a queue.
pub(crate) async fn read_queue(storage: &Postgres, key: &Key) -> Result<Option<QueuePage>> {
    let read = Read::new(key.clone()).limit(usize::MAX, usize::MAX);
    let page = storage.read(&[read]).await?.remove(0)?;
    Ok(page.map(|page| page.into_queue().unwrap()))
}

/// Holds an error to its kind and to what its text names.
#[track_caller]
pub(crate) fn expect_error<T>(result: Result<T>, kind: Kind, names: &[&str]) -> Error {
    let Err(error) = result else { panic!("it went well, {kind:?} was expected") };
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for name in names {
        assert!(text.contains(name), "`{text}` does not name `{name}`");
    }
    error
}
