//! Buttons under what is sent, and how they are pressed.

use serde_json::json;
use tertulia::bot::{Bot, Context, Method, Session, callback};
use tertulia::error::Kind;
use tertulia::runner::Ticket;
use tertulia_telegram::{AnswerCallbackQuery, EditMessageText, File, Keyboard, MAX_TEXT, SendMessage};

use crate::fake::{Fake, PATIENCE, message};
use crate::sending::chat;

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Asked {
    question: Option<Ticket>,
}

#[tokio::test]
async fn a_question_has_buttons_and_what_is_pressed_answers_it_and_takes_them_away() {
    let fake = Fake::start().await;
    let bot = Bot::new(fake.telegram())
        .on_message(async |ctx: Context, mut asked: Session<Asked>| {
            let question = SendMessage::new("Shall I?").button("Yes", "yes").button("No", "no").row();
            asked.question = Some(ctx.call(question.link("Help", "https://example.org")).await?);
            Ok(())
        })
        .on_callback(async |ctx: Context, asked: Session<Asked>| {
            ctx.answer_callback("").await?;
            let question = asked.question.as_ref().expect("it was asked");
            let ticket = ctx.call(EditMessageText::of(question, "Sure?").keyboard(sure())).await?;
            assert_eq!(ticket, *question, "the ticket stays the same");
            ctx.react("👍").await?;
            ctx.edit(&ticket, format!("You said {}.", ctx.text())).await?;
            Ok(())
        })
        .session::<Asked>("asked")
        .start()
        .await
        .unwrap();
    fake.push([message(1, 5, "ask")]);
    fake.until("the question", |known| known.sent(5) == ["Shall I?"]).await;
    let from = json!({ "id": 5, "is_bot": false, "first_name": "Ana" });
    let under = json!({ "message_id": 1, "date": 0, "chat": { "id": 5, "type": "private" } });
    let query = json!({ "id": "99", "from": from, "message": under, "chat_instance": "1", "data": "yes" });
    fake.push([json!({ "update_id": 2, "callback_query": query })]);
    fake.until("the last edit", |known| {
        known.params("editMessageText").iter().any(|params| params["text"] == "You said yes.")
    })
    .await;
    assert_eq!(bot.shutdown(PATIENCE).await, []);
    let keyboard = json!({ "inline_keyboard": [
        [{ "text": "Yes", "callback_data": "yes" }, { "text": "No", "callback_data": "no" }],
        [{ "text": "Help", "url": "https://example.org" }],
    ] });
    assert_eq!(
        fake.look(|known| known.params("sendMessage")),
        [json!({ "chat_id": 5, "text": "Shall I?", "reply_markup": keyboard })]
    );
    assert_eq!(
        fake.look(|known| known.params("editMessageText")),
        [json!({ "chat_id": 5, "message_id": 1, "text": "You said yes." })],
        "the first edit was joined with the second"
    );
    assert_eq!(
        fake.look(|known| known.params("answerCallbackQuery")),
        [json!({ "callback_query_id": "99" })]
    );
    assert_eq!(fake.look(|known| known.params("setMessageReaction")[0]["message_id"].clone()), 1);
}

#[tokio::test]
async fn a_handler_that_waits_for_a_button_answers_it_and_edits_its_question() {
    let fake = Fake::start().await;
    let bot = Bot::new(fake.telegram()).on_message(async |ctx: Context| {
        let question = ctx.call(SendMessage::new("Sure?").keyboard(sure())).await?;
        let pressed = ctx.next_update().of(callback).await?;
        ctx.call(AnswerCallbackQuery::to(&pressed.about)?).await?;
        assert_eq!(File::with(&pressed.about), File::of(&ctx), "neither has a file");
        ctx.edit(&question, format!("You said {}.", pressed.text)).await?;
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    fake.push([message(1, 5, "ask")]);
    fake.until("the question", |known| known.sent(5) == ["Sure?"]).await;
    let from = json!({ "id": 5, "is_bot": false, "first_name": "Ana" });
    fake.push([json!({ "update_id": 2, "callback_query": { "id": "99", "from": from, "data": "sure" } })]);
    fake.until("the edit", |known| !known.params("editMessageText").is_empty()).await;
    assert_eq!(
        fake.look(|known| known.params("editMessageText")),
        [json!({ "chat_id": 5, "message_id": 1, "text": "You said sure." })]
    );
    assert_eq!(
        fake.look(|known| known.params("answerCallbackQuery")),
        [json!({ "callback_query_id": "99" })]
    );
    assert_eq!(bot.shutdown(PATIENCE).await, []);
}

fn sure() -> Keyboard {
    Keyboard::new().button("Sure", "sure")
}

#[test]
fn buttons_are_under_the_last_message_of_a_long_text_and_are_checked() {
    let long = SendMessage::new("x".repeat(MAX_TEXT + 1)).button("Yes", "yes").encode(&chat("5")).unwrap();
    let requests: serde_json::Value = serde_json::from_slice(&long[1..]).unwrap();
    let under: Vec<bool> = (0..2).map(|nth| requests[nth]["params"].get("reply_markup").is_some()).collect();
    assert_eq!(under, [false, true]);
    let edit = |keyboard| EditMessageText::new(1, "x").keyboard(keyboard).encode(&chat("5"));
    let says = |keyboard| {
        let error = edit(keyboard).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    assert!(edit(Keyboard::new().button("Yes", "x".repeat(64))).is_ok());
    assert_eq!(
        says(Keyboard::new().button("Yes", "x".repeat(65))),
        "the button \"Yes\" carries 65 bytes, 1 to 64 are allowed"
    );
    assert_eq!(says(sure().button("No", "")), "the button \"No\" carries 0 bytes, 1 to 64 are allowed");
    assert_eq!(says(Keyboard::new().row().button(" ", "x")), "a button has no text, which Telegram refuses");
}
