//! What is held to Telegram's rates, and how a call says how it is to be made.

use std::time::Duration;

use serde_json::json;
use tertulia::bot::{Adapter, Bot, Context, Method};
use tertulia::error::Kind;
use tertulia::runner::{Delivery, Paced, Wait};
use tertulia_telegram::{AnswerCallbackQuery, Call, EditMessageText, MAX_TEXT, Rate, RateLimits, Telegram};

use crate::fake::{Fake, PATIENCE, message};
use crate::sending::{chat, queued, reply};

/// One message an hour in each chat.
fn slow(fake: &Fake) -> Telegram {
    let rate = Some(Rate { burst: 1, every: Duration::from_secs(3_600) });
    fake.telegram().rate_limits(RateLimits { chat: rate, ..RateLimits::none() })
}

#[tokio::test]
async fn messages_wait_for_their_rate_and_other_calls_do_not() {
    let fake = Fake::start().await;
    let sender = slow(&fake).sender().unwrap();
    let wait = |method: &str, chat_id: i64| {
        let body = Call::new(method, json!({ "chat_id": chat_id })).encode(&chat("5")).unwrap();
        !matches!(sender.wait(&queued(body)), Wait::None)
    };
    assert!(!wait("sendMessage", 5), "the first is sent");
    for method in ["sendMessage", "sendPhoto", "editMessageText", "copyMessage", "forwardMessage"] {
        assert!(wait(method, 5), "{method} waits");
    }
    for method in ["sendChatAction", "answerCallbackQuery", "deleteMessage", "getChat"] {
        assert!(!wait(method, 5), "{method} does not");
    }
    assert!(!wait("sendMessage", 6), "another chat's does not");
    let nonsense = queued(vec![9, 9].into());
    assert_eq!(sender.wait(&nonsense), Wait::None, "it is refused when it is made");
}

#[tokio::test]
async fn a_long_reply_is_held_to_the_rate_message_by_message_and_goes_on_where_it_was() {
    let fake = Fake::start().await;
    let telegram = slow(&fake);
    let text = ["a", "b", "c"].map(|word| word.repeat(4_000)).join("\n");
    let call = queued(reply(&telegram, "5", &text).unwrap());
    let sender = telegram.sender().unwrap();
    assert_eq!(sender.wait(&call), Wait::None);
    for parts in 1..=2 {
        let error = sender.send(&call).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(
            error.detail::<Paced>().is_some_and(|Paced(wait)| *wait > Duration::from_secs(3_000)),
            "{error}"
        );
        assert_eq!(fake.look(|known| known.sent(5).len()), parts, "what the outbox lets through is sent");
    }
    assert_eq!(sender.send(&call).await.unwrap(), "1,2,3");
    let error = sender.send(&call).await.unwrap_err();
    assert!(error.detail::<Paced>().is_some());
    sender.forget(&call);
    sender.send(&call).await.unwrap_err();
    let starts: Vec<String> =
        fake.look(|known| known.sent(5)).iter().map(|text| text.chars().take(1).collect()).collect();
    assert_eq!(starts, ["a", "b", "c", "a", "a"], "what is forgotten begins anew");
}

#[tokio::test]
async fn calls_say_how_they_are_made() {
    let plain = Call::new("sendDice", json!({ "chat_id": 5 }));
    let asks = |call: &Call<_>| (call.delivery(), Method::within(call), Method::join(call));
    assert_eq!(asks(&plain), (Delivery::AtLeastOnce, None, None));
    let special = plain.at_most_once().within(Duration::from_secs(9)).join("dice");
    assert_eq!(asks(&special), (Delivery::AtMostOnce, Some(Duration::from_secs(9)), Some("dice".to_owned())));
    assert_eq!(AnswerCallbackQuery::new("7").within(), Some(Duration::from_secs(300)));
    let says =
        |id: &str, text: &str| EditMessageText::new(17, text).encode(&chat(id)).unwrap_err().to_string();
    assert_eq!(says("5", " "), "an edit in telegram:5 is empty, which Telegram refuses");
    assert_eq!(says("update:7", "hi"), "telegram:update:7 has no chat that a reply could go to");
    assert_eq!(
        says("5", &"x".repeat(MAX_TEXT + 1)),
        "an edit in telegram:5 has 4097 UTF-16 units, at most 4096 are allowed"
    );
}

#[tokio::test]
async fn of_edits_of_one_message_that_wait_only_the_last_is_sent() {
    let fake = Fake::start().await;
    let bot = Bot::new(fake.telegram()).on_message(async |ctx: Context| {
        for n in 0..50 {
            ctx.call(EditMessageText::new(17, format!("{n} of 50"))).await?;
        }
        ctx.call(EditMessageText::new(18, "another")).await?;
        ctx.reply("done").await?;
        Ok(())
    });
    let running = bot.start().await.unwrap();
    fake.push([message(1, 5, "go")]);
    fake.until("the reply", |known| known.sent(5) == ["done"]).await;
    let edits = fake.look(|known| known.params("editMessageText"));
    assert_eq!(
        edits,
        [
            json!({ "chat_id": 5, "message_id": 17, "text": "49 of 50" }),
            json!({ "chat_id": 5, "message_id": 18, "text": "another" }),
        ]
    );
    assert_eq!(running.shutdown(PATIENCE).await, []);
}
