//! Methods that are answered at once.

use serde_json::json;
use tertulia_testkit::bot_api::{BotApi, Event, Options};

use super::rig::{Bot, Rig, TOKEN};

#[tokio::test]
async fn a_message_is_sent_and_its_answer_is_the_message() {
    let rig = Rig::start().await;
    let message = rig.bot.say(7, "hello").await.result();
    assert_eq!((&message["text"], &message["chat"]["id"]), (&json!("hello"), &json!(7)));
    assert_eq!((&message["message_id"], &message["from"]["is_bot"]), (&json!(1), &json!(true)));
    assert_eq!(rig.bot.say(7, "again").await.result()["message_id"], 2);
    assert_eq!(rig.api.sent(7), ["hello", "again"]);
    assert_eq!(rig.api.sent(8), [""; 0]);
}

#[tokio::test]
async fn a_text_is_neither_empty_nor_longer_than_4096_units() {
    let rig = Rig::start().await;
    for text in ["", " \n"] {
        rig.bot.say(7, text).await.refuses(400, "Bad Request: message text is empty");
    }
    rig.bot
        .call("sendMessage", json!({ "chat_id": 7 }))
        .await
        .refuses(400, "Bad Request: message text is empty");
    rig.bot.say(7, &"é".repeat(4096)).await.result();
    rig.bot.say(7, &"é".repeat(4097)).await.refuses(400, "Bad Request: message is too long");
    rig.bot.say(7, &"🙂".repeat(2048)).await.result();
    rig.bot.say(7, &"🙂".repeat(2049)).await.refuses(400, "Bad Request: message is too long");
    rig.bot.call("sendMessage", json!({ "text": "x" })).await.refuses(400, "Bad Request: chat_id is empty");
}

#[tokio::test]
async fn a_message_is_edited_and_deleted_if_it_exists() {
    let rig = Rig::start().await;
    rig.bot.say(7, "first").await.result();
    let edit = |message| json!({ "chat_id": 7, "message_id": message, "text": "second" });
    assert_eq!(rig.bot.ok("editMessageText", edit(1)).await["text"], "second");
    let edited = Event::Edited { chat: 7, message: 1, text: "second".into(), heard: true };
    assert_eq!(rig.count(|event| *event == edited), 1);
    rig.bot.call("editMessageText", edit(2)).await.refuses(400, "Bad Request: message to edit not found");
    assert_eq!(rig.bot.ok("deleteMessage", json!({ "chat_id": 7, "message_id": 1 })).await, true);
    let unknown = rig.bot.call("deleteMessage", json!({ "chat_id": 7, "message_id": 9 })).await;
    unknown.refuses(400, "Bad Request: message to delete not found");
}

#[tokio::test]
async fn other_methods_are_known_and_do_nothing() {
    let rig = Rig::start().await;
    assert_eq!(rig.bot.ok("sendChatAction", json!({ "chat_id": 7, "action": "typing" })).await, true);
    assert_eq!(rig.bot.ok("answerCallbackQuery", json!({ "callback_query_id": "1" })).await, true);
    assert_eq!(rig.bot.ok("setMyCommands", json!({ "commands": [] })).await, true);
    let me = rig.bot.ok("GETME", json!({})).await;
    assert_eq!((&me["id"], &me["username"]), (&json!(7_000_001), &json!("fake_bot")));
    let missing = rig.bot.call("answerCallbackQuery", json!({})).await;
    let words = "Bad Request: query is too old and response timeout expired or query ID is invalid";
    missing.refuses(400, words);
    rig.bot.call("sendTelepathy", json!({})).await.refuses(404, "Not Found: method not found");
}

#[tokio::test]
async fn parameters_may_come_as_a_form_or_in_the_url() {
    let rig = Rig::start().await;
    let url = format!("{}/bot{TOKEN}/sendMessage", rig.api.url());
    let form = rig.bot.http.post(&url).form(&[("chat_id", "7"), ("text", "a form & ünïcode +")]);
    assert!(form.send().await.unwrap().status().is_success());
    let query = rig.bot.http.get(&url).query(&[("chat_id", "7"), ("text", "the url 100%")]);
    assert!(query.send().await.unwrap().status().is_success());
    assert_eq!(rig.api.sent(7), ["a form & ünïcode +", "the url 100%"]);
}

#[tokio::test]
async fn a_token_that_cannot_be_one_or_is_another_bots_is_refused() {
    let mut options = Options::default();
    options.token = Some(TOKEN.to_owned());
    let api = BotApi::start(options).await.unwrap();
    let call = async |token| Bot::at(&api.url(), token).call("getMe", json!({})).await;
    for token in ["nonsense", "0123:abc", "12:", "-5:abc"] {
        call(token).await.refuses(401, "Unauthorized: invalid token specified");
    }
    call("7000001:another").await.refuses(401, "Unauthorized");
    call(TOKEN).await.result();
    let elsewhere = reqwest::get(format!("{}/getMe", api.url())).await.unwrap();
    assert_eq!(elsewhere.status(), 404);
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_told_of_in_both_and_refused_under_its_old_id() {
    let rig = Rig::start().await;
    rig.api.migrate(-5, -1_000_000_000_005);
    let updates = rig.bot.ok("getUpdates", json!({})).await;
    assert_eq!(updates[0]["message"]["chat"]["id"], -5);
    assert_eq!(updates[0]["message"]["migrate_to_chat_id"], -1_000_000_000_005_i64);
    assert_eq!(updates[1]["message"]["chat"]["id"], -1_000_000_000_005_i64);
    assert_eq!(updates[1]["message"]["migrate_from_chat_id"], -5);
    let refused = rig.bot.say(-5, "hello").await;
    refused.refuses(400, "Bad Request: group chat was upgraded to a supergroup chat");
    assert_eq!(refused.json["parameters"]["migrate_to_chat_id"], -1_000_000_000_005_i64);
    rig.bot.say(-1_000_000_000_005, "hello").await.result();
}
