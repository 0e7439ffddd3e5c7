//! The sender: what a reply or a call becomes on the wire, and what an answer means for the outbox.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tertulia::bot::{Adapter, Method, Outgoing};
use tertulia::error::Kind;
use tertulia::runner::{self, RetryAfter, Ticket};
use tertulia::storage::ItemId;
use tertulia::{Conversation, Error, Name, Result};
use tertulia_telegram::frankenstein::methods::SendPhotoParams;
use tertulia_telegram::{AnswerCallbackQuery, Call, MAX_PARTS, MAX_TEXT, Telegram};

use crate::fake::{Fake, Scripted, refusal, too_many};

/// A call as the outbox holds it.
pub(crate) fn queued(body: Bytes) -> runner::Call {
    let update = ItemId::Number(Name::from_static("telegram/7000001"), 1);
    runner::Call::new(chat("5"), Ticket { update, ordinal: 0 }, body)
}

pub(crate) fn chat(id: &str) -> Conversation {
    Conversation::new("telegram", id).unwrap()
}

pub(crate) fn reply(telegram: &Telegram, id: &str, text: &str) -> Result<Bytes> {
    Ok(telegram.encode(&chat(id), &Outgoing::Reply { text })?.unwrap())
}

async fn send(telegram: &Telegram, body: Bytes) -> Result<String> {
    telegram.sender().unwrap().send(&queued(body)).await
}

#[tokio::test]
async fn a_reply_is_a_message_to_the_chat_and_gives_its_id() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    assert_eq!(send(&telegram, reply(&telegram, "-100123", "hello").unwrap()).await.unwrap(), "1");
    let business = reply(&telegram, "business:b-1:42", "hello").unwrap();
    assert_eq!(send(&telegram, business).await.unwrap(), "2");
    assert_eq!(
        fake.look(|known| known.params("sendMessage")),
        [
            json!({ "chat_id": -100_123, "text": "hello" }),
            json!({ "chat_id": 42, "business_connection_id": "b-1", "text": "hello" }),
        ]
    );
    assert_eq!(fake.look(|known| known.requests[0].token.clone()), crate::fake::TOKEN);
}

#[tokio::test]
async fn a_reply_that_telegram_would_refuse_is_invalid() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let says = |id: &str, text: &str| {
        let error = reply(&telegram, id, text).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    assert_eq!(says("5", " \n"), "a reply to telegram:5 is empty, which Telegram refuses");
    assert_eq!(says("update:7", "hi"), "telegram:update:7 has no chat that a reply could go to");
    assert_eq!(says("alice", "hi"), "telegram:alice is no chat of Telegram");
    let most = "x".repeat(MAX_TEXT * MAX_PARTS);
    assert!(reply(&telegram, "5", &most).is_ok());
    assert_eq!(
        says("5", &(most + "x")),
        "a reply to telegram:5 takes 33 messages of 4096 UTF-16 units, at most 32 are allowed"
    );
}

#[tokio::test]
async fn a_long_reply_is_several_messages_and_a_retry_goes_on_behind_those_that_were_sent() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let text = ["a", "b", "c"].map(|word| word.repeat(4_000)).join("\n");
    let body = reply(&telegram, "5", &text).unwrap();
    fake.script("sendMessage", [Scripted::Text(200, r#"{"ok":true,"result":{"message_id":70}}"#.into())]);
    fake.script("sendMessage", [refusal(500, "Internal Server Error")]);
    assert_eq!(send(&telegram, body.clone()).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(send(&telegram, body).await.unwrap(), "70,1,2");
    let starts: Vec<String> =
        fake.look(|known| known.sent(5)).iter().map(|text| text.chars().take(1).collect()).collect();
    assert_eq!(starts, ["a", "b", "b", "c"], "the second was refused at first");
    assert!(fake.look(|known| known.sent(5)).iter().all(|text| text.len() == 4_000));
}

#[tokio::test]
async fn an_answer_tells_the_outbox_whether_to_try_again() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let wait = Some(&RetryAfter(Duration::from_secs(7)));
    let cases = [
        (too_many(7), Kind::Unavailable, wait),
        (refusal(429, "Too Many Requests"), Kind::Unavailable, None),
        (refusal(500, "Internal Server Error"), Kind::Unavailable, None),
        (Scripted::Text(502, "<html>".into()), Kind::Unavailable, None),
        (refusal(401, "Unauthorized"), Kind::Unavailable, None),
        (refusal(404, "Not Found"), Kind::Unavailable, None),
        (refusal(404, "Not Found: method not found"), Kind::Invalid, None),
        (refusal(400, "Bad Request: chat not found"), Kind::Invalid, None),
        (refusal(403, "Forbidden: bot was blocked by the user"), Kind::Invalid, None),
        (Scripted::Text(200, "garbage".into()), Kind::Unknown, None),
    ];
    for (answer, kind, wait) in cases {
        fake.script("sendMessage", [answer]);
        let error = send(&telegram, reply(&telegram, "5", "hi").unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.detail::<RetryAfter>(), wait, "{error}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_a_closed_door_is_unavailable() {
    let fake = Fake::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let telegram = fake.telegram().api_url(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let body = reply(&telegram, "5", "hi").unwrap();
    let hang_up = async {
        let (connection, _) = listener.accept().await.unwrap();
        connection.readable().await.unwrap();
        let mut request = [0; 4_096];
        while connection.try_read(&mut request).is_err() {
            connection.readable().await.unwrap();
        }
    };
    let (made, ()) = tokio::join!(send(&telegram, body.clone()), hang_up);
    assert_eq!(made.unwrap_err().kind(), Kind::Unknown);
    drop(listener);
    assert_eq!(send(&telegram, body).await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_reply_follows_a_group_that_became_a_supergroup() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let moved = json!({
        "ok": false,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": -100_777 },
    });
    fake.script("sendMessage", [Scripted::Text(400, moved.to_string())]);
    let text = "x".repeat(MAX_TEXT + 1);
    assert_eq!(send(&telegram, reply(&telegram, "-77", &text).unwrap()).await.unwrap(), "1,2");
    let chats: Vec<Value> = fake
        .look(|known| known.params("sendMessage"))
        .iter()
        .map(|params| params["chat_id"].clone())
        .collect();
    assert_eq!(chats, [-77, -100_777, -100_777]);
    fake.script(
        "sendMessage",
        [Scripted::Text(400, moved.to_string()), Scripted::Text(400, moved.to_string())],
    );
    let again = send(&telegram, reply(&telegram, "-77", "hi").unwrap()).await.unwrap_err();
    assert_eq!(again.kind(), Kind::Invalid, "it is followed once");
}

#[tokio::test]
async fn any_method_can_be_called_with_typed_or_untyped_parameters() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let photo = SendPhotoParams::builder().chat_id(5).photo("https://example.org/cat.jpg".to_owned()).build();
    let calls: [(Bytes, &str); 3] = [
        (Call::new("sendPhoto", photo).encode(&chat("5")).unwrap(), "1"),
        (
            Call::new("deleteMessage", json!({ "chat_id": 5, "message_id": 3 })).encode(&chat("5")).unwrap(),
            "",
        ),
        (AnswerCallbackQuery::new("77").text("saved").alert().encode(&chat("5")).unwrap(), ""),
    ];
    for (body, id) in calls {
        assert_eq!(send(&telegram, body).await.unwrap(), id);
    }
    let requests: Vec<(String, Value)> =
        fake.look(|known| known.requests.iter().map(|r| (r.method.clone(), r.params.clone())).collect());
    assert_eq!(
        requests,
        [
            ("sendPhoto".into(), json!({ "chat_id": 5, "photo": "https://example.org/cat.jpg" })),
            ("deleteMessage".into(), json!({ "chat_id": 5, "message_id": 3 })),
            (
                "answerCallbackQuery".into(),
                json!({ "callback_query_id": "77", "text": "saved", "show_alert": true })
            ),
        ]
    );
}

#[tokio::test]
async fn an_album_gives_the_ids_of_all_its_messages() {
    let fake = Fake::start().await;
    let result = json!({ "ok": true, "result": [{ "message_id": 8 }, { "message_id": 9 }] });
    fake.script("sendMediaGroup", [Scripted::Text(200, result.to_string())]);
    let body = Call::new("sendMediaGroup", json!({ "chat_id": 5 })).encode(&chat("5")).unwrap();
    assert_eq!(send(&fake.telegram(), body).await.unwrap(), "8,9");
}

#[test]
fn a_call_that_cannot_be_made_is_invalid() {
    let says = |encoded: Result<Bytes>| {
        let error: Error = encoded.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    let here = chat("5");
    let local = SendPhotoParams::builder().chat_id(5).photo(std::path::PathBuf::from("cat.jpg")).build();
    assert_eq!(
        says(Call::new("sendPhoto", local).encode(&here)),
        "sendPhoto names a local file, which is not uploaded: give a file id or a URL"
    );
    assert_eq!(
        says(Call::new("../getMe", json!({})).encode(&here)),
        "`../getMe` is no name of a method of the Bot API"
    );
    assert_eq!(says(Call::new("getMe", 5).encode(&here)), "the parameters of getMe are not a JSON object");
    assert_eq!(
        says(AnswerCallbackQuery::new("1").text("ä".repeat(201)).encode(&here)),
        "the notice of a callback query has 201 characters, at most 200 are allowed"
    );
}

#[tokio::test]
async fn a_stored_call_of_every_version_is_read_and_an_unknown_version_is_not() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let fixture = Bytes::from_static(include_bytes!("fixtures/call-v1"));
    assert_eq!(reply(&telegram, "5", "¿qué tal? 😀").unwrap(), fixture);
    assert_eq!(send(&telegram, fixture).await.unwrap(), "1");
    assert_eq!(fake.look(|known| known.sent(5)), ["¿qué tal? 😀"]);
    let unknown = send(&telegram, Bytes::from_static(b"\x03[]")).await.unwrap_err();
    assert_eq!(unknown.kind(), Kind::Corrupt);
    assert_eq!(
        unknown.to_string(),
        "a stored call of Telegram has format version 3, this program reads up to 2"
    );
    assert_eq!(send(&telegram, Bytes::from_static(b"\x01{")).await.unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(send(&telegram, Bytes::new()).await.unwrap_err().kind(), Kind::Corrupt);
}
