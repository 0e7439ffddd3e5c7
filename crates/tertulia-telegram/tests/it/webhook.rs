//! The webhook: whose posts are admitted, which updates they are, and what Telegram is told.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tertulia::Timestamp;
use tertulia::bot::{Adapter, Header, Hook};
use tertulia::error::Kind;
use tertulia::runner::{Incoming, RetryAfter};
use tertulia_telegram::{Secrets, Telegram, Webhook};

use crate::fake::{Fake, Scripted, TOKEN, message, refusal, too_many};

const SECRET: &str = "canary_current-1";

fn secrets() -> Secrets {
    Secrets::new(SECRET).unwrap()
}

fn webhook(secrets: Secrets) -> Webhook {
    Telegram::new(TOKEN).unwrap().webhook(secrets).1
}

fn admitted(webhook: &Webhook, secret: Header<'_>) -> bool {
    let headers = |name: &str| match name {
        "x-telegram-bot-api-secret-token" => secret,
        _ => Header::Absent,
    };
    match webhook.admit(&headers, Timestamp(0)) {
        Ok(()) => true,
        Err(error) => {
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
            false
        }
    }
}

fn open(webhook: &Webhook, body: impl Into<Bytes>) -> Incoming {
    webhook.open(&|_| Header::Absent, body.into()).unwrap()
}

#[test]
fn only_the_one_right_secret_is_admitted() {
    let webhook = webhook(secrets());
    assert!(admitted(&webhook, Header::One(SECRET.as_bytes())));
    for wrong in ["", "canary_current-2", "canary_current-", "canary_current-11", "CANARY_current-1"] {
        assert!(!admitted(&webhook, Header::One(wrong.as_bytes())), "{wrong}");
    }
    assert!(!admitted(&webhook, Header::Absent));
    assert!(!admitted(&webhook, Header::Several));
}

#[test]
fn during_a_rotation_two_secrets_are_admitted_and_no_third() {
    let webhook = webhook(secrets().previous("canary_before").unwrap());
    for (secret, expected) in [(SECRET, true), ("canary_before", true), ("canary_other", false)] {
        assert_eq!(admitted(&webhook, Header::One(secret.as_bytes())), expected, "{secret}");
    }
}

#[tokio::test]
async fn an_update_is_the_same_whether_it_is_posted_or_polled() {
    let fake = Fake::start().await;
    let source = fake.telegram().source();
    let (telegram, webhook) = fake.telegram().webhook(secrets());
    assert!(telegram.source().is_none(), "what is posted is not asked for");
    let updates = [
        message(10, 42, "¿qué tal?"),
        json!({ "update_id": 11, "callback_query": { "id": "1", "from": { "id": 42, "first_name": "Ana" } } }),
        json!({ "update_id": 12, "poll": { "id": "1" } }),
        json!({ "update_id": 13, "business_message": { "business_connection_id": "b", "chat": { "id": 42 } } }),
        json!({ "update_id": 14, "telepathy": [1, 2] }),
        json!({ "update_id": "no number" }),
        json!(17),
    ];
    fake.push(updates.clone());
    let polled = source.unwrap().fetch(100).await.unwrap();
    assert_eq!(polled[0].conversation.to_string(), "telegram:42");
    let posted: Vec<_> = updates.iter().map(|update| open(&webhook, format!(" {update}\r\n"))).collect();
    assert_eq!(posted, polled);
}

#[test]
fn what_is_no_update_is_one_with_a_fault_and_its_bytes() {
    let webhook = webhook(secrets());
    for body in [&b""[..], b"{", b"[]", b"{}", b"\xff\xfe", "[".repeat(100_000).as_bytes()] {
        let incoming = open(&webhook, body.to_vec());
        assert!(incoming.fault.is_some() && incoming.body == body, "{incoming:?}");
        assert_eq!(incoming.id, open(&webhook, body.to_vec()).id, "so that it counts once");
    }
}

#[tokio::test]
async fn telegram_is_told_the_url_the_current_secret_and_what_to_post() {
    let fake = Fake::start().await;
    let url = "https://bot.example.org/webhook/telegram";
    let rotating = secrets().previous("canary_before").unwrap();
    let (_, webhook) = fake.telegram().allowed_updates(["message"]).webhook(rotating);
    webhook.max_connections(7).register(url).await.unwrap();
    fake.telegram().webhook(None).1.register(url).await.unwrap();
    let told = fake.look(|known| known.params("setWebhook"));
    assert_eq!(
        told[0],
        json!({ "url": url, "secret_token": SECRET, "max_connections": 7, "allowed_updates": ["message"] })
    );
    let derived = told[1]["secret_token"].as_str().unwrap();
    assert_eq!(told[1], json!({ "url": url, "secret_token": derived, "max_connections": 100 }));
    assert!(admitted(&fake.telegram().webhook(None).1, Header::One(derived.as_bytes())));
    assert!(!admitted(&webhook_of("7000001:AA-another"), Header::One(derived.as_bytes())));
}

fn webhook_of(token: &str) -> Webhook {
    Telegram::new(token).unwrap().webhook(None).1
}

#[tokio::test]
async fn what_cannot_be_registered_now_is_told_from_what_never_can() {
    let fake = Fake::start().await;
    let (_, webhook) = fake.telegram().webhook(secrets());
    let cases = [
        (refusal(401, "Unauthorized"), Kind::Invalid, "@BotFather"),
        (refusal(400, "Bad Request: bad webhook: HTTPS url must be provided"), Kind::Invalid, "HTTPS url"),
        (refusal(500, "Internal Server Error"), Kind::Unavailable, "500"),
        (Scripted::Text(502, "<html>".into()), Kind::Unavailable, "502"),
        (Scripted::Text(200, "<html>".into()), Kind::Unavailable, "not one of the Bot API"),
        (too_many(7), Kind::Unavailable, "429"),
    ];
    for (answer, kind, says) in cases {
        fake.script("setWebhook", [answer]);
        let error = webhook.register("https://example.org").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error} does not say {says}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        let wait = (says == "429").then_some(RetryAfter(Duration::from_secs(7)));
        assert_eq!(error.detail().copied(), wait);
    }
}
