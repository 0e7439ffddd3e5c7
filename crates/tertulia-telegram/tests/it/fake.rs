//! A Bot API server in the test's own process: keeps updates until they are confirmed, records every request, and
//! fails as it is told.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tertulia_telegram::{RateLimits, Telegram};
use tokio::sync::watch;

/// The token of every bot in these tests; its second part must never be seen.
pub(crate) const TOKEN: &str = "7000001:AA-canary_SECRET-of-the-bot";

/// How long an event may take before a test fails: far more than it ever does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; it ends when dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    state: Mutex<Known>,
    /// Moved at every change of the state.
    changes: watch::Sender<u64>,
}

/// What the server knows.
#[derive(Default)]
pub(crate) struct Known {
    /// Updates that are not confirmed.
    pub(crate) updates: Vec<Value>,
    /// Every request, in order of arrival.
    pub(crate) requests: Vec<Request>,
    /// Answers to give instead of the usual ones, by method.
    scripts: HashMap<String, VecDeque<Scripted>>,
    last_message: i64,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) token: String,
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// An answer that is not the usual one.
pub(crate) enum Scripted {
    /// This status and this text.
    Text(u16, String),
    /// None, ever.
    Hang,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changes: watch::Sender::new(0) });
        let router = Router::new().route("/{bot}/{method}", post(answer)).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// The adapter of a bot on this server, which takes all it is sent.
    pub(crate) fn telegram(&self) -> Telegram {
        Telegram::new(TOKEN).unwrap().api_url(&self.url).unwrap().rate_limits(RateLimits::none())
    }

    pub(crate) fn push(&self, updates: impl IntoIterator<Item = Value>) {
        self.shared.state.lock().updates.extend(updates);
        self.shared.changed();
    }

    /// Answers the next requests of `method` this way.
    pub(crate) fn script(&self, method: &str, answers: impl IntoIterator<Item = Scripted>) {
        self.shared.state.lock().scripts.entry(method.to_owned()).or_default().extend(answers);
    }

    /// What is known now.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.shared.state.lock())
    }

    /// Waits until something is true, and fails the test if it never is.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Known) -> bool) {
        let mut changes = self.shared.changes.subscribe();
        let waiting = async {
            while !self.look(&holds) {
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("never came: {what}; requests: {:#?}", self.look(|known| known.requests.clone()));
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Known {
    /// The parameters of the requests of a method, in order.
    pub(crate) fn params(&self, method: &str) -> Vec<Value> {
        self.requests.iter().filter(|request| request.method == method).map(|r| r.params.clone()).collect()
    }

    /// The texts that were sent to a chat, in order.
    pub(crate) fn sent(&self, chat: i64) -> Vec<String> {
        let sent = self.params("sendMessage").into_iter().filter(|params| params["chat_id"] == chat);
        sent.map(|params| params["text"].as_str().unwrap().to_owned()).collect()
    }
}

impl Shared {
    fn changed(&self) {
        self.changes.send_modify(|change| *change += 1);
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Path((bot, method)): Path<(String, String)>,
    body: String,
) -> (StatusCode, String) {
    let params: Value = serde_json::from_str(&body).unwrap();
    let scripted = {
        let mut known = shared.state.lock();
        let token = bot.strip_prefix("bot").unwrap().to_owned();
        known.requests.push(Request { token, method: method.clone(), params: params.clone() });
        known.scripts.get_mut(&method).and_then(VecDeque::pop_front)
    };
    shared.changed();
    match scripted {
        Some(Scripted::Text(status, text)) => return (StatusCode::from_u16(status).unwrap(), text),
        Some(Scripted::Hang) => std::future::pending().await,
        None => {}
    }
    let result = match method.as_str() {
        "getUpdates" => get_updates(&shared, &params).await,
        "sendMessage" | "sendPhoto" => {
            let mut known = shared.state.lock();
            known.last_message += 1;
            json!({ "message_id": known.last_message, "date": 0, "chat": { "id": params["chat_id"] } })
        }
        _ => json!(true),
    };
    (StatusCode::OK, json!({ "ok": true, "result": result }).to_string())
}

/// Forgets what the offset confirms, then holds the poll until there is something to give.
async fn get_updates(shared: &Shared, params: &Value) -> Value {
    let offset = params["offset"].as_i64().unwrap_or(0);
    let limit = usize::try_from(params["limit"].as_u64().unwrap_or(100)).unwrap();
    let held = Duration::from_secs(params["timeout"].as_u64().unwrap_or(0));
    shared.state.lock().updates.retain(|update| update["update_id"].as_i64().is_none_or(|id| id >= offset));
    let mut changes = shared.changes.subscribe();
    shared.changed();
    let some = async {
        while shared.state.lock().updates.is_empty() {
            changes.changed().await.unwrap();
        }
    };
    let _ = tokio::time::timeout(held, some).await;
    shared.state.lock().updates.iter().take(limit).cloned().collect()
}

/// An error as Telegram answers it.
pub(crate) fn refusal(status: u16, description: &str) -> Scripted {
    let text = json!({ "ok": false, "error_code": status, "description": description });
    Scripted::Text(status, text.to_string())
}

/// A 429 that says how long to wait.
pub(crate) fn too_many(seconds: u64) -> Scripted {
    let text = json!({
        "ok": false,
        "error_code": 429,
        "description": format!("Too Many Requests: retry after {seconds}"),
        "parameters": { "retry_after": seconds },
    });
    Scripted::Text(429, text.to_string())
}

/// A message somebody wrote in a chat.
pub(crate) fn message(update: i64, chat: i64, text: &str) -> Value {
    json!({
        "update_id": update,
        "message": {
            "message_id": update,
            "date": 1_700_000_000,
            "chat": { "id": chat, "type": "private", "first_name": "Ana" },
            "from": { "id": chat, "is_bot": false, "first_name": "Ana", "last_name": "Ruiz" },
            "text": text,
        },
    })
}
