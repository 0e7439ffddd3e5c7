//! Handlers that are away, want to be left alone, or take their time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tertulia::runner;
use tertulia_http::ProblemKind;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::pause::Pause;
use super::{Desk, Posted, patience, typed, whole};

/// Answers with this status the first time, then as it should.
fn away_once(
    status: u16,
    retry_after: Option<&'static str>,
) -> impl Fn(Posted) -> Response<Body> + Clone + Send + Sync + 'static {
    let asked = Arc::new(AtomicUsize::new(0));
    move |posted| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let response = Response::builder().status(status);
            let response = retry_after
                .into_iter()
                .fold(response, |response, after| response.header("retry-after", after));
            response.body(Body::empty()).unwrap()
        }
        _ => whole(&json!({ "replies": [{ "text": posted.json["attempt"].to_string() }] })),
    }
}

#[tokio::test]
async fn a_handler_that_is_away_is_asked_again_and_no_try_is_charged() {
    for (status, retry_after) in
        [(503, None), (429, None), (503, Some("0")), (429, Some("Fri, 31 Dec 1999 23:59:59 GMT"))]
    {
        let desk = Desk::new(away_once(status, retry_after)).await;
        assert_eq!(desk.say("hello").await.unwrap(), ["1"], "{status}");
    }
}

#[tokio::test]
async fn a_handler_that_asks_for_it_is_left_alone_by_every_conversation() {
    let answer = away_once(503, Some("1"));
    let (told, mut posts) = mpsc::unbounded_channel();
    // One at a time, so that the second update begins when the first has been put off.
    let options = runner::Options { concurrency: 1, ..patience(0) };
    let desk = Desk::with(options, None, move |posted| {
        told.send(Instant::now()).unwrap();
        let answer = answer(posted);
        async { answer }
    })
    .await;
    let (ana, bob) = tokio::join!(desk.say_in("ana", "hello"), desk.say_in("bob", "hello"));
    assert_eq!((ana.unwrap(), bob.unwrap()), (vec!["1".to_owned()], vec!["1".to_owned()]));
    let (first, second) = (posts.recv().await.unwrap(), posts.recv().await.unwrap());
    assert!(second - first >= Duration::from_secs(1), "{:?}", second - first);
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_and_the_longest_counts() {
    let pause = Pause::default();
    assert_eq!(pause.left(), None);
    pause.begin(Duration::from_secs(20));
    pause.begin(Duration::from_secs(10));
    assert_eq!(pause.left(), Some(Duration::from_secs(20)));
    tokio::time::advance(Duration::from_secs(19)).await;
    assert_eq!(pause.left(), Some(Duration::from_secs(1)));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(pause.left(), None);
    assert_eq!(pause.begin(Duration::from_hours(24)), Duration::from_mins(5));
    assert_eq!(pause.left(), Some(Duration::from_mins(5)));
}

/// Tells when it is dropped.
struct Dropped(mpsc::UnboundedSender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Longer than it takes to ask the handler.
fn soon() -> runner::Options {
    runner::Options { time_limit: Some(Duration::from_secs(2)), ..patience(0) }
}

/// Waits until what was told of is dropped.
async fn dropped(mut drops: mpsc::UnboundedReceiver<()>) {
    tokio::time::timeout(Duration::from_mins(1), drops.recv()).await.expect("it is dropped").unwrap();
}

#[tokio::test]
async fn a_handler_that_takes_too_long_sees_its_connection_closed() {
    let (drop, drops) = mpsc::unbounded_channel();
    let desk = Desk::with(soon(), None, move |_| {
        let told = Dropped(drop.clone());
        async move {
            let _told = told;
            std::future::pending().await
        }
    })
    .await;
    assert_eq!(desk.say("hello").await, Err(ProblemKind::GivenUp));
    dropped(drops).await;
    let errors = desk.errors().await;
    assert!(errors[0].contains("its time limit"), "{errors:?}");
}

#[tokio::test]
async fn a_stream_that_takes_too_long_is_closed_and_nothing_of_it_counts() {
    let (drop, drops) = mpsc::unbounded_channel();
    let desk = Desk::with(soon(), None, move |_| {
        let told = Dropped(drop.clone());
        let line = Ok::<_, io::Error>(Bytes::from_static(b"{\"session\":{\"a\":1}}\n"));
        let hangs = stream::once(async { line }).chain(stream::pending());
        let hangs = hangs.inspect(move |_| {
            let _ = &told;
        });
        async move { typed("application/x-ndjson", Body::from_stream(hangs)) }
    })
    .await;
    assert_eq!(desk.say("hello").await, Err(ProblemKind::GivenUp));
    dropped(drops).await;
    assert_eq!(desk.session().await, json!({}));
}
