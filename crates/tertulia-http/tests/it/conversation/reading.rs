//! What was said and what is being said, as it is read at any moment.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tertulia::storage::Memory;
use tertulia_http::Options;

use super::support::{Site, next};

fn texts(messages: &[Value]) -> Vec<(&str, &Value)> {
    messages.iter().map(|said| (said["text"].as_str().unwrap(), &said["replies"])).collect()
}

#[tokio::test]
async fn a_conversation_is_what_was_said_and_to_what() {
    let site = Site::new().await;
    site.say("ana", "one").await;
    let two = site.post("ana", "k2", &json!({ "text": "two", "from": "Ana" })).await;
    let mut feed = site.feed("ana", "0.0-0.0-0.0").await;
    while next(&mut feed, "turn").await["update"] != json!(two) {}
    let messages = site.messages("ana").await;
    assert_eq!(texts(&messages), [("one", &json!(["message 1"])), ("two", &json!(["message 2"]))]);
    let told = ["update", "turn", "number", "key", "from", "state", "lives"].map(|name| &messages[1][name]);
    assert_eq!(json!(told), json!([two, two, 1, "k2", "Ana", "answered", []]));
    assert!(messages[0]["at"].as_u64() <= messages[1]["at"].as_u64());
}

#[tokio::test]
async fn a_message_is_there_from_when_it_was_accepted() {
    let site = Site::new().await;
    let update = site.post("ana", "k", &json!({ "text": "hang" })).await;
    let messages = site.messages("ana").await;
    assert_eq!(texts(&messages), [("hang", &json!([]))]);
    let told = ["update", "key", "state", "number"].map(|name| &messages[0][name]);
    assert_eq!(json!(told), json!([update, "k", "accepted", null]));
}

#[tokio::test]
async fn a_question_is_there_while_its_turn_waits_and_the_answer_is_said_to_the_answer() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    let asked = site.post("ana", "k1", &json!({ "text": "ask" })).await;
    let said = next(&mut feed, "turn").await;
    assert_eq!((&said["update"], &said["replies"]), (&json!(asked), &json!(["Your name?"])));
    let messages = site.messages("ana").await;
    assert_eq!(
        (texts(&messages), &messages[0]["number"]),
        (vec![("ask", &json!(["Your name?"]))], &json!(null))
    );

    assert_eq!(site.say("ana", "Ana").await.json["replies"], json!([{ "text": "Hello Ana" }]));
    let messages = site.messages("ana").await;
    assert_eq!(texts(&messages), [("ask", &json!(["Your name?"])), ("Ana", &json!(["Hello Ana"]))]);
    assert!(messages.iter().all(|said| said["turn"] == json!(asked) && said["number"] == 0), "{messages:?}");
}

#[tokio::test]
async fn a_live_reply_is_told_while_it_is_said_and_when_it_was() {
    let site = Site::new().await;
    let update = site.post("ana", "k", &json!({ "text": "live a b" })).await;
    let live = site.live("ana").await;
    assert_eq!(
        (&live["to"], &live["turn"], &live["text"]),
        (&json!(update), &json!(update), &json!("live a b"))
    );
    let path = live["path"].as_str().unwrap();
    let messages = site.messages("ana").await;
    assert_eq!(messages[0]["lives"], json!([{ "path": path }]));
    assert_eq!(messages[0]["state"], "accepted");

    let mut feed = site.follow("ana").await;
    site.words.add_permits(2);
    assert_eq!(next(&mut feed, "turn").await["replies"], json!(["a b"]));
    let messages = site.messages("ana").await;
    assert_eq!(
        (&messages[0]["replies"], &messages[0]["lives"]),
        (&json!(["a b"]), &json!([{ "path": path }]))
    );
    let events = site.get(&format!("/v1/stream/{path}?offset=-1")).await;
    let contents = events.json.as_array().unwrap().iter().map(|event| event["content"].as_str().unwrap());
    assert_eq!(contents.collect::<String>(), "a b");
}

#[tokio::test]
async fn a_live_reply_that_has_ended_before_a_question_is_told_as_such() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    site.post("ana", "k", &json!({ "text": "confirm it" })).await;
    assert_eq!(next(&mut feed, "turn").await["replies"], json!(["it", "Sure?"]));
    let messages = site.messages("ana").await;
    assert_eq!(
        (&messages[0]["number"], &messages[0]["lives"][0]["ended"]),
        (&json!(null), &json!("complete"))
    );
}

#[tokio::test]
async fn a_live_reply_to_who_waited_for_it_is_told_too() {
    let site = Site::new().await;
    let ((), answer) = tokio::join!(
        async {
            assert_eq!(site.live("ana").await["text"], "live a");
            assert_eq!(texts(&site.messages("ana").await), [("live a", &json!([]))]);
            site.words.add_permits(1);
        },
        site.say("ana", "live a"),
    );
    assert_eq!(answer.json["replies"], json!([{ "text": "a" }]));
}

#[tokio::test]
async fn a_message_that_was_given_up_is_told_as_such() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    site.post("ana", "k", &json!({ "text": "fail" })).await;
    assert_eq!(next(&mut feed, "turn").await["state"], "given_up");
    let messages = site.messages("ana").await;
    assert_eq!((texts(&messages), &messages[0]["state"]), (vec![("fail", &json!([]))], &json!("given_up")));
}

#[tokio::test]
async fn without_a_journal_the_last_messages_are_told() {
    let site = Site::with(Arc::new(Memory::new()), None, Options::new()).await;
    let mut feed = site.follow("ana").await;
    site.post("ana", "k", &json!({ "text": "one" })).await;
    assert_eq!(next(&mut feed, "turn").await["replies"], json!(["message 1"]));
    let messages = site.messages("ana").await;
    assert_eq!(
        (texts(&messages), &messages[0]["number"]),
        (vec![("one", &json!(["message 1"]))], &json!(null))
    );
}

#[tokio::test]
async fn of_posted_messages_the_last_ones_are_kept() {
    let site = Site::with(Arc::new(Memory::new()), None, Options::new()).await;
    for n in 0..70 {
        site.post("ana", &format!("k{n}"), &json!({ "text": format!("{n}") })).await;
    }
    let messages = site.messages("ana").await;
    assert_eq!(
        (messages.len(), &messages[0]["text"], &messages[63]["text"]),
        (64, &json!("6"), &json!("69"))
    );
}

#[tokio::test]
async fn pages_go_back_to_the_beginning() {
    let site = Site::new().await;
    for n in 0..5 {
        let update = site.post("ana", &format!("k{n}"), &json!({ "text": format!("say {n}") })).await;
        let mut feed = site.feed("ana", "0.0-0.0-0.0").await;
        while next(&mut feed, "turn").await["update"] != json!(update) {}
    }
    let mut read = Vec::new();
    let mut before = String::new();
    loop {
        let page = site.get(&format!("/v1/chat/ana?limit=2{before}")).await.json;
        assert_eq!(page["feed"].is_string(), before.is_empty(), "only the last page is followed by anything");
        let texts = page["messages"].as_array().unwrap().iter().map(|said| said["text"].clone());
        read.splice(0..0, texts);
        let Some(number) = page["before"].as_u64() else { break };
        before = format!("&before={number}");
    }
    assert_eq!(json!(read), json!(["say 0", "say 1", "say 2", "say 3", "say 4"]));
    for limit in ["limit=0", "limit=201", "limit=x", "before=-1"] {
        assert_eq!(
            site.get(&format!("/v1/chat/ana?{limit}")).await.status,
            StatusCode::BAD_REQUEST,
            "{limit}"
        );
    }
    assert_eq!(site.messages("nobody").await, Vec::<Value>::new());
}
