//! A bot that says what the tests need, and requests to its conversations.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tertulia::bot::{Bot, Context, Data, Running, Session, UpdateKind};
use tertulia::runner::{self, Journal};
use tertulia::storage::{Memory, Storage};
use tertulia_http::{Http, Options, StreamsHttpOptions, router, streams};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::streams::support::Reader;

/// What the bot keeps of a conversation.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    messages: u64,
}

/// A running bot: `hang` never ends, `fail` fails, `ask` asks for a name, `confirm ..` says what follows and
/// asks, `live ..` says what follows word by word as it is
/// let, anything else is answered with how many messages there were.
pub(super) struct Site {
    pub(super) running: Running,
    pub(super) router: Router,
    /// How many words of live replies may be said.
    pub(super) words: Arc<Semaphore>,
}

/// A response, read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::with(Arc::new(Memory::new()), Some(Journal::default()), Options::new()).await
    }

    pub(super) async fn with(storage: Arc<dyn Storage>, journal: Option<Journal>, options: Options) -> Self {
        let words = Arc::new(Semaphore::new(0));
        let retries = runner::Options { retries: 0, ..Default::default() };
        let bot = Bot::new(Http).storage(storage).options(retries).data(Arc::clone(&words));
        let bot = bot.session::<Chat>("chat").on_any(talk);
        let bot = match journal {
            Some(journal) => bot.journal(journal),
            None => bot,
        };
        let running = bot.start().await.unwrap();
        let mut of_streams = StreamsHttpOptions::default();
        of_streams.access = options.access.clone();
        let router = router(running.door().clone(), options);
        let router = router.merge(streams(running.door().streams.clone(), of_streams));
        Self { running, router, words }
    }

    pub(super) async fn ask(&self, request: axum::http::request::Builder, body: impl Into<Body>) -> Answer {
        let request = request.header("host", "localhost").body(body.into()).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, json }
    }

    /// Posts a message without waiting, under a key, and gives its update.
    pub(super) async fn post(&self, chat: &str, key: &str, body: &Value) -> String {
        let answer = self.post_with(chat, key, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.json["update"].as_str().unwrap().to_owned()
    }

    pub(super) async fn post_with(&self, chat: &str, key: &str, body: &Value) -> Answer {
        let request = Request::post(format!("/chat/{chat}")).header("content-type", "application/json");
        let request = request.header("prefer", "respond-async").header("idempotency-key", key);
        self.ask(request, body.to_string()).await
    }

    /// Says something and waits for the answer.
    pub(super) async fn say(&self, chat: &str, text: &str) -> Answer {
        self.ask(Request::post(format!("/chat/{chat}")), json!({ "text": text }).to_string()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path), "").await
    }

    /// The messages of `/v1/chat/{rest}`.
    pub(super) async fn messages(&self, rest: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v1/chat/{rest}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json["messages"].as_array().unwrap().clone()
    }

    /// Follows a conversation, from the place with this id on.
    pub(super) async fn feed(&self, chat: &str, id: &str) -> Reader {
        let request = Request::get(format!("/v1/chat/{chat}/feed")).header("host", "localhost");
        let request = request.header("last-event-id", id).body(Body::empty()).unwrap();
        Reader::of(self.router.clone().oneshot(request).await.unwrap())
    }

    /// Follows a conversation as it is now.
    pub(super) async fn follow(&self, chat: &str) -> Reader {
        let answer = self.get(&format!("/v1/chat/{chat}")).await;
        self.feed(chat, answer.json["feed"].as_str().unwrap()).await
    }

    /// Waits until a live reply has begun, and gives what the feed says of it.
    pub(super) async fn live(&self, chat: &str) -> Value {
        let mut feed = self.feed(chat, "0.0-0.0-0.0").await;
        next(&mut feed, "live").await
    }
}

/// The next event of a feed that has this name.
pub(super) async fn next(feed: &mut Reader, name: &str) -> Value {
    loop {
        let event = feed.next().await.expect("the feed goes on");
        if event.kind == name {
            return serde_json::from_str(&event.data).unwrap();
        }
    }
}

async fn talk(ctx: Context, mut chat: Session<Chat>, words: Data<Arc<Semaphore>>) -> tertulia::bot::Result {
    chat.messages += 1;
    if let UpdateKind::Callback { data } = &ctx.update().kind {
        ctx.reply(format!("pressed {data}")).await?;
        return Ok(());
    }
    match ctx.text().split_once(' ').unwrap_or((ctx.text(), "")) {
        ("hang", _) => std::future::pending().await,
        ("fail", _) => anyhow::bail!("it fails"),
        ("ask", _) => {
            let answer = ctx.ask("Your name?").within(Duration::from_hours(1)).await?;
            ctx.reply(format!("Hello {}", answer.text)).await?;
        }
        ("confirm", text) => {
            ctx.reply_live().await?.push(text).await?;
            let answer = ctx.ask("Sure?").within(Duration::from_hours(1)).await?;
            ctx.reply(format!("you said {}", answer.text)).await?;
        }
        ("live", text) => {
            let live = ctx.reply_live().await?;
            for word in text.split_inclusive(' ') {
                tokio::select! {
                    biased;
                    stopped = live.cancelled() => {
                        stopped?;
                        live.stop();
                        return Ok(());
                    }
                    word = words.acquire() => word?.forget(),
                }
                live.push(word).await?;
            }
        }
        _ => drop(ctx.reply(format!("message {}", chat.messages)).await?),
    }
    Ok(())
}
