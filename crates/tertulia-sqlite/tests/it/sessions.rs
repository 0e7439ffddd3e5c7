//! Sessions and runners on SQLite: what they cost in bytes, what of them stays, and what two of them at once lose.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Running, Session};
use tertulia::runner::Incoming;
use tertulia::session::{Expiry, Options, State, Store};
use tertulia::storage::{Batch, CommitId, Write};
use tertulia::{Clock, Conversation, Log, Sessions};
use tertulia_sqlite::Sqlite;
use tertulia_testkit::Desk;

use crate::rig::run_paused;

const MESSAGE: usize = 500;
const APPENDS: usize = 1_000;
const MEGABYTE: usize = 1 << 20;

#[derive(Default, Serialize, Deserialize)]
struct Plain {
    history: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Logged {
    history: Log<String>,
}

/// A message of 500 bytes like no other.
fn message(n: usize) -> String {
    let mut random = fastrand::Rng::with_seed(n as u64);
    (0..MESSAGE).map(|_| random.alphanumeric()).collect()
}

/// Changes the session and commits what that writes.
async fn change<S: State>(store: &Store<S>, conversation: &Conversation, change: impl FnOnce(&mut S)) {
    let mut loaded = store.load(conversation).await.unwrap();
    change(loaded.get_mut());
    let writes = loaded.prepare().unwrap().into_iter().map(Write::from).collect();
    let batch = Batch::new(CommitId(store.clock().random()), writes);
    let committed = store.storage().commit(batch).await.unwrap();
    loaded.committed(&committed.heads);
}

/// By how many bytes the database grows, once it is closed, by 1,000 appends to a megabyte of history.
async fn growth<S: State>(push: fn(&mut S, String)) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growth.db");
    let conversation = Conversation::new("test", "long").unwrap();
    let open = async || {
        let sqlite = Sqlite::open(&path).await.unwrap();
        let store = Store::<S>::new(Arc::new(sqlite.clone()), Clock::system(), "history").unwrap();
        (sqlite, store)
    };
    let (sqlite, store) = open().await;
    change(&store, &conversation, |state| (0..MEGABYTE / MESSAGE).for_each(|n| push(state, message(n))))
        .await;
    drop(store);
    sqlite.close().await;
    let before = size(&path);
    let (sqlite, store) = open().await;
    for n in 0..APPENDS {
        change(&store, &conversation, |state| push(state, message(MEGABYTE + n))).await;
    }
    drop(store);
    sqlite.close().await;
    size(&path) - before
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[tokio::test]
async fn a_thousand_messages_grow_the_database_by_at_most_three_times_their_bytes() {
    let payload = (APPENDS * MESSAGE) as u64;
    let logged = growth::<Logged>(|state, message| state.history.push(message)).await;
    assert!(logged >= payload && logged <= 3 * payload, "as a log: {logged} bytes for {payload}");
    let plain = growth::<Plain>(|state, message| state.history.push(message)).await;
    assert!(plain >= payload && plain <= 3 * payload, "as a plain struct: {plain} bytes for {payload}");
}

/// How many rows there are of logs, of large bases and of entries.
fn rows(path: &Path) -> [i64; 3] {
    let connection = Connection::open(path).unwrap();
    ["logs", "bases", "entries"].map(|table| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
    })
}

#[test]
fn sessions_that_expire_leave_no_row_behind_though_nobody_reads_them() {
    run_paused(|| async {
        const HOUR: Duration = Duration::from_secs(3_600);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expiry.db");
        let sqlite = Sqlite::open(&path).await.unwrap();
        let sessions = |expiry| {
            let options = Options { expiry, ..Options::default() };
            Sessions::<Both>::with(sqlite.clone(), Clock::system(), "chat", options).unwrap()
        };
        let (brief, kept) = (sessions(Expiry::Absolute(HOUR)), sessions(Expiry::Never));
        for n in 0..30 {
            let change = |both: &mut Both| {
                both.logged.history.extend((0..5).map(message));
                both.plain.history.extend((0..5).map(message));
            };
            brief.update(format!("test:{n}").as_str(), change).await.unwrap();
        }
        kept.update("test:kept", |both| both.logged.history.push(message(0))).await.unwrap();
        assert_eq!(rows(&path), [62, 30, 151]);
        tokio::time::advance(HOUR + Duration::from_secs(2)).await;
        // Every write that comes a while after the last takes a step of sweeping with it.
        kept.update("test:kept", |both| both.logged.history.push(message(1))).await.unwrap();
        drop((brief, kept));
        sqlite.close().await;
        assert_eq!(rows(&path), [2, 0, 2]);
    });
}

#[derive(Default, Serialize, Deserialize)]
struct Both {
    plain: Plain,
    logged: Logged,
}

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    count: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runners_over_one_database_lose_none_of_ten_thousand_increments() {
    const UPDATES: i64 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(folder.path().join("two.db")).await.unwrap();
    let bot = async || {
        let bot = Bot::new(Desk::new()).storage(sqlite.clone()).on_message(
            async |mut counter: Session<Counter>| {
                counter.count += 1;
                Ok(())
            },
        );
        bot.start().await.unwrap()
    };
    let conversation = |n: i64| Conversation::new("desk", &(n % 10).to_string()).unwrap();
    let bots = [bot().await, bot().await];
    let mut random = fastrand::Rng::with_seed(7);
    let mut shares = [Vec::new(), Vec::new()];
    for n in 0..UPDATES {
        shares[random.usize(..2)].push(Desk::update(conversation(n), "").unwrap());
    }
    let feed = async |bot: &Running, share: &[Incoming]| {
        for updates in share.chunks(100) {
            bot.door().intake.submit_all(updates.to_vec()).await.unwrap();
        }
    };
    tokio::join!(feed(&bots[0], &shares[0]), feed(&bots[1], &shares[1]));
    // A shutdown does not wait for updates in backoff, as those are that have met many conflicts.
    while bots.iter().any(|bot| bot.size() > 0) {
        tokio::task::yield_now().await;
    }
    for bot in &bots {
        assert_eq!(bot.shutdown(Duration::from_secs(300)).await, []);
    }
    let counters = Store::<Counter>::new(Arc::new(sqlite), Clock::system(), "default").unwrap();
    let mut sum = 0;
    for n in 0..10 {
        sum += counters.load(&conversation(n)).await.unwrap().get().count;
    }
    assert_eq!(sum, UPDATES as u64);
}
