//! What controllers in other processes can do.

use std::time::Duration;

use serde_json::{Value, json};
use tertulia_testkit::bot_api::Options;

use super::rig::{Bot, Rig, TOKEN};

#[tokio::test]
async fn a_controller_pushes_messages_and_other_updates() {
    let rig = Rig::start().await;
    let messages = json!([{ "chat": 7, "text": "a" }, { "chat": 8, "text": "b \"quoted\"" }]);
    assert_eq!(rig.bot.control("messages", Some(messages)).await.json, json!([1, 2]));
    let updates = json!([{ "update_id": 99, "edited_message": { "chat": { "id": 7 }, "text": "c" } }]);
    assert_eq!(rig.bot.control("updates", Some(updates)).await.json, json!([3]));
    let updates = rig.bot.ok("getUpdates", json!({})).await;
    assert_eq!(updates[1]["message"]["text"], "b \"quoted\"");
    assert_eq!(updates[2]["edited_message"]["text"], "c");
}

#[tokio::test]
async fn a_controller_reads_the_journal_from_where_it_was() {
    let rig = Rig::start().await;
    rig.push(7, &["a"]);
    rig.api.advance(Duration::from_millis(1500));
    rig.bot.say(7, "hello").await.result();
    rig.bot.say(7, "again").await.result();
    let all = rig.bot.control("journal", None).await.json;
    assert_eq!(all[0], json!({ "number": 1, "at": 0, "event": "pushed", "update": 1, "chat": 7 }));
    let sent = rig.bot.control("journal?only=sent,given&limit=1", None).await.json;
    let first = json!({
        "number": 3,
        "at": 1500,
        "event": "sent",
        "chat": 7,
        "message": 2,
        "text": "hello",
        "connection": 1,
        "heard": true,
    });
    assert_eq!(sent, json!([first]));
    let behind = rig.bot.control("journal?after=3", None).await.json;
    assert_eq!((&behind[0]["number"], &behind[0]["text"]), (&json!(4), &json!("again")));
    assert_eq!(rig.bot.control("journal?after=4", None).await.json, json!([]));
}

#[tokio::test]
async fn the_journal_keeps_the_last_entries_and_counts_all() {
    let mut options = Options::default();
    options.journal = 2;
    let rig = Rig::with(options).await;
    rig.push(7, &["a", "b", "c", "d", "e"]);
    let kept = rig.bot.control("journal?after=1", None).await.json;
    let numbers: Vec<&Value> = kept.as_array().unwrap().iter().map(|entry| &entry["number"]).collect();
    assert_eq!(numbers, [5, 6], "the last push, and this connection");
    let summary = rig.bot.control("summary", None).await.json;
    let counted = [&summary["pushed"], &summary["entries"], &summary["waiting"]];
    assert_eq!(counted, [5, 6, 5]);
}

#[tokio::test]
async fn a_controller_sets_faults_refusals_migrations_and_time() {
    let rig = Rig::start().await;
    rig.bot.control("faults", Some(json!({ "cut_before": 1.0, "seed": 1 }))).await;
    assert!(rig.bot.try_call("getMe", json!({})).await.is_err());
    rig.bot.control("faults", Some(json!({}))).await;
    rig.bot.control("refuse", Some(json!({ "retry_after": 2, "times": 1 }))).await;
    assert_eq!(rig.bot.call("getMe", json!({})).await.status, 429);
    rig.bot.control("migrate", Some(json!({ "from": -5, "to": -1_000_000_000_005_i64 }))).await;
    assert_eq!(rig.bot.say(-5, "hello").await.status, 400);
    rig.bot.control("advance", Some(json!({ "seconds": 100_000 }))).await;
    assert_eq!(rig.bot.control("summary", None).await.json["dropped"], 2, "the service messages");
}

#[tokio::test]
async fn what_a_controller_gets_wrong_is_told() {
    let rig = Rig::start().await;
    for (path, body) in [
        ("faults", Some(json!({ "cut_befor": 1.0 }))),
        ("updates", Some(json!([{ "message": {}, "poll": {} }]))),
        ("journal?befor=3", None),
        ("journal?after=x", None),
    ] {
        assert_eq!(rig.bot.control(path, body).await.status, 400, "{path}");
    }
    assert_eq!(rig.bot.control("nothing", None).await.status, 404);
}

#[tokio::test]
async fn what_is_sent_says_over_which_connection_and_the_summary_says_when() {
    let rig = Rig::start().await;
    rig.bot.say(7, "first").await.result();
    rig.api.advance(Duration::from_secs(2));
    let summary = rig.bot.control("summary", None).await.json;
    assert_eq!((&summary["connected"], &summary["now"]), (&json!(1), &json!(2000)));
    let restarted = Bot::at(&rig.api.url(), TOKEN);
    restarted.say(7, "second").await.result();
    let sent = rig.bot.control("journal?only=sent", None).await.json;
    assert_eq!((&sent[0]["connection"], &sent[1]["connection"]), (&json!(1), &json!(2)));
}
