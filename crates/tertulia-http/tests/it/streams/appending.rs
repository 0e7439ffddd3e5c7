//! What is appended, once, in order, until the stream is closed.

use std::time::Duration;

use tokio::time::Instant;

use super::support::{CLOSED, JSON, Site, TEXT};

#[tokio::test]
async fn messages_are_given_as_an_array_and_taken_off_one() {
    let site = Site::new();
    site.put("/v1/stream/a", &[JSON], "[]").await;
    assert_eq!(site.get("/v1/stream/a").await.text(), "[]");
    for body in [r#"{"a":1}"#, r#"[{"b":2},[3]]"#, "null"] {
        assert_eq!(site.post("/v1/stream/a", &[JSON], body).await.status, 204, "{body}");
    }
    assert_eq!(site.get("/v1/stream/a").await.text(), r#"[{"a":1},{"b":2},[3],null]"#);
    for body in ["", "[]", "{", "[1,]"] {
        assert_eq!(site.post("/v1/stream/a", &[JSON], body).await.status, 400, "{body}");
    }
    let other = site.post("/v1/stream/a", &[TEXT], "1").await;
    assert_eq!((other.status.as_u16(), &*other.kind()), (409, "type_mismatch"));
    assert_eq!(site.get("/v1/stream/a").await.json().as_array().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn g5_closed_is_closed() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "one ").await;
    let last = site.post("/v1/stream/a", &[TEXT, CLOSED], "two").await;
    assert_eq!((last.status.as_u16(), last.header("stream-closed")), (204, Some("true")));
    for headers in [&[TEXT][..], &[TEXT, CLOSED], &[JSON]] {
        let refused = site.post("/v1/stream/a", headers, "three").await;
        assert_eq!((refused.status.as_u16(), &*refused.kind()), (409, "closed"));
        assert_eq!(refused.header("stream-closed"), Some("true"));
        assert_eq!(refused.offset(), last.offset());
    }
    let closed = site.post("/v1/stream/a", &[CLOSED], "").await;
    assert_eq!((closed.status.as_u16(), closed.offset()), (204, last.offset()));
    let late = site.get("/v1/stream/a").await;
    assert_eq!((late.text(), late.header("stream-closed")), ("one two", Some("true")));
    let began = Instant::now();
    let end = site.get(&format!("/v1/stream/a?offset={}&live=long-poll", last.offset())).await;
    assert_eq!((end.status.as_u16(), end.header("stream-closed")), (204, Some("true")));
    assert_eq!(began.elapsed(), Duration::ZERO);
    let mut reader = site.follow("/v1/stream/a?offset=-1&live=sse", &[]).await;
    let events = reader.rest().await;
    assert_eq!((&*events[0].kind, &*events[0].data), ("data", "one two"));
    assert!(events[1].data.contains(r#""streamClosed":true"#));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn g6_a_request_that_comes_again_is_taken_once() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "").await;
    let say = async |epoch: &str, seq: &str, body: &str| {
        let producer = [("producer-id", "p"), ("producer-epoch", epoch), ("producer-seq", seq)];
        site.post("/v1/stream/a", &[&[TEXT][..], &producer].concat(), body).await
    };
    for (seq, body) in [("0", "a"), ("1", "b"), ("2", "c")] {
        let first = say("0", seq, body).await;
        assert_eq!((first.status.as_u16(), first.header("producer-seq")), (200, Some(seq)));
        let again = say("0", seq, body).await;
        assert_eq!((again.status.as_u16(), again.offset()), (204, first.offset()));
    }
    // What is told is the last request that was taken.
    assert_eq!(say("0", "0", "a").await.header("producer-seq"), Some("2"));
    let gap = say("0", "5", "f").await;
    assert_eq!((gap.status.as_u16(), &*gap.kind()), (409, "gap"));
    assert_eq!(gap.header("producer-expected-seq"), Some("3"));
    assert_eq!(gap.header("producer-received-seq"), Some("5"));
    assert_eq!(say("1", "1", "x").await.status, 400);
    assert_eq!(say("1", "0", "d").await.status, 200);
    let stale = say("0", "3", "x").await;
    assert_eq!((stale.status.as_u16(), stale.header("producer-epoch")), (403, Some("1")));
    assert_eq!(site.get("/v1/stream/a").await.text(), "abcd");
}

#[tokio::test]
async fn a_sequence_only_grows() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "").await;
    for (seq, status) in [("09", 204), ("10", 204), ("10", 409), ("1", 409), ("2", 204)] {
        let answer = site.post("/v1/stream/a", &[TEXT, ("stream-seq", seq)], "x").await;
        assert_eq!(answer.status, status, "{seq}");
    }
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let site = Site::with(|options| options.body_bytes = 10);
    site.put("/v1/stream/a", &[TEXT], "").await;
    let refused = site.post("/v1/stream/a", &[TEXT], "eleven char").await;
    assert_eq!((refused.status.as_u16(), &*refused.kind()), (413, "too_large"));
    let pieces = ["eleven", " char"].map(|piece| Ok::<_, std::io::Error>(bytes::Bytes::from(piece)));
    let body = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    assert_eq!(site.send("POST", "/v1/stream/a", &[TEXT], body).await.status, 413);
    assert_eq!(site.post("/v1/stream/a", &[TEXT], "ten chars.").await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let site = Site::new();
    site.put("/v1/stream/a", &[TEXT], "").await;
    let body =
        axum::body::Body::from_stream(futures_util::stream::pending::<std::io::Result<bytes::Bytes>>());
    let refused = site.send("POST", "/v1/stream/a", &[TEXT], body).await;
    assert_eq!((refused.status.as_u16(), &*refused.kind()), (408, "slow_body"));
}
