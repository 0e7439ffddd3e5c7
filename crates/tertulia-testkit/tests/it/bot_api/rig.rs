//! A server whose clock stands still, and a bot that calls it.

use std::time::Duration;

use serde_json::{Value, json};
use tertulia_testkit::bot_api::{BotApi, Event, Journal, NewUpdate, Options};
use tokio::task::JoinHandle;

pub(crate) const TOKEN: &str = "7000001:AA-canary_SECRET-of-the-bot";

/// How long anything may take before a test fails: far more than it ever does.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server and its bot.
pub(crate) struct Rig {
    pub(crate) api: BotApi,
    pub(crate) bot: Bot,
}

/// Whoever calls methods. Clones share connections.
#[derive(Clone)]
pub(crate) struct Bot {
    pub(crate) http: reqwest::Client,
    /// Of the server.
    pub(crate) root: String,
    url: String,
}

/// An answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(mut options: Options) -> Self {
        options.frozen = true;
        let api = BotApi::start(options).await.unwrap();
        let bot = Bot::at(&api.url(), TOKEN);
        Self { api, bot }
    }

    /// Pushes one message for each text.
    pub(crate) fn push(&self, chat: i64, texts: &[&str]) -> Vec<i32> {
        texts.iter().map(|text| self.api.push(NewUpdate::message(chat, text)).unwrap()).collect()
    }

    /// Begins a poll and waits until the server has it.
    pub(crate) async fn polling(&self, params: Value) -> JoinHandle<Answer> {
        let before = self.api.summary().polled;
        let bot = self.bot.clone();
        let poll = tokio::spawn(async move { bot.call("getUpdates", params).await });
        self.until(|journal| journal.summary().polled > before).await;
        poll
    }

    /// Waits until something is true of what happened.
    pub(crate) async fn until(&self, holds: impl FnMut(&Journal) -> bool) {
        in_time(self.api.until(holds)).await;
    }

    /// How often something is in the journal.
    pub(crate) fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.api.journal(|journal| journal.events().filter(|event| is(event)).count())
    }
}

impl Bot {
    pub(crate) fn at(root: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, root: root.to_owned(), url: format!("{root}/bot{token}") }
    }

    pub(crate) async fn try_call(&self, method: &str, params: Value) -> reqwest::Result<Answer> {
        let response = self.http.post(format!("{}/{method}", self.url)).json(&params).send().await?;
        Ok(Answer { status: response.status().as_u16(), json: response.json().await? })
    }

    pub(crate) async fn call(&self, method: &str, params: Value) -> Answer {
        self.try_call(method, params).await.unwrap()
    }

    /// The result of a call that is not refused.
    pub(crate) async fn ok(&self, method: &str, params: Value) -> Value {
        self.call(method, params).await.result()
    }

    /// The ids of the updates that a poll gives at once.
    pub(crate) async fn poll(&self, offset: i32) -> Vec<i64> {
        self.call("getUpdates", json!({ "offset": offset })).await.updates()
    }

    pub(crate) async fn say(&self, chat: i64, text: &str) -> Answer {
        self.call("sendMessage", json!({ "chat_id": chat, "text": text })).await
    }

    /// What a controller gets.
    pub(crate) async fn control(&self, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/control/{path}", self.root);
        let request = match &body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let response = request.send().await.unwrap();
        Answer { status: response.status().as_u16(), json: response.json().await.unwrap() }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn result(self) -> Value {
        assert_eq!((self.status, &self.json["ok"]), (200, &json!(true)), "{self:?}");
        self.json["result"].clone()
    }

    /// The ids of the updates in it.
    #[track_caller]
    pub(crate) fn updates(self) -> Vec<i64> {
        let updates = self.result();
        updates.as_array().unwrap().iter().map(|update| update["update_id"].as_i64().unwrap()).collect()
    }

    /// Asserts that it refuses, with Telegram's code and words.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, description: &str) {
        assert_eq!((self.status, &self.json["ok"]), (status, &json!(false)), "{self:?}");
        assert_eq!(self.json["error_code"], status, "{self:?}");
        assert_eq!(self.json["description"], description, "{self:?}");
    }
}

/// Waits, but not for ever.
pub(crate) async fn in_time<T>(waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never came")
}
