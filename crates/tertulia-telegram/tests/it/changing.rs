//! What a change of earlier messages becomes on the wire.

use bytes::Bytes;
use serde_json::{Value, json};
use tertulia::bot::{Adapter, Method, Outgoing};
use tertulia::error::Kind;
use tertulia::runner::{Referred, Ticket};
use tertulia::{Error, Result};
use tertulia_telegram::{
    DeleteMessage, EditMessageText, MAX_PARTS, MAX_TEXT, SendChatAction, SetMessageReaction, Telegram,
};

use crate::fake::{Fake, Scripted, refusal, too_many};
use crate::sending::{chat, queued};

/// A ticket, and what it is worth.
fn ticket() -> Ticket {
    "telegram/7000001/4711.0".parse().unwrap()
}

async fn change(telegram: &Telegram, body: Bytes, message: &str) -> Result<String> {
    let call = queued(body).refers(Referred { ticket: ticket(), message: message.to_owned() });
    telegram.sender().unwrap().send(&call).await
}

fn encode(telegram: &Telegram, id: &str, outgoing: &Outgoing<'_>) -> Result<Bytes> {
    Ok(telegram.encode(&chat(id), outgoing)?.unwrap())
}

fn requests(fake: &Fake) -> Vec<(String, Value)> {
    fake.look(|known| {
        known.requests.iter().map(|request| (request.method.clone(), request.params.clone())).collect()
    })
}

fn long(words: &[&str]) -> String {
    words.iter().map(|word| word.repeat(4_000)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_edit_goes_into_the_messages_that_there_are_and_the_others_are_deleted() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let body = encode(&telegram, "5", &Outgoing::Edit { text: "new" }).unwrap();
    assert_eq!(change(&telegram, body.clone(), "70,71").await.unwrap(), "70");
    assert_eq!(change(&telegram, body, "70,71,72").await.unwrap(), "70");
    let business = encode(&telegram, "business:b:42", &Outgoing::Edit { text: "new" }).unwrap();
    assert_eq!(change(&telegram, business, "70,71").await.unwrap(), "70");
    let edit = json!({ "chat_id": 5, "message_id": 70, "text": "new" });
    let of_business =
        json!({ "business_connection_id": "b", "chat_id": 42, "message_id": 70, "text": "new" });
    assert_eq!(
        requests(&fake),
        [
            ("editMessageText".to_owned(), edit.clone()),
            ("deleteMessage".to_owned(), json!({ "chat_id": 5, "message_id": 71 })),
            ("editMessageText".to_owned(), edit),
            ("deleteMessages".to_owned(), json!({ "chat_id": 5, "message_ids": [71, 72] })),
            ("editMessageText".to_owned(), of_business),
            (
                "deleteBusinessMessages".to_owned(),
                json!({ "business_connection_id": "b", "message_ids": [71] })
            ),
        ]
    );
}

#[tokio::test]
async fn an_edit_that_is_interrupted_goes_on_where_it_was() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let body = encode(&telegram, "5", &Outgoing::Edit { text: &long(&["a", "b", "c"]) }).unwrap();
    fake.script(
        "sendMessage",
        [Scripted::Text(200, r#"{"ok":true,"result":{"message_id":71}}"#.into()), too_many(1)],
    );
    assert_eq!(change(&telegram, body.clone(), "70").await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(change(&telegram, body, "70").await.unwrap(), "70,71,1");
    let methods: Vec<String> = requests(&fake).into_iter().map(|(method, _)| method).collect();
    assert_eq!(methods, ["editMessageText", "sendMessage", "sendMessage", "sendMessage"]);
}

#[tokio::test]
async fn a_change_that_was_made_before_counts_as_made() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same";
    fake.script("editMessageText", [refusal(400, same)]);
    let edit = encode(&telegram, "5", &Outgoing::Edit { text: "new" }).unwrap();
    assert_eq!(change(&telegram, edit.clone(), "70").await.unwrap(), "70");
    fake.script("deleteMessage", [refusal(400, "Bad Request: message to delete not found")]);
    let delete = encode(&telegram, "5", &Outgoing::Delete).unwrap();
    assert_eq!(change(&telegram, delete.clone(), "70").await.unwrap(), "");
    assert_eq!(change(&telegram, delete, "").await.unwrap(), "", "of nothing there is nothing to delete");
    fake.script("editMessageText", [refusal(400, "Bad Request: message to edit not found")]);
    let error = change(&telegram, edit.clone(), "70").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "it cannot be edited any more");
    let error = change(&telegram, edit, "").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Invalid, "the call that it refers to left no message that could be changed, or it is deleted")
    );
}

#[tokio::test]
async fn an_edit_of_a_file_edits_its_caption_and_an_album_stays_together() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let no_text = || [refusal(400, "Bad Request: there is no text in the message to edit")];
    fake.script("editMessageText", no_text());
    let edit = encode(&telegram, "5", &Outgoing::Edit { text: "a black cat" }).unwrap();
    assert_eq!(change(&telegram, edit, "70,71").await.unwrap(), "70,71");
    assert_eq!(
        fake.look(|known| known.params("editMessageCaption")),
        [json!({ "chat_id": 5, "message_id": 70, "caption": "a black cat" })]
    );
    fake.script("editMessageText", no_text());
    let edit = encode(&telegram, "5", &Outgoing::Edit { text: &"x".repeat(1_025) }).unwrap();
    let error = change(&telegram, edit, "70").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Invalid, "the caption of editMessageCaption has 1025 UTF-16 units, at most 1024 are allowed")
    );
    assert_eq!(fake.look(|known| known.requests.len()), 3, "and nothing else was asked for");
}

#[tokio::test]
async fn reactions_go_to_a_message_by_its_id_or_its_ticket_and_are_taken_away() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let to = |emoji| encode(&telegram, "5", &Outgoing::ReactTo { emoji }).unwrap();
    assert_eq!(change(&telegram, to("👍"), "70,71").await.unwrap(), "70,71", "the ticket names the same");
    assert_eq!(change(&telegram, to(""), "70").await.unwrap(), "70");
    let big = SetMessageReaction::new(17, "🔥").big().encode(&chat("5")).unwrap();
    telegram.sender().unwrap().send(&queued(big)).await.unwrap();
    let reaction = |emoji: &str| json!([{ "type": "emoji", "emoji": emoji }]);
    assert_eq!(
        fake.look(|known| known.params("setMessageReaction")),
        [
            json!({ "chat_id": 5, "message_id": 70, "reaction": reaction("👍") }),
            json!({ "chat_id": 5, "message_id": 70, "reaction": [] }),
            json!({ "chat_id": 5, "message_id": 17, "reaction": reaction("🔥"), "is_big": true }),
        ]
    );
}

#[tokio::test]
async fn neutral_reactions_and_answers_are_about_the_update() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let message = crate::fake::message(9, 5, "hi").to_string();
    let pressed = json!({ "update_id": 9, "callback_query": {
        "id": "77", "from": { "id": 5, "first_name": "Ana" }, "message": { "message_id": 3, "chat": { "id": 5 } },
    } })
    .to_string();
    let react =
        |update: &str| encode(&telegram, "5", &Outgoing::React { update: update.as_bytes(), emoji: "👍" });
    let answer = |update: &str, text| {
        encode(&telegram, "5", &Outgoing::AnswerCallback { update: update.as_bytes(), text })
    };
    for body in [
        react(&message).unwrap(),
        react(&pressed).unwrap(),
        answer(&pressed, "saved").unwrap(),
        answer(&pressed, "").unwrap(),
    ] {
        telegram.sender().unwrap().send(&queued(body)).await.unwrap();
    }
    let ids: Vec<Value> = fake
        .look(|known| known.params("setMessageReaction"))
        .iter()
        .map(|params| params["message_id"].clone())
        .collect();
    assert_eq!(ids, [9, 3]);
    assert_eq!(
        fake.look(|known| known.params("answerCallbackQuery")),
        [json!({ "callback_query_id": "77", "text": "saved" }), json!({ "callback_query_id": "77" })]
    );
    let says = |encoded: Result<Bytes>| -> String {
        let error: Error = encoded.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    let joined = r#"{"update_id":9,"my_chat_member":{"chat":{"id":5}}}"#;
    assert_eq!(says(react(joined)), "the update in telegram:5 has no message");
    assert_eq!(says(answer(&message, "x")), "the update in telegram:5 is no callback query");
    let business = Outgoing::ReactTo { emoji: "👍" };
    assert_eq!(
        says(encode(&telegram, "business:b:42", &business)),
        "telegram:business:b:42 is of a business account, which has no reactions"
    );
    assert_eq!(
        says(encode(&telegram, "5", &Outgoing::Edit { text: " " })),
        "an edit in telegram:5 is empty, which Telegram refuses"
    );
    let most = "x".repeat(MAX_TEXT * MAX_PARTS + 1);
    assert_eq!(
        says(encode(&telegram, "5", &Outgoing::Edit { text: &most })),
        "an edit in telegram:5 takes 33 messages of 4096 UTF-16 units, at most 32 are allowed"
    );
}

#[test]
fn methods_say_what_they_are_about_and_what_they_overwrite() {
    let ticket = ticket();
    let edit = EditMessageText::of(&ticket, "new");
    assert_eq!((edit.refers(), edit.join()), (Some(ticket.clone()), Some(ticket.edits())));
    assert_eq!(EditMessageText::new(17, "new").refers(), None);
    assert_eq!(DeleteMessage::of(&ticket).refers(), Some(ticket.clone()));
    assert_eq!(SetMessageReaction::of(&ticket, "👍").refers(), Some(ticket));
    assert_eq!((DeleteMessage::new(17).refers(), SetMessageReaction::new(17, "👍").refers()), (None, None));
    let typing = SendChatAction::typing();
    assert_eq!(typing.within(), Some(std::time::Duration::from_secs(5)));
    assert_eq!(typing.join().as_deref(), Some("chat action"));
}

#[tokio::test]
async fn what_is_busy_or_deleted_by_its_id_goes_over_the_wire() {
    let fake = Fake::start().await;
    let sender = fake.telegram().sender().unwrap();
    for body in [
        SendChatAction::new("upload_photo").encode(&chat("business:b:42")),
        DeleteMessage::new(17).encode(&chat("5")),
        DeleteMessage::new(17).encode(&chat("business:b:42")),
    ] {
        assert_eq!(sender.send(&queued(body.unwrap())).await.unwrap(), "");
    }
    assert_eq!(
        requests(&fake),
        [
            (
                "sendChatAction".to_owned(),
                json!({ "business_connection_id": "b", "chat_id": 42, "action": "upload_photo" })
            ),
            ("deleteMessage".to_owned(), json!({ "chat_id": 5, "message_id": 17 })),
            (
                "deleteBusinessMessages".to_owned(),
                json!({ "business_connection_id": "b", "message_ids": [17] })
            ),
        ]
    );
}

#[tokio::test]
async fn a_stored_change_of_version_2_is_read_and_one_that_says_not_of_what_is_invalid() {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    let fixture = Bytes::from_static(include_bytes!("fixtures/call-v2"));
    assert_eq!(encode(&telegram, "5", &Outgoing::Edit { text: "¿qué tal? 😀" }).unwrap(), fixture);
    assert_eq!(change(&telegram, fixture.clone(), "70").await.unwrap(), "70");
    assert_eq!(fake.look(|known| known.params("editMessageText")[0]["text"].clone()), "¿qué tal? 😀");
    let error = telegram.sender().unwrap().send(&queued(fixture.clone())).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Invalid, "the call changes a message and does not say which")
    );
    let error = change(&telegram, fixture, "70,x").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Corrupt, "\"70,x\" are no ids of messages")
    );
    assert_eq!(
        change(&telegram, Bytes::from_static(b"\x02{"), "70").await.unwrap_err().kind(),
        Kind::Corrupt
    );
}
