//! A page that comes back, and one that asks for a reply to stop.

use axum::http::StatusCode;
use serde_json::json;

use super::support::{Site, text, types, user};

#[tokio::test]
async fn a_page_that_comes_back_gets_the_message_from_its_beginning() {
    let site = Site::new().await;
    site.turns.give();
    let mut reader = site.say("m1", "words one two").await;
    let start = reader.chunk().await;
    reader.until("one").await;
    drop(reader);
    let resumed = site.resume().await;
    assert_eq!(resumed.headers["x-vercel-ai-ui-message-stream"], "v1");
    let mut resumed = resumed.reader();
    assert_eq!(resumed.chunk().await, start);
    resumed.until("one").await;
    site.turns.give();
    let rest = resumed.rest().await;
    assert_eq!(
        (types(&rest), text(&rest)),
        (vec!["text-delta", "text-end", "finish-step", "finish"], "two".into())
    );
}

#[tokio::test]
async fn nothing_is_resumed_where_nothing_is_under_way() {
    let site = Site::new().await;
    assert_eq!(site.resume().await.status, StatusCode::NO_CONTENT);
    let chunks = site.say("m1", "tools two").await.rest().await;
    assert_eq!(site.resume().await.status, StatusCode::NO_CONTENT);
    // A page that was cut off asks for what it may have missed.
    let missed = site.ask("GET", "/v1/ai/chat/ana/stream?finished=true", "").await;
    assert_eq!(missed.reader().rest().await, chunks);
    let (status, kind, _) = site.ask("GET", "/v1/ai/chat/ana/stream?x=1", "").await.error().await;
    assert_eq!((status, &*kind), (400, "invalid"));
    let nobody = site.ask("GET", "/v1/ai/chat/bob/stream?finished=true", "").await;
    assert_eq!(nobody.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_page_that_comes_back_before_anything_is_said_waits_for_it() {
    let site = Site::new().await;
    let mut reader = site.say("m1", "slow hello").await;
    let start = reader.chunk().await;
    drop(reader);
    assert_eq!(site.messages().await, json!([user("m1", "slow hello")]));
    let mut resumed = site.resume().await.reader();
    assert_eq!(resumed.chunk().await, start);
    site.turns.give();
    assert_eq!(text(&resumed.rest().await), "hello");
    assert_eq!(site.resume().await.status, StatusCode::NO_CONTENT);
    let messages = site.messages().await;
    let said = json!([{ "type": "step-start" }, { "type": "text", "text": "hello", "state": "done" }]);
    assert_eq!((&messages[1]["id"], &messages[1]["parts"]), (&start["messageId"], &said));
}

#[tokio::test]
async fn a_reply_is_stopped_when_somebody_asks_and_not_when_its_reader_leaves() {
    let site = Site::new().await;
    let stop = || async { site.ask("POST", "/v1/ai/chat/ana/stop", "").await.json().await };
    assert_eq!(stop().await, json!({ "stopped": 0 }));
    let mut reader = site.say("m1", "stoppable so far").await;
    reader.until("so far").await;
    drop(reader);
    let mut reader = site.resume().await.reader();
    reader.until("so far").await;
    assert_eq!(stop().await, json!({ "stopped": 1 }));
    assert_eq!(types(&reader.rest().await), ["text-end", "finish-step", "abort"]);
    assert_eq!(site.resume().await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        site.messages().await[1]["parts"][1],
        json!({ "type": "text", "text": "so far", "state": "done" })
    );
}

#[tokio::test]
async fn the_messages_are_what_was_said() {
    let site = Site::new().await;
    let chunks = site.say("m1", "tools two").await.rest().await;
    let mut reader = site.say("m2", "words one").await;
    while reader.chunk().await["type"] != "start-step" {}
    let messages = site.messages().await;
    let id = chunks[0]["messageId"].as_str().unwrap();
    let call = json!({
        "type": "tool-sum", "toolCallId": "c1", "state": "output-available", "input": { "a": 1 }, "output": 2,
        "providerExecuted": true
    });
    let parts = json!([
        { "type": "step-start" },
        { "type": "reasoning", "id": "reply-0-0", "text": "which?", "state": "done" },
        call,
        { "type": "text", "text": "two!", "state": "done" },
    ]);
    assert_eq!(messages[1], json!({ "id": id, "role": "assistant", "parts": parts }));
    let question = json!([{ "type": "text", "text": "tools two" }]);
    assert_eq!(messages[0], json!({ "id": "m1", "role": "user", "parts": question }));
    assert_eq!(messages[3]["parts"], json!([{ "type": "step-start" }]));
}
