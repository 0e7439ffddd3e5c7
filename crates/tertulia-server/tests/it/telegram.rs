//! The bot on Telegram, at a Bot API server in the test's own process.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::{Folder, Server};

pub(crate) const TOKEN: &str = "7000001:AA-canary_SECRET-of-the-bot";

/// What the Bot API server knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Not confirmed yet.
    pub(crate) updates: Vec<Value>,
    /// Every `getUpdates`.
    pub(crate) asked: Vec<Value>,
    sent: Vec<Value>,
    /// Every `editMessageText`.
    pub(crate) edited: Vec<Value>,
    /// What it was told of a webhook, each time.
    pub(crate) webhooks: Vec<Value>,
    /// How many more times it has no answer to that.
    pub(crate) away: usize,
}

pub(crate) type Shared = Arc<watch::Sender<Known>>;

/// A running Bot API server and what it knows; it ends with the test's runtime.
pub(crate) async fn api() -> (String, Shared) {
    let known = Shared::default();
    let routes = Router::new().route("/{bot}/{method}", post(answer)).with_state(Arc::clone(&known));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, known)
}

async fn answer(
    State(known): State<Shared>,
    Path((bot, method)): Path<(String, String)>,
    body: String,
) -> (StatusCode, String) {
    let params: Value = serde_json::from_str(&body).unwrap();
    let result = match method.as_str() {
        _ if bot != format!("bot{TOKEN}") => {
            let refusal = json!({ "ok": false, "error_code": 401, "description": "Unauthorized" });
            return (StatusCode::UNAUTHORIZED, refusal.to_string());
        }
        "getUpdates" => {
            let offset = params["offset"].as_i64().unwrap_or(0);
            known.send_modify(|known| {
                known.asked.push(params.clone());
                known.updates.retain(|update| update["update_id"].as_i64() >= Some(offset))
            });
            if params["timeout"] != 0 {
                known.subscribe().wait_for(|known| !known.updates.is_empty()).await.unwrap();
            }
            known.borrow().updates.clone().into()
        }
        "setWebhook" => {
            let mut away = false;
            known.send_modify(|known| {
                known.webhooks.push(params.clone());
                away = known.away > 0;
                known.away = known.away.saturating_sub(1);
            });
            if away {
                return (StatusCode::BAD_GATEWAY, String::new());
            }
            json!(true)
        }
        "sendMessage" => {
            known.send_modify(|known| known.sent.push(params.clone()));
            json!({ "message_id": known.borrow().sent.len(), "date": 0, "chat": { "id": params["chat_id"] } })
        }
        "editMessageText" => {
            known.send_modify(|known| known.edited.push(params.clone()));
            json!({ "message_id": params["message_id"], "date": 0, "chat": { "id": params["chat_id"] } })
        }
        _ => json!(true),
    };
    (StatusCode::OK, json!({ "ok": true, "result": result }).to_string())
}

pub(crate) fn message(update: i64, chat: i64, text: &str) -> Value {
    json!({
        "update_id": update,
        "message": {
            "message_id": update,
            "date": 0,
            "chat": { "id": chat, "type": "private", "first_name": "Ana" },
            "from": { "id": chat, "is_bot": false, "first_name": "Ana" },
            "text": text,
        },
    })
}

impl Known {
    /// How often updates were asked for.
    pub(crate) fn polls(&self) -> usize {
        self.asked.len()
    }

    /// The texts that were sent to a chat.
    pub(crate) fn texts(&self, chat: i64) -> Vec<&str> {
        let sent = self.sent.iter().filter(|sent| sent["chat_id"] == chat);
        sent.map(|sent| sent["text"].as_str().unwrap()).collect()
    }
}

/// Waits until a chat shows this text, in a message that was sent or edited; another may have been sent twice, if a kill
/// came between.
pub(crate) async fn sent(known: &Shared, chat: i64, text: &str) {
    let is_it = |sent: &Value| sent["chat_id"] == chat && sent["text"].as_str().unwrap().contains(text);
    let shows = |known: &Known| known.sent.iter().chain(&known.edited).any(is_it);
    known.subscribe().wait_for(shows).await.unwrap();
}

pub(crate) fn serve(folder: &Folder, url: &str) -> Server {
    folder.serve_with(&["--log", "trace"], &[("TELEGRAM_BOT_TOKEN", TOKEN), ("TELEGRAM_API_URL", url)])
}

// On several threads, since the Bot API server must answer while the test waits for the binary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_on_telegram_remembers_after_a_kill_and_shows_no_token() {
    let folder = Folder::new();
    let (url, known) = api().await;
    let server = serve(&folder, &url);
    assert!(server.printed.contains(&format!("telegram  on, at {url}")), "{}", server.printed);
    known.send_modify(|known| known.updates.push(message(1, 42, "/start")));
    sent(&known, 42, "my name is Ana").await;
    known.send_modify(|known| {
        known.updates.extend([message(2, 42, "my name is Ana"), message(3, 43, "count")])
    });
    sent(&known, 42, "Nice to meet you, Ana.").await;
    sent(&known, 43, "1 message, this one.").await;
    server.kill();

    let mut server = serve(&folder, &url);
    known.send_modify(|known| known.updates.push(message(4, 42, "/count@demo_bot")));
    known.send_modify(|known| known.updates.push(message(5, 42, "What is my name?")));
    sent(&known, 42, "3 messages, with this one.").await;
    sent(&known, 42, "Your name is Ana.").await;
    server.signal("TERM");
    assert!(server.wait().success());

    let shown = folder.run(&["show", "telegram:42"]).json();
    let mut logs = shown["logs"].as_array().unwrap().iter();
    assert_eq!(logs.find(|log| log["name"] == "session/demo").unwrap()["state"]["name"], "Ana");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("canary") && !server.printed.contains("canary"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_telegram_refuses_ends_it_with_one_line() {
    let folder = Folder::new();
    let (url, _known) = api().await;
    let mut command = folder.command(&["--listen", "127.0.0.1:0", "--log", "off"]);
    command.envs([("TELEGRAM_BOT_TOKEN", "7000001:AA-canary_revoked"), ("TELEGRAM_API_URL", &url)]);
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("Telegram refuses the bot token") && error.lines().count() == 1, "{error}");
    assert!(!error.contains("canary"), "{error}");
}
