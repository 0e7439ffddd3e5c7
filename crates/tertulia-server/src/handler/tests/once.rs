//! Results that are recorded while an answer is made.

use serde_json::json;
use tertulia::storage::{Base, Read};
use tertulia::{Conversation, Key, Name};
use tertulia_http::ProblemKind;

use super::{Desk, Posted, patience, typed};

/// The log of what is recorded of the update that was posted.
async fn is_kept(desk: &Desk, posted: &Posted) -> bool {
    let name = format!("once/{}", posted.json["id"].as_str().unwrap());
    let key = Key::Log(Conversation::parse("http:ana").unwrap(), Name::new(name).unwrap());
    let mut pages = desk.storage.read(&[Read::new(key).base(Base::Never)]).await.unwrap();
    pages.pop().unwrap().unwrap().is_some()
}

#[tokio::test]
async fn what_is_recorded_outlives_a_failed_try_and_is_posted_with_the_next() {
    let answer = async |posted: Posted| {
        let once = &posted.json["once"];
        typed(
            "application/x-ndjson",
            match posted.json["attempt"].as_u64() {
                Some(1) => "{\"once\":{\"name\":\"model\",\"value\":{\"said\":[1,2.5,null,\"é\"]}}}\n\
                        {\"once\":{\"name\":\"model\",\"value\":\"too late\"}}\n\
                        {\"session\":{\"lost\":true}}\n"
                    .to_owned(),
                Some(2) => format!(
                    "{}\n{}\n{{\"error\":\"no\"}}\n",
                    json!({ "once": { "name": "model", "value": "too late" } }),
                    json!({ "once": { "name": "second", "value": once["model"]["said"][1] } }),
                ),
                _ => format!("{}\n{{\"done\":true}}\n", json!({ "reply": { "text": once.to_string() } })),
            },
        )
    };
    let mut desk = Desk::with(patience(2), None, answer).await;
    let replies = desk.say("hello").await.unwrap();
    assert_eq!(replies, [json!({ "model": { "said": [1, 2.5, null, "é"] }, "second": 2.5 }).to_string()]);
    let first = desk.posted().await;
    assert_eq!(first.json["once"], json!({}));
    assert_eq!(desk.session().await, json!({}));
    assert!(!is_kept(&desk, &first).await, "it goes with the update");
}

#[tokio::test]
async fn what_is_recorded_goes_with_an_update_whose_last_attempt_did_not_ask_for_it() {
    let answer = async |posted: Posted| match posted.json["attempt"].as_u64() {
        Some(1) => typed("application/x-ndjson", "{\"once\":{\"name\":\"a\",\"value\":1}}\n"),
        _ => typed("application/json", "{}"),
    };
    let mut desk = Desk::with(patience(1), None, answer).await;
    desk.say("hello").await.unwrap();
    let posted = desk.posted().await;
    assert!(!is_kept(&desk, &posted).await);
}

#[tokio::test]
async fn results_that_are_too_much_together_are_refused() {
    // Nine of them fit into an answer; no more fit into the next attempt's post.
    let answer = async |posted: Posted| {
        let attempt = posted.json["attempt"].as_u64().unwrap();
        let value = "x".repeat(900_000);
        let line =
            |number| json!({ "once": { "name": format!("{attempt}.{number}"), "value": value } }).to_string();
        typed("application/x-ndjson", (0..9).map(line).collect::<Vec<_>>().join("\n"))
    };
    let desk = Desk::with(patience(1), None, answer).await;
    assert_eq!(desk.say("hello").await, Err(ProblemKind::GivenUp));
    assert!(
        desk.errors().await[0].contains("`once` have more than 8388608 bytes"),
        "{:?}",
        desk.errors().await
    );
}
