//! Stopping what is under way.

use axum::http::Request;
use serde_json::{Value, json};

use super::support::{Site, next};

async fn stop(site: &Site, chat: &str) -> Value {
    site.ask(Request::post(format!("/v1/chat/{chat}/stop")), "").await.json
}

#[tokio::test]
async fn a_live_reply_is_stopped_with_what_it_has_said() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    site.post("ana", "k", &json!({ "text": "live one two three" })).await;
    let live = next(&mut feed, "live").await;
    site.words.add_permits(1);
    let path = live["path"].as_str().unwrap();
    let mut events = crate::streams::support::Reader::of(
        tower::ServiceExt::oneshot(
            site.router.clone(),
            Request::get(format!("/v1/events/{path}"))
                .header("host", "localhost")
                .body(axum::body::Body::empty())
                .unwrap(),
        )
        .await
        .unwrap(),
    );
    while !events.next().await.unwrap().data.contains("one") {}
    assert_eq!(stop(&site, "ana").await, json!({ "stopped": 1 }));
    assert_eq!(next(&mut feed, "turn").await["replies"], json!(["one "]));
    let end = events.rest().await.pop().unwrap();
    assert_eq!((&*end.kind, &*end.data), ("end", "stopped"));
    assert_eq!(stop(&site, "ana").await, json!({ "stopped": 0 }), "it is over");
}

#[tokio::test]
async fn a_message_that_waits_is_stopped_when_its_reply_begins() {
    let site = Site::new().await;
    site.running.stop_sources();
    // It is accepted, and its handler has not begun to answer: nothing has run since.
    let update = site.post("ana", "k", &json!({ "text": "hang" })).await;
    assert_eq!(stop(&site, "ana").await, json!({ "stopped": 1 }));
    let streams = &site.running.door().streams;
    let conversation = tertulia::Conversation::new("http", "ana").unwrap();
    let id = tertulia::stream::StreamId::new(conversation, &format!("http/{update}/reply-0")).unwrap();
    let made = streams.create(&id, Default::default()).await.unwrap().stream();
    assert!(made.info().await.unwrap().cancelled);
}

#[tokio::test]
async fn where_nothing_is_under_way_nothing_is_stopped() {
    let site = Site::new().await;
    site.say("ana", "hello").await;
    assert_eq!(stop(&site, "ana").await, json!({ "stopped": 0 }));
    assert_eq!(stop(&site, "nobody").await, json!({ "stopped": 0 }));
}
