//! What goes wrong on purpose.

use std::time::Duration;

use serde_json::json;
use tertulia_testkit::bot_api::{Event, Faults};

use super::rig::Rig;

#[tokio::test]
async fn a_connection_is_cut_before_the_call_or_after_it() {
    let rig = Rig::start().await;
    let say = || rig.bot.try_call("sendMessage", json!({ "chat_id": 7, "text": "hello" }));
    let mut faults = Faults::default();
    faults.cut_before = 1.0;
    rig.api.faults(faults);
    assert!(say().await.is_err());
    assert_eq!(rig.api.sent(7), [""; 0]);
    let mut faults = Faults::default();
    faults.cut_after = 1.0;
    rig.api.faults(faults);
    assert!(say().await.is_err());
    assert_eq!(rig.api.sent(7), ["hello"]);
    assert_eq!(rig.count(|event| matches!(event, Event::Sent { heard: false, .. })), 1);
    rig.api.faults(Faults::default());
    say().await.unwrap().result();
}

#[tokio::test]
async fn a_poll_whose_answer_is_lost_has_confirmed_and_its_updates_come_again() {
    let rig = Rig::start().await;
    rig.push(7, &["a", "b"]);
    let mut faults = Faults::default();
    faults.cut_after = 1.0;
    rig.api.faults(faults);
    assert!(rig.bot.try_call("getUpdates", json!({ "offset": 2 })).await.is_err());
    rig.api.faults(Faults::default());
    assert_eq!(rig.bot.poll(0).await, [2]);
    assert_eq!(rig.count(|event| matches!(event, Event::Given { update: 2, heard: false, .. })), 1);
}

#[tokio::test]
async fn an_error_has_no_effect() {
    let rig = Rig::start().await;
    rig.api.faults(Faults::default().error(1.0));
    rig.bot.say(7, "hello").await.refuses(500, "Internal Server Error");
    assert_eq!(rig.api.sent(7), [""; 0]);
}

#[tokio::test]
async fn a_late_answer_is_late_and_others_pass_it() {
    let rig = Rig::start().await;
    rig.api.faults(Faults::default().delay(1.0, Duration::from_secs(10)));
    let bot = rig.bot.clone();
    let late = tokio::spawn(async move { bot.say(7, "hello").await });
    rig.until(|journal| journal.sent(7) == ["hello"]).await;
    rig.api.faults(Faults::default());
    rig.bot.say(8, "meanwhile").await.result();
    assert!(!late.is_finished());
    rig.api.advance(Duration::from_secs(10));
    late.await.unwrap().result();
}

#[tokio::test]
async fn a_confirmed_update_is_given_once_more() {
    let rig = Rig::start().await;
    rig.api.faults(Faults::default().duplicate(1.0));
    rig.push(7, &["a", "b", "c"]);
    assert_eq!(rig.bot.poll(3).await, [1, 2, 3], "the first two were confirmed by this");
    assert_eq!(rig.bot.poll(0).await, [3]);
    assert_eq!(rig.count(|event| matches!(event, Event::Given { again: true, .. })), 2);
}

#[tokio::test]
async fn the_same_seed_brings_the_same_faults() {
    let rig = Rig::start().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut faults = Faults::default().cut(0.5);
        faults.seed = Some(42);
        rig.api.faults(faults);
        let mut cut = Vec::new();
        for _ in 0..16 {
            cut.push(rig.bot.try_call("getMe", json!({})).await.is_err());
        }
        assert!(cut.contains(&true) && cut.contains(&false), "{cut:?}");
        seen.push(cut);
    }
    assert_eq!(seen[0], seen[1]);
}
