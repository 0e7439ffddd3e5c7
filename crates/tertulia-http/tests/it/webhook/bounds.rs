//! How many posts, and how much of them, are held at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tertulia::bot::{Headers, Hook};
use tertulia::error::Kind;
use tertulia::runner::Incoming;
use tertulia::storage::Memory;
use tertulia::{Result, Timestamp};
use tertulia_testkit::{Call, Fault, Faulty, Gate};

use super::support::{Posted, Told, ask, message, post};

/// How many posts wait for the inbox, and how many did at most.
#[derive(Clone, Debug, Default)]
struct Gauge(Arc<[AtomicUsize; 2]>);

impl Gauge {
    fn enter(&self) {
        let now = self.0[0].fetch_add(1, Ordering::SeqCst) + 1;
        self.0[1].fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.0[0].fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.0[1].load(Ordering::SeqCst)
    }
}

/// A hook that notes when a post has been read.
#[derive(Debug)]
struct Counted<H>(H, Gauge);

impl<H: Hook> Hook for Counted<H> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn admit(&self, headers: &Headers<'_>, now: Timestamp) -> Result<()> {
        self.0.admit(headers, now)
    }

    fn open(&self, headers: &Headers<'_>, body: Bytes) -> Result<Incoming> {
        self.1.enter();
        self.0.open(headers, body)
    }
}

/// Posts these updates at once, and again those that were told to come back until none is; gives how many rounds
/// that took.
async fn until_all_are_accepted(posted: &Posted, gauge: &Gauge, updates: usize) -> usize {
    let mut left: Vec<usize> = (0..updates).collect();
    let mut rounds = 0;
    while !left.is_empty() {
        rounds += 1;
        let posts: FuturesUnordered<_> = left
            .iter()
            .map(|&update| async move {
                let text = message(update as i64, update as i64 % 100, "hello");
                let told = ask(posted.router.clone(), post(&text)).await;
                if told == Told::OK {
                    gauge.leave();
                    None
                } else {
                    told.later();
                    Some(update)
                }
            })
            .collect();
        left = posts.filter_map(std::future::ready).collect().await;
    }
    rounds
}

#[tokio::test]
async fn of_5000_parallel_posts_no_more_than_the_limit_wait_and_none_is_lost_when_posted_again() {
    let gauge = Gauge::default();
    let posted =
        Posted::with(Arc::new(Memory::new()), |_| {}, |_| {}, |hook| Counted(hook, gauge.clone())).await;
    let rounds = until_all_are_accepted(&posted, &gauge, 5_000).await;
    assert_eq!(gauge.most(), 256, "the default limit is reached and not exceeded");
    assert!(rounds > 1, "some were told to come back");
    posted.finish().await;
    assert_eq!(posted.ran(), 5_000);
}

#[tokio::test(start_paused = true)]
async fn posts_beyond_the_limit_are_told_at_once_and_those_below_wait() {
    let storage = Faulty::new(Arc::new(Memory::new()));
    let limit = |options: &mut tertulia_http::WebhookOptions| options.waiting = 10;
    let posted = Posted::with(Arc::new(storage.clone()), limit, |_| {}, |hook| hook).await;
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let mut posts: FuturesUnordered<_> = (0..50).map(|update| posted.post(update, "hello")).collect();
    let started = tokio::time::Instant::now();
    for _ in 0..40 {
        posts.next().await.unwrap().later();
    }
    assert_eq!(started.elapsed().as_secs(), 0, "these were not made to wait");
    gate.open();
    let told: Vec<Told> = posts.collect().await;
    assert_eq!(told, vec![Told::OK; 10]);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_posts_are_bounded_too() {
    let storage = Faulty::new(Arc::new(Memory::new()));
    let limit = |options: &mut tertulia_http::WebhookOptions| {
        options.body_bytes = 10_000;
        options.waiting_bytes = 100_000;
    };
    let posted = Posted::with(Arc::new(storage.clone()), limit, |_| {}, |hook| hook).await;
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let text = "x".repeat(8_900);
    let size = message(10, 42, &text).to_string().len();
    let mut posts: FuturesUnordered<_> = (10..60).map(|update| posted.post(update, &text)).collect();
    for _ in 0..50 - 100_000 / size {
        posts.next().await.unwrap().later();
    }
    gate.open();
    let told: Vec<Told> = posts.collect().await;
    assert_eq!(told, vec![Told::OK; 100_000 / size]);
    assert_eq!(posted.post(60, &text).await, Told::OK, "the room is given back");
}

#[tokio::test(start_paused = true)]
async fn a_poster_that_stopped_waiting_frees_no_room_while_the_inbox_holds_its_update() {
    let storage = Faulty::new(Arc::new(Memory::new()));
    let limit = |options: &mut tertulia_http::WebhookOptions| options.waiting = 3;
    let posted = Posted::with(Arc::new(storage.clone()), limit, |_| {}, |hook| hook).await;
    storage.always(Call::Commit, Fault::Refuse(Kind::Unavailable));
    for told in futures_util::future::join_all((0..3).map(|update| posted.post(update, "hello"))).await {
        told.later();
    }
    let started = tokio::time::Instant::now();
    posted.post(3, "hello").await.later();
    assert_eq!(started.elapsed().as_secs(), 0, "there is no room for it");
    storage.heal();
    let mut told = posted.post(3, "hello").await;
    while told != Told::OK {
        tokio::time::sleep(Duration::from_secs(told.later())).await;
        told = posted.post(3, "hello").await;
    }
    posted.finish().await;
    assert_eq!(posted.ran(), 4);
}
