//! A bot on npm's `telegram-test-api`, a Bot API server that this project did not write.
//!
//! Runs if `TERTULIA_TELEGRAM_TEST_API` is the path of a `node_modules` folder that holds it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tertulia::bot::{Bot, Context};
use tertulia_telegram::{AnswerCallbackQuery, Telegram};
use tokio::sync::mpsc;

use crate::fake::{PATIENCE, TOKEN};

/// The folder that holds the server.
const VARIABLE: &str = "TERTULIA_TELEGRAM_TEST_API";

/// The server's process; ends when dropped.
struct Peer {
    process: Child,
    lines: mpsc::UnboundedReceiver<Value>,
    url: String,
}

impl Peer {
    async fn start(modules: &str) -> Self {
        let port = tertulia_testkit::servers::free_port();
        let mut process = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peer.js"))
            .args([&port.to_string(), TOKEN])
            .env("NODE_PATH", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed where the variable is set");
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut peer = Self { process, lines, url: format!("http://127.0.0.1:{port}") };
        assert_eq!(peer.next().await, json!({ "ready": true }));
        peer
    }

    /// Has a user do something.
    fn act(&mut self, action: &Value) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{action}").unwrap();
    }

    /// What the server says next.
    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        next.expect("the server says something in time").expect("the server runs")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_bot_runs_on_a_server_that_others_wrote() {
    let Ok(modules) = std::env::var(VARIABLE) else {
        eprintln!("skipped: {VARIABLE} is not set to a node_modules folder with telegram-test-api");
        return;
    };
    let mut peer = Peer::start(&modules).await;
    let telegram = Telegram::new(TOKEN).unwrap().api_url(&peer.url).unwrap();
    let running = Bot::new(telegram)
        .on_command("start", async |ctx: Context| {
            ctx.reply("welcome").await?;
            Ok(())
        })
        .on_callback(async |ctx: Context| {
            ctx.call(AnswerCallbackQuery::of(&ctx)?).await?;
            ctx.reply(format!("pressed {}", ctx.text())).await?;
            Ok(())
        })
        .on_message(async |ctx: Context| {
            ctx.reply(format!("you said {}", ctx.text())).await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    peer.act(&json!({ "chat": 1, "text": "/start" }));
    assert_eq!(peer.next().await, json!({ "chat": 1, "text": "welcome" }));
    peer.act(&json!({ "chat": 2, "press": "yes" }));
    assert_eq!(peer.next().await, json!({ "chat": 2, "text": "pressed yes" }));
    for n in 0..20 {
        peer.act(&json!({ "chat": 1 + n % 2, "text": format!("message {n}") }));
    }
    let mut texts: [Vec<Value>; 2] = Default::default();
    for _ in 0..20 {
        let said = peer.next().await;
        texts[usize::try_from(said["chat"].as_u64().unwrap() - 1).unwrap()].push(said["text"].clone());
    }
    for (chat, texts) in texts.iter().enumerate() {
        let expected: Vec<_> = (chat..20).step_by(2).map(|n| format!("you said message {n}")).collect();
        assert_eq!(*texts, expected);
    }
    assert_eq!(running.shutdown(PATIENCE).await, []);
}
