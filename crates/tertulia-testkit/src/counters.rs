//! Two processes at one store: counters that both count up, with nothing between them but what a write expects.

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, Expect, LogWrite, Page, Read, Storage};
use tertulia::{Clock, Conversation, Key, Name, Result};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many count at once.
const TASKS: usize = 16;

/// Counts up `times` in all, through both handles in turn, over 10 counters, or up to 100 where it is many times. Gives
/// how long it took.
///
/// # Panics
/// If a counter cannot be counted up, or their sum is not exact.
pub async fn count_through_both(handles: [Arc<dyn Storage>; 2], times: usize) -> Duration {
    let keys = (times / 100).clamp(10, 100);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let handles = handles.clone();
        tasks.spawn(async move {
            let clock = Clock::system();
            for n in (task..times).step_by(TASKS) {
                let storage = &*handles[(n / TASKS + task) % 2];
                // Neighbours count the same counter at the same time.
                count(storage, &clock, &key(n / TASKS % keys)).await.expect("it is counted up");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task fails");
    }
    let took = began.elapsed();
    let mut sum = 0;
    for n in 0..keys {
        sum += read(&*handles[0], &key(n)).await.expect("a counter can be read").1;
    }
    assert_eq!(sum, times, "each is counted once");
    took
}

fn key(n: usize) -> Key {
    let conversation = Conversation::new("counter", &n.to_string()).expect("valid");
    Key::Log(conversation, Name::from_static("count"))
}

/// What a counter says, and what is expected of one that says so.
async fn read(storage: &dyn Storage, key: &Key) -> Result<(Expect, usize)> {
    let page = storage.read(&[Read::new(key.clone())]).await?.remove(0)?.and_then(Page::into_log);
    Ok(page.map_or((Expect::Absent, 0), |page| {
        let base = page.base.expect("a counter has a base");
        let count = std::str::from_utf8(&base).ok().and_then(|text| text.parse().ok());
        (Expect::Etag(page.head.etag), count.expect("a counter is a number"))
    }))
}

/// Loads, adds one, compares and sets, until it is done.
async fn count(storage: &dyn Storage, clock: &Clock, key: &Key) -> Result<()> {
    loop {
        let (expect, count) = read(storage, key).await?;
        let write = LogWrite::new(key.clone()).expect(expect).base((count + 1).to_string());
        match storage.commit(Batch::new(CommitId(clock.random()), vec![write.into()])).await {
            Err(error) if error.kind() == Kind::Conflict => {}
            done => return done.map(drop),
        }
    }
}
