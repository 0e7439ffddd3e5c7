//! What whole answers do.

use serde_json::json;
use tertulia::storage::{Base, From, Head, Read};
use tertulia::{Conversation, Key, Name};

use super::{Desk, typed, whole};

/// A desk whose handler answers what the text says, in JSON.
async fn parrot() -> Desk {
    Desk::new(|posted| {
        typed("application/json; charset=utf-8", posted.json["update"]["text"].as_str().unwrap().to_owned())
    })
    .await
}

#[tokio::test]
async fn replies_are_said_in_order() {
    let desk = parrot().await;
    let answer = json!({ "replies": [{ "text": "one" }, { "text": "two" }] });
    assert_eq!(desk.say(&answer.to_string()).await.unwrap(), ["one", "two"]);
}

#[tokio::test]
async fn nothing_is_an_answer_too() {
    let desk = parrot().await;
    for nothing in ["{}", r#"{"session":null,"session_patch":null,"replies":null,"error":null}"#] {
        assert!(desk.say(nothing).await.unwrap().is_empty());
    }
    let desk =
        Desk::new(|_| axum::http::Response::builder().status(204).body(axum::body::Body::empty()).unwrap())
            .await;
    assert!(desk.say("hello").await.unwrap().is_empty());
    assert_eq!(desk.session().await, json!({}));
}

#[tokio::test]
async fn a_session_is_merged_as_rfc_7396_says() {
    let desk = parrot().await;
    desk.say(r#"{"session":{"a":{"b":1,"c":2.5},"list":[1,2],"gone":"x"}}"#).await.unwrap();
    desk.say(r#"{"session":{"a":{"b":null,"d":true},"list":[3],"gone":null}}"#).await.unwrap();
    assert_eq!(desk.session().await, json!({ "a": { "c": 2.5, "d": true }, "list": [3] }));
}

#[tokio::test]
async fn a_session_is_patched_as_rfc_6902_says() {
    let desk = parrot().await;
    let add = json!([{ "op": "add", "path": "/list", "value": [1] }, { "op": "add", "path": "/list/-", "value": 2 }]);
    desk.say(&json!({ "session_patch": add }).to_string()).await.unwrap();
    let copy = json!([
        { "op": "test", "path": "/list/1", "value": 2 },
        { "op": "copy", "from": "/list", "path": "/again" },
        { "op": "remove", "path": "/list/0" },
    ]);
    desk.say(&json!({ "session_patch": copy }).to_string()).await.unwrap();
    assert_eq!(desk.session().await, json!({ "list": [2], "again": [1, 2] }));
}

/// The head of the log of the session of `http:ana`.
async fn head(desk: &Desk) -> Head {
    let conversation = Conversation::parse("http:ana").unwrap();
    let key = Key::Log(conversation, Name::new("session/handler").unwrap());
    let read = Read::new(key).from(From::Start).base(Base::Never);
    let mut pages = desk.storage.read(std::slice::from_ref(&read)).await.unwrap();
    Head::Log(pages.pop().unwrap().unwrap().unwrap().into_log().unwrap().head)
}

#[tokio::test]
async fn what_changes_nothing_is_not_written_in_whatever_order_its_keys_are() {
    let desk = parrot().await;
    desk.say(r#"{"session":{"a":1,"b":{"c":2,"d":3}}}"#).await.unwrap();
    let before = head(&desk).await;
    for same in [
        "{}",
        r#"{"session":{}}"#,
        r#"{"session":{"b":{"d":3,"c":2},"a":1}}"#,
        r#"{"session_patch":[{"op":"replace","path":"","value":{"b":{"d":3,"c":2},"a":1}}]}"#,
    ] {
        desk.say(same).await.unwrap();
        assert_eq!(head(&desk).await, before, "{same}");
    }
    desk.say(r#"{"session":{"a":2}}"#).await.unwrap();
    assert_ne!(head(&desk).await, before);
}

#[tokio::test]
async fn a_failed_answer_leaves_the_session_as_it_was() {
    let desk = Desk::new(|posted| match posted.json["update"]["text"].as_str() {
        Some("good") => whole(&json!({ "session": { "good": true } })),
        _ => whole(&json!({ "session_patch": [
            { "op": "add", "path": "/bad", "value": true },
            { "op": "remove", "path": "/absent" },
        ], "replies": [{ "text": "bad" }] })),
    })
    .await;
    desk.say("good").await.unwrap();
    desk.say("bad").await.unwrap_err();
    assert_eq!(desk.session().await, json!({ "good": true }));
}
