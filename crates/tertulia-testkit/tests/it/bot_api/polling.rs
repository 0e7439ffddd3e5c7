//! `getUpdates`.

use std::time::Duration;

use serde_json::json;
use tertulia_testkit::bot_api::{Event, NewUpdate, Options};

use super::rig::{Bot, Rig, TOKEN};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn an_offset_confirms_what_is_below_and_nothing_else_does() {
    let rig = Rig::start().await;
    rig.push(7, &["a", "b", "c"]);
    assert_eq!(rig.bot.poll(0).await, [1, 2, 3]);
    rig.api.advance(HOUR);
    assert_eq!(rig.bot.poll(0).await, [1, 2, 3]);
    assert_eq!(rig.bot.poll(3).await, [3]);
    rig.api.advance(HOUR);
    assert_eq!(rig.bot.poll(1).await, [3], "a smaller offset brings nothing back");
    let confirmed = |event: &&Event| matches!(event, Event::Confirmed { .. });
    let confirmed =
        rig.api.journal(|journal| journal.events().filter(confirmed).cloned().collect::<Vec<_>>());
    assert_eq!(confirmed, [Event::Confirmed { update: 1, by: 3 }, Event::Confirmed { update: 2, by: 3 }]);
}

#[tokio::test]
async fn a_negative_offset_keeps_the_last_ones() {
    let rig = Rig::start().await;
    rig.push(7, &["a", "b", "c", "d"]);
    assert_eq!(rig.bot.poll(-2).await, [3, 4]);
    assert_eq!(rig.bot.poll(0).await, [3, 4], "the others are confirmed");
    assert_eq!(rig.bot.poll(-9).await, [3, 4]);
}

#[tokio::test]
async fn an_answer_holds_what_the_limit_allows_and_never_more_than_a_hundred() {
    let rig = Rig::start().await;
    rig.push(7, &["x"; 150]);
    for (limit, given) in [(1, 1), (99, 99), (100, 100), (1000, 100), (0, 1)] {
        let updates = rig.bot.call("getUpdates", json!({ "limit": limit })).await.updates();
        assert_eq!(updates, (1..=given).collect::<Vec<i64>>(), "limit {limit}");
        rig.api.advance(HOUR);
    }
    assert_eq!(rig.bot.poll(0).await.len(), 100, "unless told otherwise");
}

#[tokio::test]
async fn a_poll_is_held_until_an_update_comes() {
    let rig = Rig::start().await;
    let poll = rig.polling(json!({ "timeout": 30 })).await;
    rig.push(7, &["a"]);
    assert_eq!(poll.await.unwrap().updates(), [1]);
}

#[tokio::test]
async fn a_poll_is_held_for_its_timeout_which_is_fifty_seconds_at_most() {
    let rig = Rig::start().await;
    let poll = rig.polling(json!({ "timeout": 30, "offset": 1 })).await;
    rig.api.advance(Duration::from_secs(29));
    rig.push(7, &["came in time"]);
    assert_eq!(poll.await.unwrap().updates(), [1]);
    let poll = rig.polling(json!({ "timeout": 1000, "offset": 2 })).await;
    rig.api.advance(Duration::from_secs(50));
    assert_eq!(poll.await.unwrap().updates(), [0; 0]);
}

#[tokio::test]
async fn the_same_offset_within_half_a_second_gives_one_update() {
    let rig = Rig::start().await;
    rig.push(7, &["a", "b"]);
    assert_eq!(rig.bot.poll(1).await, [1, 2]);
    rig.api.advance(Duration::from_millis(499));
    assert_eq!(rig.bot.poll(1).await, [1]);
    rig.api.advance(Duration::from_millis(500));
    assert_eq!(rig.bot.poll(1).await, [1, 2]);
    assert_eq!(rig.bot.poll(0).await, [1, 2], "another offset is not the same");
}

#[tokio::test]
async fn the_same_offset_within_three_seconds_is_held_for_three() {
    let rig = Rig::start().await;
    assert_eq!(rig.bot.poll(1).await, [0; 0]);
    rig.api.advance(Duration::from_millis(2999));
    let poll = rig.polling(json!({ "offset": 1 })).await;
    rig.push(7, &["a"]);
    assert_eq!(poll.await.unwrap().updates(), [1], "it was held");
    let poll = rig.polling(json!({ "offset": 2 })).await;
    assert_eq!(poll.await.unwrap().updates(), [0; 0]);
    rig.api.advance(Duration::from_secs(3));
    assert_eq!(rig.bot.poll(2).await, [0; 0], "after three seconds it is not");
}

#[tokio::test]
async fn an_offset_of_another_server_is_as_none() {
    let rig = Rig::start().await;
    rig.push(7, &["a", "b"]);
    assert_eq!(rig.bot.poll(760_546_623).await, [1, 2]);
}

#[tokio::test]
async fn after_a_week_without_updates_the_next_id_is_random() {
    let mut options = Options::default();
    options.first_update = 500;
    let rig = Rig::with(options).await;
    assert_eq!(rig.push(7, &["a"]), [500]);
    rig.api.advance(7 * 24 * HOUR);
    let [jumped] = rig.push(7, &["b"])[..] else { panic!("one") };
    assert_ne!(jumped, 501);
    rig.api.advance(24 * HOUR);
    assert_eq!(rig.push(7, &["c"]), [jumped + 1]);
}

#[tokio::test]
async fn messages_are_kept_for_a_day_and_queries_for_150_seconds() {
    let rig = Rig::start().await;
    rig.push(7, &["a"]);
    rig.api.push(NewUpdate::callback(7, 7, "press"));
    rig.api.push(NewUpdate::raw(json!({ "shipping_query": { "from": { "id": 7 } } })));
    rig.api.push(NewUpdate::raw(json!({ "pre_checkout_query": { "from": { "id": 7 } } })));
    rig.api.advance(Duration::from_secs(150));
    assert_eq!(rig.bot.poll(0).await, [1, 2, 3, 4]);
    rig.api.advance(Duration::from_secs(1));
    assert_eq!(rig.bot.poll(1).await, [1]);
    rig.api.advance(24 * HOUR);
    assert_eq!(rig.bot.poll(0).await, [0; 0]);
    assert_eq!(rig.api.summary().dropped, 4);
}

#[tokio::test]
async fn a_second_poll_ends_the_first_with_a_conflict() {
    let words =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    let rig = Rig::start().await;
    let first = rig.polling(json!({ "timeout": 30 })).await;
    let second = rig.polling(json!({ "timeout": 30 })).await;
    first.await.unwrap().refuses(409, words);
    let third = rig.polling(json!({ "timeout": 30 })).await;
    rig.until(|journal| journal.summary().conflicts == 2).await;
    for _ in 0..10 {
        // Its answer would arrive in the meantime.
        rig.bot.ok("getMe", json!({})).await;
    }
    assert!(!second.is_finished(), "another conflict within three seconds is told late");
    rig.api.advance(Duration::from_secs(3));
    second.await.unwrap().refuses(409, words);
    rig.push(7, &["a"]);
    assert_eq!(third.await.unwrap().updates(), [1]);
}

#[tokio::test]
async fn while_a_webhook_is_set_polls_are_refused() {
    let rig = Rig::start().await;
    let held = rig.polling(json!({ "timeout": 30 })).await;
    rig.bot.ok("setWebhook", json!({ "url": "http://127.0.0.1:9/" })).await;
    held.await.unwrap().refuses(409, "Conflict: terminated by setWebhook request");
    rig.api.advance(Duration::from_secs(3));
    let words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
    rig.bot.call("getUpdates", json!({})).await.refuses(409, words);
    rig.bot.ok("deleteWebhook", json!({})).await;
    assert_eq!(rig.bot.poll(0).await, [0; 0]);
}

#[tokio::test]
async fn only_the_kinds_that_were_asked_for_are_kept() {
    let member = || NewUpdate::raw(json!({ "chat_member": { "chat": { "id": -7 }, "from": { "id": 7 } } }));
    let rig = Rig::start().await;
    assert_eq!(rig.api.push(member()), None, "not unless it is asked for");
    rig.bot.ok("getUpdates", json!({ "allowed_updates": ["chat_member"] })).await;
    assert_eq!(rig.api.push(member()), Some(1));
    assert_eq!(rig.api.push(NewUpdate::message(7, "a")), None);
    rig.bot.ok("getUpdates", json!({ "offset": 1, "allowed_updates": [] })).await;
    assert_eq!(rig.api.push(NewUpdate::message(7, "a")), Some(2));
}

#[tokio::test]
async fn more_than_may_wait_are_dropped() {
    let mut options = Options::default();
    options.pending = 2;
    let rig = Rig::with(options).await;
    rig.push(7, &["a", "b"]);
    assert_eq!(rig.api.push(NewUpdate::message(7, "c")), None);
    assert_eq!(rig.bot.poll(2).await, [2]);
    assert_eq!(rig.api.push(NewUpdate::message(7, "d")), Some(3));
}

#[tokio::test]
async fn an_update_is_written_as_telegram_writes_it() {
    let rig = Rig::start().await;
    rig.push(7, &["\"hello\""]);
    rig.api.push(NewUpdate::message(-8, "in a group"));
    rig.api.push(NewUpdate::callback(7, -1_000_000_000_009, "yes"));
    let updates = rig.bot.ok("getUpdates", json!({})).await;
    let message = &updates[0]["message"];
    assert_eq!((&message["text"], &message["message_id"]), (&json!("\"hello\""), &json!(1)));
    assert_eq!((&message["chat"]["type"], &message["from"]["id"]), (&json!("private"), &json!(7)));
    assert!(message["date"].as_u64().unwrap() > 1_700_000_000, "{message}");
    assert_eq!(updates[1]["message"]["chat"]["type"], "group");
    let query = &updates[2]["callback_query"];
    assert_eq!((&query["data"], query["id"].is_string()), (&json!("yes"), true));
    assert_eq!(query["message"]["chat"]["type"], "supergroup");
}

#[tokio::test]
async fn a_bot_that_polls_again_confirms_nothing_that_it_did_not_ask_to() {
    let rig = Rig::start().await;
    rig.push(7, &["a"]);
    assert_eq!(rig.bot.poll(0).await, [1]);
    let restarted = Bot::at(&rig.api.url(), TOKEN);
    assert_eq!(restarted.poll(0).await, [1]);
    assert_eq!(rig.count(|event| matches!(event, Event::Given { update: 1, .. })), 2);
}
