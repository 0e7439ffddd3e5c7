//! The feed: everything that comes, once for who goes on where he was.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tertulia::storage::Memory;
use tertulia_http::{Gate, Options};

use super::support::{Site, next};
use crate::streams::support::Reader;

/// The names and texts of events up to a turn that is in the journal.
async fn until_a_turn(feed: &mut Reader) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    loop {
        let event = feed.next().await.unwrap();
        let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        seen.push((event.kind.clone(), data["text"].as_str().unwrap_or_default().to_owned()));
        if event.kind == "turn" && data["number"].is_number() {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_message_is_told_when_it_is_posted_when_its_reply_begins_and_when_its_turn_is_over() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    site.post("ana", "k", &json!({ "text": "live a" })).await;
    site.words.add_permits(1);
    let seen = until_a_turn(&mut feed).await;
    let names: Vec<_> = seen.iter().filter(|(name, _)| name != "place").map(|(name, _)| &**name).collect();
    assert_eq!((names[0], names[1], names.last()), ("posted", "live", Some(&"turn")), "{names:?}");
    assert!(seen.iter().filter(|(name, _)| name != "place").all(|(_, text)| text == "live a"));
}

#[tokio::test]
async fn what_others_say_is_told_too() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    site.say("bob", "not for ana").await;
    site.say("ana", "from elsewhere").await;
    let turn = next(&mut feed, "turn").await;
    assert_eq!((&turn["text"], &turn["replies"]), (&json!("from elsewhere"), &json!(["message 1"])));
}

#[tokio::test]
async fn who_comes_back_goes_on_where_he_was() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    site.say("ana", "one").await;
    next(&mut feed, "turn").await;
    assert_eq!(next(&mut feed, "place").await, json!({}));
    let id = feed.last_id.clone();
    drop(feed);
    site.say("ana", "two").await;
    site.say("ana", "three").await;
    let mut feed = site.feed("ana", &id).await;
    assert_eq!(next(&mut feed, "turn").await["text"], "two");
    assert_eq!(next(&mut feed, "turn").await["text"], "three");
}

#[tokio::test]
async fn between_reading_and_following_nothing_is_lost() {
    let site = Site::new().await;
    let place = site.get("/v1/chat/ana").await.json["feed"].as_str().unwrap().to_owned();
    site.post("ana", "k1", &json!({ "text": "ask" })).await;
    let mut first = site.feed("ana", &place).await;
    assert_eq!(next(&mut first, "turn").await["replies"], json!(["Your name?"]));
    // The question moves no place: who has only heard that the message was posted is told it too.
    assert_eq!(next(&mut first, "place").await, json!({}));
    let mut second = site.feed("ana", &first.last_id).await;
    let event = second.next().await.unwrap();
    assert_eq!((&*event.kind, event.data.contains("Your name?")), ("turn", true), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_conversation_says_that_the_connection_stands() {
    let site = Site::new().await;
    let mut feed = site.follow("ana").await;
    let before = tokio::time::Instant::now();
    assert_eq!(feed.next().await.unwrap().kind, "ping");
    assert_eq!(before.elapsed(), Duration::from_secs(15));
}

#[tokio::test]
async fn who_follows_another_journal_is_sent_to_read_anew() {
    let site = Site::new().await;
    site.say("ana", "one").await;
    let mut feed = site.feed("ana", "7.9-0.0-0.0").await;
    assert_eq!(feed.next().await.unwrap().kind, "reset");
    assert!(feed.next().await.is_none());
    let answer = site.get("/v1/chat/ana/feed?last_event_id=no-id").await;
    assert_eq!(answer.status, axum::http::StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn followers_are_sent_away_when_the_server_stops() {
    let gate = Gate::new();
    let mut options = Options::new();
    options.gate = Some(gate.clone());
    let site = Site::with(Arc::new(Memory::new()), None, options).await;
    let mut feed = site.follow("ana").await;
    gate.close();
    assert!(feed.next().await.is_none());
}
