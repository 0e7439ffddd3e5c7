//! Sessions and runners on SQLite: what they cost in bytes, and what two of them at once lose.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Running, Session};
use tertulia::runner::Incoming;
use tertulia::session::{State, Store};
use tertulia::storage::{Batch, CommitId, Write};
use tertulia::{Clock, Conversation, Log};
use tertulia_sqlite::Sqlite;
use tertulia_testkit::Desk;

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
