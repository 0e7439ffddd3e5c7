//! Raw updates: where each kind belongs, and what a bot sees of it.

use serde_json::{Value, json};
use tertulia::bot::{Adapter, Update, UpdateKind, User};
use tertulia::error::Kind;
use tertulia::runner::About;
use tertulia::{Clock, Result};

use crate::fake::{Fake, message};

/// Fetches an update and decodes it.
async fn through(update: Value) -> (String, Result<Update>) {
    let fake = Fake::start().await;
    let telegram = fake.telegram();
    fake.push([update]);
    let incoming = telegram.source().unwrap().fetch(1).await.unwrap().remove(0);
    assert_eq!(incoming.fault, None);
    let about = About {
        update: incoming.id,
        conversation: incoming.conversation.clone(),
        arrived: Clock::system().now(),
        attempt: 1,
        body: incoming.body,
    };
    (incoming.conversation.to_string(), telegram.decode(&about))
}

#[tokio::test]
async fn every_kind_belongs_to_its_chat_else_its_user_else_itself() {
    let chat = json!({ "id": -100_123, "type": "supergroup" });
    let user = json!({ "id": 42, "is_bot": false, "first_name": "Ana" });
    let cases = [
        ("edited_message", json!({ "chat": chat, "from": user }), "telegram:-100123"),
        ("channel_post", json!({ "chat": chat }), "telegram:-100123"),
        ("edited_channel_post", json!({ "chat": chat }), "telegram:-100123"),
        ("message_reaction", json!({ "chat": chat, "user": user }), "telegram:-100123"),
        ("message_reaction_count", json!({ "chat": chat }), "telegram:-100123"),
        ("my_chat_member", json!({ "chat": chat, "from": user }), "telegram:-100123"),
        ("chat_member", json!({ "chat": chat, "from": user }), "telegram:-100123"),
        ("chat_join_request", json!({ "chat": chat, "from": user, "user_chat_id": 42 }), "telegram:-100123"),
        ("chat_boost", json!({ "chat": chat, "boost": {} }), "telegram:-100123"),
        ("callback_query", json!({ "message": { "chat": chat }, "from": user }), "telegram:-100123"),
        ("callback_query", json!({ "inline_message_id": "x", "from": user }), "telegram:42"),
        ("inline_query", json!({ "from": user, "query": "q" }), "telegram:42"),
        ("chosen_inline_result", json!({ "from": user }), "telegram:42"),
        ("shipping_query", json!({ "from": user }), "telegram:42"),
        ("pre_checkout_query", json!({ "from": user }), "telegram:42"),
        ("poll_answer", json!({ "user": user, "poll_id": "1" }), "telegram:42"),
        ("poll_answer", json!({ "voter_chat": chat, "poll_id": "1" }), "telegram:-100123"),
        ("poll", json!({ "id": "1", "question": "?" }), "telegram:update:7"),
        ("business_connection", json!({ "id": "b", "user": user }), "telegram:42"),
        (
            "business_message",
            json!({ "business_connection_id": "b-1_x", "chat": { "id": 42 }, "from": user }),
            "telegram:business:b-1_x:42",
        ),
        (
            "callback_query",
            json!({ "message": { "chat": { "id": 42 }, "business_connection_id": "b" }, "from": user }),
            "telegram:business:b:42",
        ),
        (
            "business_message",
            json!({ "business_connection_id": "b".repeat(300), "chat": { "id": 42 } }),
            "telegram:update:7",
        ),
        ("telepathy", json!({ "from": user, "thought": "?" }), "telegram:42"),
        ("telepathy", json!({ "from": "everywhere", "chat": 17 }), "telegram:update:7"),
        ("telepathy", json!([1, 2]), "telegram:update:7"),
        ("telepathy", json!(null), "telegram:update:7"),
    ];
    for (kind, content, conversation) in cases {
        let (found, update) = through(json!({ "update_id": 7, kind: content })).await;
        assert_eq!(found, conversation, "{kind} {content}");
        match (kind, update.unwrap().kind) {
            ("callback_query", UpdateKind::Callback { data }) => assert_eq!(data, ""),
            (_, UpdateKind::Other(other)) => assert_eq!(other, kind),
            (_, decoded) => panic!("{kind} became {decoded:?}"),
        }
    }
    let (found, update) = through(json!({ "update_id": 7 })).await;
    assert_eq!(
        (found.as_str(), update.unwrap().kind),
        ("telegram:update:7", UpdateKind::Other(String::new()))
    );
}

#[tokio::test]
async fn a_message_has_its_text_or_its_caption_and_who_wrote_it() {
    let ana = User { id: "5".into(), name: "Ana Ruiz".into() };
    let (_, update) = through(message(7, 5, "¿qué tal? 😀")).await;
    let text = Some("¿qué tal? 😀".to_owned());
    assert_eq!(update.unwrap(), Update::new(UpdateKind::Message { text }).from(ana));
    let photo =
        json!({ "update_id": 7, "message": { "chat": { "id": 5 }, "photo": [], "caption": "a cat" } });
    let text = Some("a cat".to_owned());
    assert_eq!(through(photo).await.1.unwrap(), Update::new(UpdateKind::Message { text }));
    let sticker = json!({ "update_id": 7, "message": { "chat": { "id": 5 }, "sticker": {} } });
    assert_eq!(through(sticker).await.1.unwrap(), Update::new(UpdateKind::Message { text: None }));
}

#[tokio::test]
async fn an_update_is_by_whom_telegram_names_wherever_it_does() {
    let (chat, ana) = (json!({ "id": -100_123 }), json!({ "id": 5, "first_name": "Ana" }));
    let boost = json!({ "boost_id": "b", "source": { "source": "premium", "user": ana } });
    let cases = [
        ("edited_message", json!({ "chat": chat, "from": ana }), Some("5")),
        ("message_reaction", json!({ "chat": chat, "user": ana }), Some("5")),
        ("poll_answer", json!({ "poll_id": "p", "user": ana }), Some("5")),
        ("business_connection", json!({ "id": "b", "user": ana, "user_chat_id": 5 }), Some("5")),
        ("chat_boost", json!({ "chat": chat, "boost": boost }), Some("5")),
        (
            "removed_chat_boost",
            json!({ "chat": chat, "boost_id": "b", "source": boost["source"] }),
            Some("5"),
        ),
        ("chat_boost", json!({ "chat": chat, "boost": { "source": { "source": "giveaway" } } }), None),
        ("removed_chat_boost", json!({ "chat": chat, "source": "of another shape" }), None),
        ("message_reaction_count", json!({ "chat": chat }), None),
        ("channel_post", json!({ "chat": chat, "sender_chat": chat }), None),
    ];
    for (kind, content, expected) in cases {
        let update = through(json!({ "update_id": 7, kind: content })).await.1.unwrap();
        assert_eq!(update.from.as_ref().map(|user| user.id.as_str()), expected, "{kind}");
        assert_eq!(update.kind, UpdateKind::Other(kind.to_owned()));
    }
}

#[tokio::test]
async fn a_pressed_button_has_its_data() {
    let from = json!({ "id": 5, "first_name": "Ana" });
    let query = json!({ "id": "1", "from": from, "message": { "chat": { "id": 5 } }, "data": "yes" });
    let (_, update) = through(json!({ "update_id": 7, "callback_query": query })).await;
    assert_eq!(update.unwrap().kind, UpdateKind::Callback { data: "yes".into() });
}

#[tokio::test]
async fn a_message_of_another_shape_cannot_be_decoded_but_comes_in() {
    let (conversation, update) = through(json!({ "update_id": 7, "message": { "text": 5 } })).await;
    assert_eq!(conversation, "telegram:update:7");
    let error = update.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(error.to_string(), "update 7 has a `message` of another shape");
}
