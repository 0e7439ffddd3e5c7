//! Too many requests.

use std::time::Duration;

use serde_json::json;
use tertulia_testkit::bot_api::{Options, Rate, Refuse};

use super::rig::{Answer, Rig};

#[track_caller]
fn too_many(answer: &Answer, seconds: u64) {
    answer.refuses(429, &format!("Too Many Requests: retry after {seconds}"));
    assert_eq!(answer.json["parameters"]["retry_after"], seconds);
}

#[tokio::test]
async fn calls_are_refused_as_often_as_a_test_asks() {
    let rig = Rig::start().await;
    rig.api.refuse(Refuse::once(3).chat(7).times(2));
    rig.bot.say(8, "another chat").await.result();
    too_many(&rig.bot.say(7, "a").await, 3);
    too_many(&rig.bot.say(7, "a").await, 3);
    rig.bot.say(7, "a").await.result();
    rig.api.refuse(Refuse::once(9).method("getUpdates"));
    rig.bot.say(7, "b").await.result();
    too_many(&rig.bot.call("getUpdates", json!({})).await, 9);
    rig.api.refuse(Refuse::once(5));
    too_many(&rig.bot.call("getMe", json!({})).await, 5);
    assert_eq!(rig.api.sent(7), ["a", "b"]);
    assert_eq!(rig.api.summary().refused, 4);
}

#[tokio::test]
async fn a_chat_gets_no_more_messages_than_its_rate_allows() {
    let mut options = Options::default();
    options.per_chat = Some(Rate { count: 2, within: Duration::from_secs(10) });
    let rig = Rig::with(options).await;
    rig.bot.say(7, "a").await.result();
    rig.api.advance(Duration::from_millis(4500));
    rig.bot.say(7, "b").await.result();
    too_many(&rig.bot.say(7, "c").await, 6);
    rig.bot.say(8, "another chat").await.result();
    rig.api.advance(Duration::from_millis(5500));
    rig.bot.say(7, "c").await.result();
    too_many(&rig.bot.say(7, "d").await, 5);
    assert_eq!(rig.api.sent(7), ["a", "b", "c"]);
}

#[tokio::test]
async fn all_chats_together_get_no_more_than_the_rate_of_the_bot_allows() {
    let mut options = Options::default();
    options.in_all = Some(Rate { count: 2, within: Duration::from_secs(1) });
    let rig = Rig::with(options).await;
    rig.bot.say(7, "a").await.result();
    rig.bot.say(8, "a").await.result();
    too_many(&rig.bot.say(9, "a").await, 1);
    rig.api.advance(Duration::from_secs(1));
    rig.bot.say(9, "a").await.result();
}
