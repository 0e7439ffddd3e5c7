//! What is posted.

use std::collections::HashSet;

use axum::body::Body;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tertulia::Timestamp;
use tertulia::bot::{Header, Hook};
use tertulia_http::Signed;

use super::super::answer::{Answer, Line};
use super::{Desk, patience, typed, whole};

const SECRET: &str = "a-secret-that-both-have";

#[tokio::test]
async fn a_post_has_the_update_and_the_session() {
    let mut desk = Desk::new(|_| whole(&json!({ "session": { "seen": true } }))).await;
    desk.say("hello").await.unwrap();
    let posted = desk.posted().await;
    let id = posted.json["id"].as_str().unwrap();
    let arrived = posted.json["arrived_ms"].as_u64().unwrap();
    let expected = json!({
        "version": 1,
        "conversation": "http:ana",
        "id": id,
        "attempt": 1,
        "arrived_ms": arrived,
        "update": { "kind": "message", "text": "hello" },
        "raw": { "text": "hello" },
        "session": {},
        "once": {},
    });
    assert_eq!(posted.json, expected);
    assert!(id.starts_with("http/") && arrived > 1_700_000_000_000, "{expected}");
    let header = |name: &str| posted.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("x-handler-time-limit-ms"), Some("60000"));
    assert_eq!(header("x-webhook-signature"), None, "there is no secret");

    desk.say("again").await.unwrap();
    let again = desk.posted().await.json;
    assert_eq!(again["session"], json!({ "seen": true }));
    assert_ne!(again["id"], posted.json["id"]);
}

#[tokio::test]
async fn a_post_is_signed_as_the_posts_are_that_the_server_takes() {
    let mut desk = Desk::with(patience(0), Some(SECRET), async |_| whole(&json!({}))).await;
    desk.say("hello").await.unwrap();
    let posted = desk.posted().await;
    let header = |name: &str| match posted.headers.get(name) {
        Some(value) => Header::One(value.as_bytes()),
        None => Header::Absent,
    };
    let open = |key: &str| {
        let receiver = Signed::by_pointer("post", key, "/conversation").unwrap();
        let now = Timestamp(posted.json["arrived_ms"].as_u64().unwrap());
        receiver.admit(&header, now).and_then(|()| receiver.open(&header, posted.body.clone()))
    };
    assert_eq!(open(SECRET).unwrap().conversation.as_str(), "post:http:ana");
    assert!(open("another-secret-than-theirs").is_err());
}

#[tokio::test]
async fn every_attempt_has_the_id_of_the_update_and_a_number_of_its_own() {
    let answer = async |posted: super::Posted| match posted.json["attempt"].as_u64() {
        Some(1) => whole(&json!({ "error": "not yet" })),
        _ => whole(&json!({ "replies": [{ "text": "now" }] })),
    };
    let mut desk = Desk::with(patience(1), None, answer).await;
    assert_eq!(desk.say("hello").await.unwrap(), ["now"]);
    let (first, second): (Value, Value) = (desk.posted().await.json, desk.posted().await.json);
    assert_eq!((&first["attempt"], &second["attempt"]), (&json!(1), &json!(2)));
    assert_eq!(first["id"], second["id"]);
}

#[tokio::test]
async fn connections_are_kept() {
    let answers = [
        ("application/json", "{}".to_owned()),
        ("application/x-ndjson", "{\"done\":true}\n".to_owned()),
        ("application/x-ndjson", "{\"done\":true}\n\n\n".to_owned()),
    ];
    for (kind, text) in answers {
        // In two parts, so that the end of the body is not there yet when the answer is.
        let mut desk = Desk::new(move |_| {
            let text = Ok::<_, std::io::Error>(text.clone());
            let end = stream::once(async { tokio::task::yield_now().await }).filter_map(async |()| None);
            typed(kind, Body::from_stream(stream::iter([text]).chain(end)))
        })
        .await;
        let mut peers = HashSet::new();
        for _ in 0..5 {
            desk.say("hello").await.unwrap();
            peers.insert(desk.posted().await.peer);
        }
        assert!(peers.len() < 5, "{kind}: {peers:?}");
    }
}

/// What the guide shows as JSON: a post, an answer, and an answer in lines.
fn shown() -> Vec<&'static str> {
    let guide = include_str!("../../../../../docs/handlers.md");
    guide.split("```json\n").skip(1).map(|shown| shown.split("```").next().unwrap()).collect()
}

#[tokio::test]
async fn the_guide_shows_what_is_posted_and_what_may_be_answered() {
    let shown = shown();
    let [post, answer, lines] = shown.as_slice() else { panic!("{shown:?}") };
    let mut desk = Desk::new(|_| whole(&json!({}))).await;
    desk.say("hello").await.unwrap();
    let keys = |post: &Value| post.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let post: Value = serde_json::from_str(post).unwrap();
    assert_eq!(keys(&post), keys(&desk.posted().await.json));
    assert_eq!(post["version"], 1);

    let answer: Answer = serde_json::from_str(answer).unwrap();
    assert!(answer.session.is_some() && answer.replies.is_some());
    let lines: Vec<Line> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(matches!(lines.last(), Some(Line::Done(true))), "{lines:?}");
}
