//! What is no answer, and what is said of it.

use axum::body::Body;
use axum::http::Response;
use serde_json::json;
use tertulia_http::ProblemKind;

use super::{Desk, typed, whole};

fn status(code: u16, text: &'static str) -> Response<Body> {
    Response::builder().status(code).body(text.into()).unwrap()
}

/// Asserts that an answer fails its try with a reason that says this.
async fn refused(answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static, says: &str) {
    let desk = Desk::new(move |_| answer()).await;
    assert_eq!(desk.say("hello").await, Err(ProblemKind::GivenUp), "{says}");
    let errors = desk.errors().await;
    assert!(errors[0].contains(says), "`{says}` is not in {errors:?}");
    assert_eq!(desk.session().await, json!({}), "{says}");
}

#[tokio::test]
async fn a_status_that_is_no_success_fails_the_try_with_the_handlers_words() {
    refused(|| status(500, "out of ideas\n"), "the handler answered 500 Internal Server Error: out of ideas")
        .await;
    refused(|| status(404, ""), "404").await;
    let elsewhere = || Response::builder().status(307).header("location", "/").body(Body::empty()).unwrap();
    refused(elsewhere, "the handler answered 307").await;
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    for (text, says) in [
        (
            r#"{"reply":"x"}"#,
            "unknown field `reply`, expected one of `session`, `session_patch`, `replies`, `live`, `events`, `ask`, `error`",
        ),
        (r#"{"replies":[{"text":"x","html":true}]}"#, "unknown field `html`, expected `text`"),
        (r#"{"replies":[{}]}"#, "missing field `text`"),
        (r#"{"session":5}"#, "invalid type: integer `5`, expected a map"),
        (r#"{"session":{},"session_patch":[]}"#, "`session` or `session_patch`, not both"),
        (r#"{"session_patch":[{"op":"add","path":"x","value":1}]}"#, "cannot be read"),
        (r#"{"session_patch":[{"op":"remove","path":"/x"}]}"#, "`session_patch/0` at `/x` cannot be applied"),
        (
            r#"{"session_patch":[{"op":"replace","path":"","value":[]}]}"#,
            "something else of the session than an object",
        ),
        (r#"{"error":"no\nidea"}"#, "the handler says: no idea"),
        ("", "EOF while parsing"),
        ("{} {}", "trailing characters"),
    ] {
        refused(move || typed("application/json", text), says).await;
    }
    refused(|| typed("text/html", "<p>hello"), "of the type `text/html`; allowed: application/json").await;
    refused(|| status(200, "{}"), "of the type ``").await;
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_named_with_its_number() {
    for (text, says) in [
        (
            "{\"done\":false}\n{\"replies\":[]}\n",
            "line 2 of the handler's answer cannot be read: unknown variant `replies`",
        ),
        ("{\"once\":{\"name\":\"a\"}}\n", "missing field `value`"),
        ("{\"once\":{\"name\":\"\",\"value\":1}}\n", "0 bytes, 1 to 256 are allowed"),
        ("{\"error\":\"no\"}\n{\"done\":true}\n", "the handler says: no"),
        ("{\"done\":true}\n{\"reply\":{\"text\":\"more\"}}\n", "goes on after `done`"),
        ("{\"reply\":{\"text\":\"x\"},\"done\":true}\n", "line 1"),
    ] {
        refused(move || typed("application/x-ndjson", text), says).await;
    }
}

#[tokio::test]
async fn what_is_over_a_bound_is_refused_and_what_is_not_is_not() {
    let replies = |count: usize| json!({ "replies": vec![json!({ "text": "x" }); count] });
    let text = |length: usize| json!({ "error": "x".repeat(length) }).to_string();
    let line = |length: usize| format!("{}{{\"done\":true}}\n", " ".repeat(length - 13));
    refused(move || whole(&replies(257)), "more than 256 replies").await;
    let desk = Desk::new(move |_| whole(&replies(256))).await;
    assert_eq!(desk.say("hello").await.unwrap().len(), 256);

    refused(move || typed("application/json", text(8 << 20)), "more than 8388608 bytes").await;
    refused(move || typed("application/json", text((8 << 20) - 12)), "the handler says").await;

    refused(move || typed("application/x-ndjson", line((1 << 20) + 1)), "more than 1048576 bytes").await;
    let desk = Desk::new(move |_| typed("application/x-ndjson", line(1 << 20))).await;
    assert!(desk.say("hello").await.unwrap().is_empty());
    let endless = move || typed("application/x-ndjson", "{\"done\":false}\n".repeat(1 << 20));
    refused(endless, "more than 8388608 bytes").await;
}

#[tokio::test]
async fn a_patch_that_grows_without_end_is_refused() {
    let patch = |operations| whole(&json!({ "session_patch": operations }));
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
    // Each copy doubles the session.
    let mut twice = vec![json!({ "op": "add", "path": "/a", "value": "x".repeat(100) })];
    twice.extend((0..40).map(|copy| json!({ "op": "copy", "from": "", "path": format!("/{copy}") })));
    refused(move || patch(twice.clone()), "copies more than 8388608 bytes").await;
    // The copy goes where its source is deepest.
    let bottom = "/a".repeat(61);
    let twice = vec![
        json!({ "op": "add", "path": "/a", "value": nested(60) }),
        json!({ "op": "copy", "from": "/a", "path": bottom }),
    ];
    refused(move || patch(twice.clone()), "nested more than 100 levels").await;
    let many = vec![json!({ "op": "test", "path": "", "value": {} }); 1_001];
    refused(move || patch(many.clone()), "1001 operations, 1000 are allowed").await;
    refused(move || whole(&json!({ "session": nested(100) })), "nested more than 100 levels").await;
}
