//! What is answered when.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use tertulia::error::Kind;
use tertulia::runner::DeadKind;
use tertulia::storage::Memory;
use tertulia_testkit::{Call, Fault, Faulty, Gate};

use super::support::{Posted, Told, bare, message, post, post_bytes};

#[tokio::test]
async fn a_post_is_answered_only_once_its_update_is_in_the_inbox() {
    let storage = Faulty::new(Arc::new(Memory::new()));
    let posted = Posted::on(Arc::new(storage.clone())).await;
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let mut answer = std::pin::pin!(posted.post(1, "hello"));
    tokio::select! {
        biased;
        told = &mut answer => panic!("answered before the commit: {told:?}"),
        () = gate.reached() => {}
    }
    gate.open();
    assert_eq!(answer.await, Told::OK);
}

#[tokio::test]
async fn a_body_of_more_than_1_mib_is_413_and_one_of_1_mib_is_not() {
    let posted = Posted::new().await;
    let body = |length: usize| {
        let empty = message(1, 42, "").to_string().len();
        message(1, 42, &"x".repeat(length - empty)).to_string()
    };
    assert_eq!(posted.ask(post_bytes(body((1 << 20) + 1))).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Without a length it is found out while it is read.
    let parts = body((1 << 20) + 1).into_bytes();
    let parts: Vec<_> = parts.chunks(60_000).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
    let streamed = Body::from_stream(futures_util::stream::iter(parts));
    assert_eq!(posted.ask(post_bytes(streamed)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(posted.ask(post_bytes(body(1 << 20))).await, Told::OK);
}

/// A body that says how large it is, and never comes.
struct Announced(u64);

impl hyper::body::Body for Announced {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<hyper::body::Frame<bytes::Bytes>>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_says_it_is_too_large_is_413_before_it_comes() {
    let posted = Posted::new().await;
    let told = posted.ask(post_bytes(Body::new(Announced((1 << 20) + 1)))).await;
    assert_eq!(told.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_408_and_a_compressed_one_415() {
    let posted = Posted::new().await;
    let never = futures_util::stream::pending::<std::io::Result<bytes::Bytes>>();
    let started = tokio::time::Instant::now();
    let told = posted.ask(post_bytes(Body::from_stream(never))).await;
    assert_eq!((told.status, started.elapsed().as_secs()), (StatusCode::REQUEST_TIMEOUT, 10));
    let mut packed = post(&message(1, 42, "hello"));
    packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(posted.ask(packed).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_same_update_posted_twice_also_at_once_counts_once_and_both_are_200() {
    let posted = Posted::new().await;
    let (a, b) = tokio::join!(posted.post(1, "hello"), posted.post(1, "hello"));
    let c = posted.post(1, "hello").await;
    assert_eq!([a, b, c], [Told::OK, Told::OK, Told::OK]);
    posted.finish().await;
    assert_eq!(posted.ran(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_storage_is_away_it_is_503_with_a_jittered_wait_and_nothing_is_lost() {
    let storage = Faulty::new(Arc::new(Memory::new()));
    let posted = Posted::on(Arc::new(storage.clone())).await;
    storage.always(Call::Commit, Fault::Refuse(Kind::Unavailable));
    let told = futures_util::future::join_all((0..100).map(|update| posted.post(update, "hello"))).await;
    let waits: HashSet<u64> = told.iter().map(Told::later).collect();
    assert!(waits.len() > 10, "they do not all come back at once: {waits:?}");
    storage.heal();
    let again = futures_util::future::join_all((0..100).map(|update| posted.post(update, "hello"))).await;
    assert!(again.iter().all(|told| *told == Told::OK), "{again:?}");
    posted.finish().await;
    assert_eq!(posted.ran(), 100, "each ran, and none of them twice");
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_is_full_says_when_to_come_back() {
    let one = |options: &mut tertulia::runner::Options| options.index_entries = 1;
    let posted = Posted::with(Arc::new(Memory::new()), |_| {}, one, |hook| hook).await;
    assert_eq!(posted.post(1, "hang").await, Told::OK);
    posted.post(2, "hello").await.later();
}

#[tokio::test]
async fn while_the_bot_is_stopping_it_is_503_in_a_second_and_nothing_is_read() {
    let posted = Posted::new().await;
    posted.running.shutdown(Duration::from_secs(1)).await;
    let never = futures_util::stream::pending::<std::io::Result<bytes::Bytes>>();
    let told = posted.ask(post_bytes(Body::from_stream(never))).await;
    assert_eq!(told, Told { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(1) });
    let told = posted.ask(bare().body(Body::empty()).unwrap()).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED, "strangers are not told");
}

#[tokio::test]
async fn a_post_that_waits_while_the_bot_stops_is_told_to_come_back() {
    let storage = Faulty::new(Arc::new(Memory::new()));
    let posted = Posted::on(Arc::new(storage.clone())).await;
    let gate = Gate::new();
    storage.always(Call::Commit, Fault::Hold(gate.clone()));
    let stop = async {
        gate.reached().await;
        posted.running.shutdown(Duration::ZERO).await;
    };
    let (told, ()) = tokio::join!(posted.post(1, "hello"), stop);
    assert_eq!(told, Told { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(1) });
}

#[tokio::test]
async fn what_is_no_update_is_200_and_kept_in_dead_and_does_not_hold_up_what_follows() {
    let posted = Posted::new().await;
    for body in ["", "{", "17", r#"{"update_id":"x"}"#, "{"] {
        assert_eq!(posted.ask(post_bytes(body)).await, Told::OK, "{body}");
    }
    // An update, but of a shape that its kind does not have: it is decoded in its turn.
    let odd = serde_json::json!({ "update_id": 2, "message": { "chat": { "id": 42 }, "text": 5 } });
    assert_eq!(posted.ask(post(&odd)).await, Told::OK);
    assert_eq!(posted.post(3, "hello").await, Told::OK);
    posted.finish().await;
    assert_eq!(posted.ran(), 1);
    let mut dead: Vec<_> = posted.dead().await.into_iter().map(|dead| (dead.body, dead.what)).collect();
    dead.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = ["", "17", "{", r#"{"update_id":"x"}"#, &odd.to_string()].map(str::to_owned);
    let mut expected: Vec<_> = expected.into_iter().map(|body| (body.into(), DeadKind::Update)).collect();
    expected.sort_by(|a: &(bytes::Bytes, _), b| a.0.cmp(&b.0));
    assert_eq!(dead, expected, "each once");
}
