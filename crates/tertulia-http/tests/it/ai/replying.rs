//! What is said is answered with the reply as it is said.

use std::time::Duration;

use serde_json::json;
use tertulia_http::Gate;

use super::support::{Got, Site, said, text, types, user};

#[tokio::test]
async fn a_live_reply_is_told_with_its_thoughts_and_tools() {
    let site = Site::new().await;
    let answer = site.post(&said("m1", "tools two")).await;
    let header = |name: &str| answer.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-cache");
    assert_eq!(header("x-vercel-ai-ui-message-stream"), "v1");
    assert_eq!(header("x-accel-buffering"), "no");
    let chunks = answer.reader().rest().await;
    let expected = [
        "start",
        "start-step",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "tool-input-start",
        "tool-input-available",
        "tool-output-available",
        "text-start",
        "text-delta",
        "text-end",
        "finish-step",
        "finish",
    ];
    assert_eq!(types(&chunks), expected);
    assert_eq!(text(&chunks), "two!");
    assert_eq!(chunks[0]["messageId"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn each_word_is_told_as_it_is_said() {
    let site = Site::new().await;
    let mut reader = site.say("m1", "words one two").await;
    for word in ["one", "two"] {
        site.turns.give();
        reader.until(word).await;
    }
    assert_eq!(types(&reader.rest().await), ["text-end", "finish-step", "finish"]);
}

#[tokio::test]
async fn a_bot_that_only_replies_is_heard_too() {
    let site = Site::new().await;
    let chunks = site.say("m1", "plain hello").await.rest().await;
    let one = ["text-start", "text-delta", "text-end"];
    assert_eq!(
        types(&chunks),
        [&["start", "start-step"], &one[..], &one, &["finish-step", "finish"]].concat()
    );
    assert_eq!(text(&chunks), "hellobye");
    let quiet = site.say("m2", "quiet").await.rest().await;
    assert_eq!(types(&quiet), ["start", "start-step", "finish-step", "finish"]);
}

#[tokio::test]
async fn an_update_that_dies_is_an_error() {
    let site = Site::new().await;
    let chunks = site.say("m1", "fail").await.rest().await;
    assert_eq!(types(&chunks), ["start", "error"]);
    assert_eq!(chunks[1]["errorText"], "the message was tried and given up");
}

#[tokio::test]
async fn a_message_that_is_posted_again_counts_once() {
    let site = Site::new().await;
    let first = site.say("m1", "tools two").await.rest().await;
    assert_eq!(site.say("m1", "tools two").await.rest().await, first);
    let (status, kind, _) = site.post(&said("m1", "tools three")).await.error().await;
    assert_eq!((status, &*kind), (422, "key_reused"));
}

#[tokio::test]
async fn a_message_that_is_edited_or_answered_anew_is_said_again() {
    let site = Site::new().await;
    let first = site.say("m1", "plain a").await.rest().await;
    let mut edited = said("m1", "plain b");
    edited["messageId"] = "m1".into();
    let second = site.post(&edited).await.reader().rest().await;
    assert_eq!((text(&first), text(&second)), ("abye".into(), "bbye".into()));
    assert_eq!(site.post(&edited).await.reader().rest().await, second);
    // A page that lost the answer to its first post names the message too.
    let mut lost = said("m1", "plain a");
    lost["messageId"] = "m1".into();
    assert_eq!(site.post(&lost).await.reader().rest().await, first);

    let again = |of: Option<&str>| json!({ "id": "ana", "trigger": "regenerate-message", "messageId": of, "messages": [user("m1", "plain b")] });
    let third = site.post(&again(Some("r1"))).await.reader().rest().await;
    assert_ne!(third[0], second[0]);
    assert_eq!(site.post(&again(Some("r1"))).await.reader().rest().await, third);
    let fourth = site.post(&again(None)).await.reader().rest().await;
    assert!(fourth[0] != third[0] && text(&fourth) == "bbye");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_quiet_is_kept_alive() {
    let site = Site::with(|options| options.heartbeat = Duration::from_secs(7)).await;
    let mut reader = site.say("m1", "slow hello").await;
    assert_eq!(reader.chunk().await["type"], "start");
    let began = tokio::time::Instant::now();
    assert_eq!(reader.next().await, Got::KeepAlive);
    assert_eq!(reader.next().await, Got::KeepAlive);
    assert_eq!(began.elapsed().as_secs(), 14);
    site.turns.give();
    assert_eq!(text(&reader.rest().await), "hello");
}

#[tokio::test]
async fn a_reader_is_cut_off_when_the_server_stops() {
    let gate = Gate::new();
    let site = Site::with(|options| options.gate = Some(gate.clone())).await;
    site.turns.give();
    let mut reader = site.say("m1", "words one two").await;
    reader.until("one").await;
    gate.close();
    assert_eq!(reader.next().await, Got::Cut);
    assert_eq!(reader.next().await, Got::End);
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_cut_off_after_its_time() {
    let site = Site::with(|options| options.follow_for = Duration::from_secs(5)).await;
    let mut reader = site.say("m1", "words one").await;
    assert_eq!(reader.chunk().await["type"], "start");
    assert_eq!(reader.chunk().await["type"], "start-step");
    assert_eq!(reader.next().await, Got::Cut);
}

#[tokio::test]
async fn a_reader_of_what_is_said_anew_is_cut_off_unless_it_saw_nothing() {
    let site = Site::new().await;
    let mut reader = site.say("m1", "again wrong").await;
    reader.until("wrong").await;
    site.turns.give();
    assert_eq!(reader.next().await, Got::Cut);
    assert_eq!(text(&site.say("m1", "again wrong").await.rest().await), "right");

    let mut reader = site.say("m2", "again").await;
    while reader.chunk().await["type"] != "start-step" {}
    site.turns.give();
    assert_eq!(text(&reader.rest().await), "right");
}
