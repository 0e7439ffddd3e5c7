//! Sessions read, put, patched and removed.

use axum::http::Method;
use serde_json::{Value, json};

use super::support::{ANA, Desk, MERGE, PATCH, request};

#[tokio::test]
async fn what_is_put_is_there() {
    let desk = Desk::new();
    assert_eq!(desk.get(ANA).await.error(), (404, "not_found", "there is no such session"));
    let put = desk.put(r#"{"name":"Ana","count":1}"#).await;
    let whole = json!({ "name": "Ana", "count": 1, "notes": [], "history": [] });
    assert_eq!((put.status.as_u16(), &put.json), (201, &whole));
    let got = desk.get(ANA).await;
    assert_eq!((got.status.as_u16(), &got.json, got.etag()), (200, &whole, put.etag()));
    assert_eq!(got.headers["cache-control"], "no-store");
    assert_eq!(desk.chats.get("http:ana").await.unwrap().name.as_deref(), Some("Ana"));
    let again = desk.put(r#"{"name":"Ana","count":2}"#).await;
    assert_eq!((again.status.as_u16(), &again.json["count"]), (200, &json!(2)));
    assert_ne!(again.etag(), put.etag());
}

#[tokio::test]
async fn a_merge_patch_sets_and_removes() {
    let desk = Desk::new();
    let made = desk.patch(MERGE, &json!({ "name": "Ana", "notes": ["a"] })).await;
    assert_eq!(made.status, 201, "what is not stored begins as the default");
    let changed = desk.patch(MERGE, &json!({ "name": null, "count": 7 })).await;
    assert_eq!(changed.json, json!({ "name": null, "count": 7, "notes": ["a"], "history": [] }));
    assert_eq!(desk.get(ANA).await.etag(), changed.etag());
}

#[tokio::test]
async fn a_json_patch_is_applied_whole_or_not_at_all() {
    let desk = Desk::new();
    desk.chats.update("http:ana", |chat| chat.history.extend(["a".into(), "b".into()])).await.unwrap();
    let said = desk.patch(PATCH, &json!([{ "op": "add", "path": "/history/-", "value": "c" }])).await;
    assert_eq!(said.json["history"], json!(["a", "b", "c"]));
    let before = desk.get(ANA).await;
    for (second, expected) in [
        (json!({ "op": "test", "path": "/count", "value": 1 }), "operation 1 at `/count` cannot be applied"),
        (json!({ "op": "remove", "path": "/notes/0" }), "operation 1 at `/notes/0` cannot be applied"),
    ] {
        let answer =
            desk.patch(PATCH, &json!([{ "op": "replace", "path": "/count", "value": 5 }, second])).await;
        let (status, kind, text) = answer.error();
        assert_eq!((status, kind), (409, "conflict"));
        assert!(text.starts_with(expected), "{text}");
    }
    assert_eq!(desk.get(ANA).await, before);
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_with_its_place() {
    let desk = Desk::new();
    desk.put(r#"{"notes":["a"]}"#).await;
    let before = desk.get(ANA).await;
    let put = desk.put(r#"{"notes":["a",{"b":1}]}"#).await;
    assert_eq!(put.error(), (422, "unfit", "`/notes/1` does not fit: invalid type: map, expected a string"));
    let merged = desk.patch(MERGE, &json!({ "count": -1 })).await;
    assert!(merged.error().2.starts_with("`/count` does not fit: invalid value: integer `-1`"), "{merged:?}");
    let patched = desk.patch(PATCH, &json!([{ "op": "add", "path": "/history/0", "value": 5 }])).await;
    assert!(patched.error().2.starts_with("`/history/0` does not fit"), "{patched:?}");
    assert_eq!(desk.put("5").await.error().0, 422);
    assert_eq!(desk.get(ANA).await, before);
}

#[tokio::test]
async fn a_long_history_is_only_added_to() {
    let desk = Desk::new();
    let history = (0..6).map(|n| n.to_string());
    desk.chats.update("http:ana", |chat| chat.history.extend(history.clone())).await.unwrap();
    let refused = desk.patch(MERGE, &json!({ "history": [] })).await;
    assert_eq!(refused.error().0, 422);
    assert!(refused.error().2.contains("the last 4 of 6 items"), "{refused:?}");
    let mut value = desk.get(ANA).await.json;
    value["history"].as_array_mut().unwrap().push(json!("6"));
    assert_eq!(desk.put(value.to_string()).await.json["history"], json!(["3", "4", "5", "6"]));
    assert_eq!(desk.chats.get("http:ana").await.unwrap().history.len(), 7);
}

#[tokio::test]
async fn what_is_removed_is_gone() {
    let desk = Desk::new();
    let delete = || request(Method::DELETE, ANA, &[], "");
    assert_eq!(desk.ask(delete()).await.error().0, 404);
    desk.put(r#"{"name":"Ana"}"#).await;
    assert_eq!(desk.ask(delete()).await.status, 204);
    assert_eq!(desk.get(ANA).await.status, 404);
    assert!(!desk.chats.contains("http:ana").await.unwrap());
}

#[tokio::test]
async fn the_sessions_of_a_conversation_are_listed() {
    let desk = Desk::new();
    assert_eq!(desk.get("/v1/sessions/http:ana").await.json, json!({ "sessions": [] }));
    desk.put(r#"{"name":"Ana"}"#).await;
    assert_eq!(desk.get("/v1/sessions/http:ana").await.json, json!({ "sessions": [{ "name": "chat" }] }));
    assert_eq!(desk.get("/v1/sessions/http:bob").await.json, json!({ "sessions": [] }));
}

#[tokio::test]
async fn bodies_of_other_types_and_beyond_the_bounds_are_refused() {
    let desk = Desk::with(|options| options.body_bytes = 50_000);
    let typed = |method, of| request(method, ANA, &[("content-type", of)], "{}");
    let patch = desk.ask(typed(Method::PATCH, "application/json")).await;
    assert_eq!(
        (patch.status.as_u16(), &patch.headers["accept-patch"]),
        (415, &format!("{MERGE}, {PATCH}").parse().unwrap())
    );
    assert_eq!(desk.ask(typed(Method::PUT, "text/plain")).await.error().0, 415);
    assert_eq!(
        desk.put("x".repeat(50_001)).await.error(),
        (413, "too_large", "the body has more than 50000 bytes")
    );
    let (status, _, text) = (desk.put("{\n  oops}").await.error().0, (), desk.put("{\n  oops}").await.json);
    assert_eq!(status, 400);
    assert!(text.to_string().contains("not JSON") && text.to_string().contains("line 2 column 3"), "{text}");
    let many = Value::from(vec![json!({ "op": "test", "path": "/count", "value": 0 }); 1_001]);
    assert_eq!(desk.patch(PATCH, &many).await.error(), (422, "unfit", "1001 operations, 1000 are allowed"));
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let deep = json!({ "notes": serde_json::from_str::<Value>(&deep).unwrap() });
    assert_eq!(desk.patch(MERGE, &deep).await.error().2, "it would be nested more than 100 levels deep");
    let double = json!({ "op": "copy", "from": "/notes", "path": "/notes/-" });
    let mut doubling = vec![json!({ "op": "add", "path": "/notes/-", "value": "x".repeat(20_000) })];
    doubling.extend(vec![double; 40]);
    assert_eq!(
        desk.patch(PATCH, &doubling.into()).await.error().2,
        "more than 8388608 bytes would be copied"
    );
    for path in ["/v1/sessions/ana/chat", "/v1/sessions/http:%00/chat", "/v1/sessions/http:%ff/chat"] {
        assert_eq!(desk.get(path).await.error().0, 400, "{path}");
    }
}
