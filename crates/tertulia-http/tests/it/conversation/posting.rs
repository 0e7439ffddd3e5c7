//! Messages whose senders do not wait, and pressed buttons.

use axum::http::StatusCode;
use serde_json::json;

use super::support::Site;

#[tokio::test]
async fn who_does_not_want_to_wait_is_told_that_the_message_was_accepted() {
    let site = Site::new().await;
    let answer = site.post_with("ana", "k", &json!({ "text": "hang" })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.headers["preference-applied"], "respond-async");
    assert_eq!(answer.json["conversation"], "http:ana");
    assert_eq!(answer.json["update"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn posted_again_under_its_key_a_message_counts_once() {
    let site = Site::new().await;
    let first = site.post("ana", "k", &json!({ "text": "hello" })).await;
    let again = site.post("ana", "k", &json!({ "text": "hello" })).await;
    assert_eq!(first, again);
    let other = site.post_with("ana", "k", &json!({ "text": "other" })).await;
    assert_eq!(
        (other.status, &other.json["error"]["kind"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("key_reused"))
    );
    let count = site.say("ana", "count").await;
    assert_eq!(count.json["replies"], json!([{ "text": "message 2" }]));
    assert_eq!(site.messages("ana").await.len(), 2);
}

#[tokio::test]
async fn a_pressed_button_is_a_callback_to_the_handler() {
    let site = Site::new().await;
    let request = axum::http::Request::post("/chat/ana");
    let answer = site.ask(request, json!({ "callback": "approve:c1" }).to_string()).await;
    assert_eq!(answer.json["replies"], json!([{ "text": "pressed approve:c1" }]));
    let messages = site.messages("ana").await;
    assert_eq!((&messages[0]["callback"], &messages[0]["text"]), (&json!("approve:c1"), &json!(null)));
    let both = site.post_with("ana", "k", &json!({ "callback": "a", "text": "b" })).await;
    assert_eq!(both.status, StatusCode::BAD_REQUEST);
}
