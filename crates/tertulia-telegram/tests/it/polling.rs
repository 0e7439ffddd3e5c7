//! The source: what it asks for, what confirms what, and what an answer that is no list of updates means.

use std::time::Duration;

use serde_json::json;
use tertulia::Name;
use tertulia::bot::Adapter;
use tertulia::error::Kind;
use tertulia::storage::ItemId;
use tokio::time::Instant;

use crate::fake::{Fake, Scripted, message, refusal, too_many};

#[tokio::test]
async fn a_fetch_confirms_what_the_one_before_gave() {
    let fake = Fake::start().await;
    let telegram =
        fake.telegram().allowed_updates(["message", "callback_query"]).poll_timeout(Duration::from_secs(7));
    let mut source = telegram.source().unwrap();
    fake.push([message(10, 1, "a"), message(11, 2, "b"), message(12, 1, "c")]);
    let fetched = source.fetch(2).await.unwrap();
    let ids: Vec<_> = fetched.iter().map(|update| update.id.clone()).collect();
    let id = |number| ItemId::Number(Name::from_static("telegram/7000001"), number);
    assert_eq!(ids, [id(10), id(11)]);
    let conversations: Vec<_> = fetched.iter().map(|update| update.conversation.to_string()).collect();
    assert_eq!(conversations, ["telegram:1", "telegram:2"]);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&fetched[0].body).unwrap(), message(10, 1, "a"));
    assert_eq!(fake.look(|known| known.updates.len()), 3, "nothing is confirmed yet");
    assert_eq!(source.fetch(500).await.unwrap().len(), 1);
    assert_eq!(fake.look(|known| known.updates.len()), 1, "the first two are confirmed");
    let allowed = json!(["message", "callback_query"]);
    assert_eq!(
        fake.look(|known| known.params("getUpdates")),
        [
            json!({ "limit": 2, "timeout": 7, "allowed_updates": allowed }),
            json!({ "offset": 12, "limit": 100, "timeout": 7, "allowed_updates": allowed }),
        ]
    );
}

#[tokio::test]
async fn the_last_updates_are_confirmed_once_and_without_taking_more() {
    let fake = Fake::start().await;
    let mut source = fake.telegram().source().unwrap();
    source.confirm().await.unwrap();
    assert_eq!(fake.look(|known| known.requests.len()), 0, "there was nothing to confirm");
    fake.push([message(10, 1, "a")]);
    source.fetch(100).await.unwrap();
    source.confirm().await.unwrap();
    source.confirm().await.unwrap();
    let polls = fake.look(|known| known.params("getUpdates"));
    assert_eq!(polls[1..], [json!({ "offset": 11, "limit": 1, "timeout": 0 })]);
    assert_eq!(fake.look(|known| known.updates.len()), 0);
}

#[tokio::test]
async fn what_was_not_confirmed_is_given_again() {
    let fake = Fake::start().await;
    let mut source = fake.telegram().source().unwrap();
    fake.push([message(10, 1, "a")]);
    let first = source.fetch(100).await.unwrap();
    drop(source);
    let again = fake.telegram().source().unwrap().fetch(100).await.unwrap();
    assert_eq!(first, again);
}

#[tokio::test]
async fn an_update_without_an_id_is_a_fault_and_its_neighbours_are_not() {
    let fake = Fake::start().await;
    fake.script(
        "getUpdates",
        [Scripted::Text(
            200,
            json!({ "ok": true, "result": [message(10, 1, "a"), 17, { "message": {} }, { "update_id": "x" }, message(11, 1, "b")] })
                .to_string(),
        )],
    );
    let mut source = fake.telegram().source().unwrap();
    let fetched = source.fetch(100).await.unwrap();
    let faults: Vec<_> = fetched.iter().map(|update| update.fault.as_deref()).collect();
    let no_id = Some("an update has no integer `update_id`");
    assert_eq!(faults, [None, Some("an update is not a JSON object"), no_id, no_id, None]);
    assert_eq!(&fetched[1].body[..], b"17", "the bytes are kept");
    source.confirm().await.unwrap();
    assert_eq!(fake.look(|known| known.params("getUpdates"))[1]["offset"], 12);
}

#[tokio::test]
async fn a_429_is_waited_out_within_the_fetch() {
    let fake = Fake::start().await;
    fake.script("getUpdates", [too_many(1)]);
    fake.push([message(10, 1, "a")]);
    let started = Instant::now();
    let fetched = fake.telegram().source().unwrap().fetch(100).await.unwrap();
    assert_eq!(fetched.len(), 1);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_empty_answer_that_was_not_held_is_not_asked_for_again_at_once() {
    let fake = Fake::start().await;
    let mut source = fake.telegram().poll_timeout(Duration::ZERO).source().unwrap();
    let started = Instant::now();
    assert_eq!(source.fetch(100).await.unwrap(), []);
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
}

#[tokio::test]
async fn errors_that_pass_are_told_from_those_that_do_not() {
    let fake = Fake::start().await;
    let mut source = fake.telegram().source().unwrap();
    let cases = [
        (refusal(401, "Unauthorized"), Kind::Invalid, "@BotFather"),
        (refusal(404, "Not Found"), Kind::Invalid, "check the token"),
        (
            refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook"),
            Kind::Invalid,
            "remove it with the method deleteWebhook",
        ),
        (
            refusal(409, "Conflict: terminated by other getUpdates request"),
            Kind::Invalid,
            "another program polls this bot",
        ),
        (refusal(400, "Bad Request: allowed_updates"), Kind::Invalid, "allowed_updates"),
        (
            Scripted::Text(200, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#.into()),
            Kind::Invalid,
            "401",
        ),
        (Scripted::Text(200, r#"{"ok":true,"result":null}"#.into()), Kind::Unavailable, "not an array"),
        (refusal(500, "Internal Server Error"), Kind::Unavailable, "500"),
        (Scripted::Text(502, "<html>Bad Gateway</html>".into()), Kind::Unavailable, "502"),
        (Scripted::Text(200, "<html>hello</html>".into()), Kind::Unavailable, "not one of the Bot API"),
        (Scripted::Text(200, r#"{"ok":true,"result":{"a":1}}"#.into()), Kind::Unavailable, "not an array"),
        (Scripted::Text(200, r#"{"ok":true"#.into()), Kind::Unavailable, "not one of the Bot API"),
    ];
    for (answer, kind, says) in cases {
        fake.script("getUpdates", [answer]);
        let error = source.fetch(100).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error} does not say {says}");
    }
    fake.push([message(10, 1, "a")]);
    assert_eq!(source.fetch(100).await.unwrap().len(), 1, "and it goes on after all of them");
}

#[tokio::test]
async fn a_poll_that_is_never_answered_is_cut() {
    let fake = Fake::start().await;
    fake.script("getUpdates", [Scripted::Hang]);
    let telegram = fake.telegram().poll_timeout(Duration::ZERO).poll_margin(Duration::from_millis(200));
    let mut source = telegram.source().unwrap();
    assert_eq!(source.fetch(100).await.unwrap_err().kind(), Kind::Timeout);
    fake.push([message(10, 1, "a")]);
    let fetched = loop {
        // On a busy machine an answer may take as long.
        match source.fetch(100).await {
            Err(error) if error.kind() == Kind::Timeout => {}
            fetched => break fetched,
        }
    };
    assert_eq!(fetched.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let fake = Fake::start().await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let telegram = fake.telegram().api_url(&format!("http://{closed}")).unwrap();
    let error = telegram.source().unwrap().fetch(100).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("refused"), "{error}");
}
