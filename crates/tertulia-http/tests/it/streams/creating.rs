//! Streams are made, described and deleted.

use std::time::Duration;

use super::support::{CLOSED, JSON, Site, TEXT};

#[tokio::test]
async fn a_stream_is_made_once_and_the_same_again_is_no_error() {
    let site = Site::new();
    let made = site.put("/v1/stream/a/b", &[TEXT], "hello").await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("location"), Some("http://localhost/v1/stream/a/b"));
    assert_eq!(made.header("content-type"), Some("text/plain"));
    let again = site.put("/v1/stream/a/b", &[("content-type", "Text/Plain; charset=utf-8")], "").await;
    assert_eq!((again.status.as_u16(), again.offset()), (200, made.offset()));
    for other in [&[JSON][..], &[TEXT, CLOSED], &[TEXT, ("stream-ttl", "60")]] {
        let refused = site.put("/v1/stream/a/b", other, "").await;
        assert_eq!((refused.status.as_u16(), &*refused.kind()), (409, "exists"), "{other:?}");
    }
    assert_eq!(site.get("/v1/stream/a/b").await.text(), "hello");
}

#[tokio::test]
async fn a_deleted_stream_is_gone_and_its_cursors_with_it() {
    let site = Site::new();
    let first = site.put("/v1/stream/a", &[TEXT], "one").await;
    assert_eq!(site.send("DELETE", "/v1/stream/a", &[], "").await.status, 204);
    for method in ["GET", "HEAD", "DELETE", "POST"] {
        assert_eq!(site.send(method, "/v1/stream/a", &[TEXT], "x").await.status, 404, "{method}");
    }
    site.put("/v1/stream/a", &[TEXT], "another").await;
    let refused = site.get(&format!("/v1/stream/a?offset={}", first.offset())).await;
    assert_eq!((refused.status.as_u16(), &*refused.kind()), (410, "resync_required"));
    let earliest = refused.json()["error"]["earliest"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&format!("/v1/stream/a?offset={earliest}")).await.text(), "another");
}

#[tokio::test(start_paused = true)]
async fn g10_reading_and_writing_keep_a_stream_and_looking_does_not() {
    let site = Site::new();
    let second = Duration::from_secs(1);
    site.put("/v1/stream/a", &[TEXT, ("stream-ttl", "3")], "x").await;
    for _ in 0..3 {
        tokio::time::advance(2 * second).await;
        assert_eq!(site.get("/v1/stream/a?offset=now").await.status, 200);
        tokio::time::advance(2 * second).await;
        assert_eq!(site.post("/v1/stream/a", &[TEXT], "y").await.status, 204);
    }
    tokio::time::advance(2 * second).await;
    let looked = site.head("/v1/stream/a").await;
    assert_eq!((looked.status.as_u16(), looked.header("stream-ttl")), (200, Some("3")));
    tokio::time::advance(2 * second).await;
    assert_eq!(site.head("/v1/stream/a").await.status, 404);
    assert_eq!(site.put("/v1/stream/a", &[JSON], "").await.status, 201);
}

#[tokio::test]
async fn a_stream_tells_when_it_expires() {
    let site = Site::new();
    let at = ("stream-expires-at", "2999-01-01T01:00:00+01:00");
    site.put("/v1/stream/a", &[TEXT, at], "x").await;
    let looked = site.head("/v1/stream/a").await;
    assert_eq!(looked.header("stream-expires-at"), Some("2999-01-01T00:00:00.000Z"));
    assert_eq!(looked.header("cache-control"), Some("no-store"));
    assert_eq!(
        site.put("/v1/stream/a", &[TEXT, ("stream-expires-at", "2999-01-01T00:00:00Z")], "").await.status,
        200
    );
}

#[tokio::test]
async fn a_path_may_name_a_stream_of_a_conversation() {
    let site = Site::new();
    site.put("/v1/stream/http:alice/a%20b", &[TEXT], "hello").await;
    let stream = site.stream("http:alice", "a b").await;
    assert_eq!(stream.info().await.unwrap().end.offset, 1);
    assert_eq!(site.get("/v1/stream/http%3Aalice/a%20b").await.text(), "hello");
    assert_eq!(site.get("/v1/stream/http:bob/a%20b").await.status, 404);
}
