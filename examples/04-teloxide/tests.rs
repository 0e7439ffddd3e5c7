//! The bot's handlers are given updates, and answer to a Bot API of our own.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use axum::{Json, Router};
use serde_json::{Value, json};
use tertulia::storage::Memory;
use tertulia_testkit::Counting;

use super::*;

/// The bot, its storage, and what it said.
struct Talk {
    bot: Bot,
    storage: Counting,
    chats: Sessions<Chat>,
    said: Arc<Mutex<Vec<(i64, String)>>>,
}

impl Talk {
    async fn begin() -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::clone(&said);
        let send = move |Json(call): Json<Value>| async move {
            let chat = call["chat_id"].as_i64().unwrap();
            let text = call["text"].as_str().unwrap();
            sent.lock().unwrap().push((chat, text.to_owned()));
            Json(json!({"ok": true, "result": message(chat, text)}))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(send)).await });
        let client = teloxide::net::default_reqwest_settings().no_proxy().build().unwrap();
        let bot = Bot::with_client("1:test", client).set_api_url(url.parse().unwrap());
        let storage = Counting::new(Arc::new(Memory::new()));
        let chats = Sessions::new(storage.clone(), "chat").unwrap();
        Self { bot, storage, chats, said }
    }

    /// Has a chat say something, and returns what the bot said then.
    async fn say(&self, chat: i64, text: &str) -> Vec<(i64, String)> {
        let update = json!({"update_id": 1, "message": message(chat, text)}).to_string();
        let update: Update = serde_json::from_str(&update).unwrap();
        let given = dptree::deps![self.bot.clone(), self.chats.clone(), update];
        if let ControlFlow::Break(handled) = schema().dispatch(given).await {
            handled.unwrap();
        }
        std::mem::take(&mut *self.said.lock().unwrap())
    }

    async fn form(&self, chat: i64) -> Chat {
        self.chats.get(key(ChatId(chat)).unwrap()).await.unwrap().into_inner()
    }
}

fn message(chat: i64, text: &str) -> Value {
    let chat = json!({"id": chat, "type": "private", "first_name": "A"});
    json!({"message_id": 1, "date": 1_700_000_000, "chat": chat, "text": text})
}

fn said(chat: i64, text: &str) -> Vec<(i64, String)> {
    vec![(chat, text.to_owned())]
}

#[tokio::test]
async fn two_chats_that_take_turns_get_each_its_own_answers() {
    let talk = Talk::begin().await;
    for chat in [1, 2] {
        assert_eq!(talk.say(chat, "hello").await, said(chat, "What is your name?"));
    }
    assert_eq!(talk.say(1, "Ana").await, said(1, "How old are you?"));
    assert_eq!(talk.say(2, "Bea").await, said(2, "How old are you?"));
    assert_eq!(talk.say(2, "30").await, said(2, "Bea is 30. Forms filled in here: 1."));
    assert_eq!(talk.say(1, "40").await, said(1, "Ana is 40. Forms filled in here: 1."));
    assert_eq!(talk.say(1, "again").await, said(1, "What is your name?"));
    assert_eq!(talk.form(1).await.forms_filled, 1);
}

#[tokio::test]
async fn an_answer_that_is_no_number_is_asked_again_and_writes_nothing() {
    let talk = Talk::begin().await;
    talk.say(1, "hello").await;
    talk.say(1, "Ana").await;
    let before = talk.storage.written("session/").writes;
    assert_eq!(talk.say(1, "old").await, said(1, "Send me a number."));
    assert_eq!(talk.storage.written("session/").writes, before);
    assert_eq!(talk.say(1, "40").await, said(1, "Ana is 40. Forms filled in here: 1."));
}
