//! What is no chat is refused, and says why.

use serde_json::{Value, json};
use tertulia_http::{Access, Scopes};

use super::support::{Site, said, user};

#[tokio::test]
async fn what_says_nothing_is_refused() {
    let site = Site::new().await;
    let of = |messages: Value| json!({ "id": "ana", "messages": messages });
    let file = json!({ "type": "file", "mediaType": "image/png", "url": "data:," });
    let reply = json!({ "id": "r1", "role": "assistant", "parts": [
        { "type": "text", "text": "hi" },
        { "type": "tool-sum", "toolCallId": "c1", "state": "output-available", "input": 1, "output": 2,
          "providerExecuted": true },
    ] });
    for (body, status, kind, says) in [
        (of(json!([])), 400, "invalid", "there are no messages"),
        (of(json!([user(&"m".repeat(256), "hi")])), 400, "invalid", "at most 255 bytes"),
        (of(json!([user("m1", " ")])), 400, "invalid", "has no text"),
        (of(json!([{ "id": "m1", "role": "user", "parts": [file] }])), 422, "unfit", "files are not taken"),
        (of(json!([user("m1", "hi"), reply])), 400, "invalid", "waits for nothing"),
        (of(json!([{ "id": "m1", "role": "system", "parts": [] }])), 400, "invalid", "not the user's"),
        (json!({ "id": "", "messages": [user("m1", "hi")] }), 400, "invalid", ""),
        (json!({ "messages": [] }), 400, "invalid", "missing field `id`"),
    ] {
        let (is, of, message) = site.post(&body).await.error().await;
        assert_eq!((is, &*of), (status, kind), "{message}");
        assert!(message.contains(says), "{message}");
    }
    let (status, kind, _) = site.ask("POST", "/v1/ai/chat", "{").await.error().await;
    assert_eq!((status, &*kind), (400, "invalid"));
    let (status, kind, _) = site.ask("GET", "/v1/ai/chat", "").await.error().await;
    assert_eq!((status, &*kind), (405, "method_not_allowed"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let site = Site::with(|options| options.body_bytes = 100).await;
    let (status, kind, _) = site.post(&said("m1", &"x".repeat(100))).await.error().await;
    assert_eq!((status, &*kind), (413, "too_large"));
}

#[tokio::test]
async fn a_token_that_may_not_chat_opens_nothing() {
    let metrics = Scopes::from_iter([tertulia_http::Scope::Metrics]);
    let site = Site::with(|options| options.access = Access::local().token("t", "secret", metrics)).await;
    for (method, path) in [
        ("POST", "/v1/ai/chat"),
        ("GET", "/v1/ai/chat/ana/stream"),
        ("POST", "/v1/ai/chat/ana/stop"),
        ("GET", "/v1/ai/chat/ana/messages"),
    ] {
        let (status, kind, _) = site.ask_with(method, path, Some("secret")).await.error().await;
        assert_eq!((status, &*kind), (403, "forbidden"), "{path}");
        let (status, kind, _) = site.ask_with(method, path, None).await.error().await;
        assert_eq!((status, &*kind), (401, "unauthorized"), "{path}");
    }
}
