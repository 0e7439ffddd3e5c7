//! The examples do what they say, and README shows them as they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A Bot API with these updates to give, that tells of each message sent.
#[derive(Clone)]
struct BotApi {
    updates: Arc<Mutex<VecDeque<Value>>>,
    sent: mpsc::UnboundedSender<Value>,
}

async fn call(
    State(api): State<BotApi>,
    UrlPath((_, method)): UrlPath<(String, String)>,
    body: Bytes,
) -> String {
    let parameters: Value = serde_json::from_slice(&body).unwrap_or_default();
    let result = match method.as_str() {
        "getUpdates" => {
            let offset = parameters["offset"].as_i64().unwrap_or(0);
            let given: Vec<Value> = {
                let mut updates = api.updates.lock().unwrap();
                updates.retain(|update| update["update_id"].as_i64() >= Some(offset));
                updates.iter().cloned().collect()
            };
            if given.is_empty() && parameters["timeout"].as_i64() > Some(0) {
                // Nothing more will come: the poll is left open.
                std::future::pending::<()>().await;
            }
            Value::Array(given)
        }
        "sendMessage" => {
            api.sent.send(parameters).unwrap();
            json!({"message_id": 1, "date": 0, "chat": {"id": 42, "type": "private"}})
        }
        _ => json!(true),
    };
    json!({"ok": true, "result": result}).to_string()
}

fn message(id: i64, text: &str) -> Value {
    let chat = json!({"id": 42, "type": "private", "first_name": "Ana"});
    json!({"update_id": id, "message": {"message_id": id, "date": 0, "chat": chat, "text": text}})
}

/// Kills what a failed test leaves behind.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_bot_answers_in_order_and_remembers_after_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (sent, mut said) = mpsc::unbounded_channel();
    let updates = [message(1, "hello"), message(2, "/name"), message(3, "Ana"), message(4, "hello again")];
    let api = BotApi { updates: Arc::new(Mutex::new(updates.into())), sent };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/{token}/{method}", axum::routing::post(call)).with_state(api.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let start = || {
        let mut bot = Command::new(env!("CARGO_BIN_EXE_01-bot"));
        bot.env("TELEGRAM_BOT_TOKEN", "42:secret").env("TELEGRAM_API_URL", &url).current_dir(folder.path());
        Killed(bot.stderr(Stdio::null()).spawn().unwrap())
    };

    let bot = start();
    let said_first = ["Message 1 from stranger", "Your name?", "Nice to meet you", "Message 2 from Ana"];
    for expected in said_first {
        assert_eq!(said.recv().await.unwrap()["text"], expected);
    }
    drop(bot);
    api.updates.lock().unwrap().push_back(message(5, "still there?"));
    let _bot = start();
    // A call that was made and not yet marked when the bot was killed is made again.
    let mut repeated = 0;
    let text = loop {
        let text = said.recv().await.unwrap()["text"].as_str().unwrap().to_owned();
        if said_first.contains(&text.as_str()) {
            repeated += 1;
        } else {
            break text;
        }
    };
    assert_eq!(text, "Message 3 from Ana");
    assert!(repeated <= 4, "{repeated} calls were repeated, four were made");
}

#[test]
fn sessions_alone_remember_from_run_to_run() {
    let folder = tempfile::tempdir().unwrap();
    for expected in ["Ana was here 1 times\n", "Ana was here 2 times\n"] {
        let run =
            Command::new(env!("CARGO_BIN_EXE_02-sessions")).current_dir(folder.path()).output().unwrap();
        assert_eq!(String::from_utf8(run.stdout).unwrap(), expected);
    }
}

#[test]
fn readme_shows_the_examples_as_they_are() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let readme = read(here.join("../README.md"));
    for name in ["01-bot", "02-sessions"] {
        let program = read(here.join(format!("{name}.rs")));
        // The comment at the top is for those who open the file.
        let (_, shown) = program.split_once("\n\nuse ").unwrap();
        let block = format!("<!-- examples/{name}.rs -->\n```rust\nuse {shown}```\n");
        assert!(readme.contains(&block), "README does not show examples/{name}.rs as it is");
    }
}
