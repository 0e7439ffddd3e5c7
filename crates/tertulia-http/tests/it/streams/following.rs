//! What comes while somebody waits: in a long poll, and as the protocol's server-sent events.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::support::{CLOSED, Event, JSON, Site, TEXT};

fn control(event: &Event) -> Value {
    assert_eq!(event.kind, "control", "{event:?}");
    serde_json::from_str(&event.data).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_answers_what_comes_or_in_time() {
    let site = Site::new();
    let made = site.put("/v1/stream/a", &[TEXT], "one").await;
    let path = format!("/v1/stream/a?offset={}&live=long-poll", made.offset());
    let began = Instant::now();
    let nothing = site.get(&path).await;
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    assert_eq!((nothing.status.as_u16(), nothing.offset()), (204, made.offset()));
    assert_eq!(nothing.header("stream-up-to-date"), Some("true"));
    let token: u64 = nothing.header("stream-cursor").unwrap().parse().unwrap();
    let (waiting, posted) = tokio::join!(site.get(&path), site.post("/v1/stream/a", &[TEXT], "two"));
    assert_eq!((waiting.text(), waiting.offset()), ("two", posted.offset()));
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    let next = site.get(&format!("/v1/stream/a?offset=-1&live=long-poll&cursor={token}")).await;
    assert!(next.header("stream-cursor").unwrap().parse::<u64>().unwrap() > token);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_when_the_stream_does() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "one").await;
    let path = "/v1/stream/a?offset=now&live=long-poll";
    let (waiting, _) = tokio::join!(site.get(path), site.post("/v1/stream/a", &[CLOSED], ""));
    assert_eq!((waiting.status.as_u16(), waiting.header("stream-closed")), (204, Some("true")));
    assert_eq!(waiting.header("stream-cursor"), None);
    site.put("/v1/stream/b", &[TEXT], "one").await;
    let path = "/v1/stream/b?offset=now&live=long-poll";
    let (waiting, _) = tokio::join!(site.get(path), site.send("DELETE", "/v1/stream/b", &[], ""));
    assert_eq!(waiting.status, 410);
}

#[tokio::test]
async fn each_page_of_events_says_where_it_ends() {
    let site = Site::new();
    site.put("/v1/stream/a", &[JSON], "[1,2]").await;
    let mut reader = site.follow("/v1/stream/a?offset=-1&live=sse", &[]).await;
    assert_eq!(reader.next().await.unwrap().data, "[1,2]");
    let first = control(&reader.next().await.unwrap());
    assert_eq!(first["upToDate"], true);
    assert!(first["streamCursor"].as_str().unwrap().parse::<u64>().is_ok());
    let posted = site.post("/v1/stream/a", &[JSON, CLOSED], "[3]").await;
    assert_eq!(reader.next().await.unwrap().data, "[3]");
    let last = control(&reader.next().await.unwrap());
    assert_eq!(last["streamNextOffset"], posted.offset());
    assert_eq!((&last["streamClosed"], last.get("streamCursor")), (&Value::Bool(true), None));
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn bytes_are_sent_in_base64() {
    let site = Site::new();
    site.put("/v1/stream/a", &[], "").await;
    site.send("POST", "/v1/stream/a", &[("content-type", "application/octet-stream")], vec![0, 255]).await;
    site.send("POST", "/v1/stream/a", &[("content-type", "application/octet-stream")], vec![1, 2]).await;
    let answer = site.answer("GET", "/v1/stream/a?offset=-1&live=sse", &[], "").await;
    assert_eq!(answer.headers()["stream-sse-data-encoding"], "base64");
    let mut reader = site.follow("/v1/stream/a?offset=-1&live=sse", &[]).await;
    assert_eq!(reader.next().await.unwrap().data, "AP8BAg==");
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_events_is_sent_away_after_a_minute_and_goes_on_where_it_was() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "one").await;
    let began = Instant::now();
    let mut reader = site.follow("/v1/stream/a?offset=now&live=sse", &[]).await;
    let first = control(&reader.next().await.unwrap());
    assert_eq!(reader.next().await, None);
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    site.post("/v1/stream/a", &[TEXT], "two").await;
    let offset = first["streamNextOffset"].as_str().unwrap();
    let mut again = site.follow(&format!("/v1/stream/a?offset={offset}&live=sse"), &[]).await;
    assert_eq!(again.next().await.unwrap().data, "two");
}

#[tokio::test(start_paused = true)]
async fn a_stream_does_not_expire_while_somebody_follows_it() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT, ("stream-ttl", "20")], "one").await;
    let mut reader = site.follow("/v1/events/a", &[]).await;
    for _ in 0..10 {
        reader.next().await.unwrap();
    }
    assert_eq!(site.head("/v1/stream/a").await.status, 200);
    drop(reader);
    tokio::time::advance(Duration::from_secs(21)).await;
    assert_eq!(site.head("/v1/stream/a").await.status, 404);
}

#[tokio::test]
async fn readers_of_a_deleted_stream_come_to_an_end() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "one").await;
    let mut reader = site.follow("/v1/events/a", &[]).await;
    reader.next().await.unwrap();
    site.send("DELETE", "/v1/stream/a", &[], "").await;
    assert_eq!(reader.next().await, None);
    assert_eq!(site.get("/v1/events/a").await.status, 404);
}
