//! A bot on Telegram that is posted to, and posts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tertulia::bot::{Bot, Context, Hook, Running};
use tertulia::runner::{DEAD, DeadRecord, Options};
use tertulia::storage::{Memory, Page, Read, Storage};
use tertulia::{Key, Shard};
use tertulia_http::{WebhookOptions, webhook};
use tertulia_telegram::{Secrets, Telegram};
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "7000001:AA-canary";
pub(crate) const SECRET: &str = "canary_secret-1";
const PATH: &str = "/webhook/telegram";

/// A running bot behind a webhook: `hang` never ends, `fail` fails, anything else is only counted.
pub(crate) struct Posted {
    pub(crate) running: Running,
    pub(crate) router: Router,
    ran: Arc<AtomicUsize>,
    storage: Arc<dyn Storage>,
}

impl Posted {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(Memory::new())).await
    }

    pub(crate) async fn on(storage: Arc<dyn Storage>) -> Self {
        Self::with(storage, |_| {}, |_| {}, |hook| hook).await
    }

    pub(crate) async fn with<H: Hook>(
        storage: Arc<dyn Storage>,
        change: impl FnOnce(&mut WebhookOptions),
        runner: impl FnOnce(&mut Options),
        around: impl FnOnce(tertulia_telegram::Webhook) -> H,
    ) -> Self {
        let secrets = Secrets::new(SECRET).unwrap();
        let (telegram, hook) = Telegram::new(TOKEN).unwrap().webhook(secrets);
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let mut options = Options { retries: 1, backoff: Duration::from_millis(1), ..Default::default() };
        runner(&mut options);
        let bot = Bot::new(telegram).storage(Arc::clone(&storage)).options(options);
        let bot = bot.on_any(move |ctx: Context| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match ctx.text() {
                    "hang" => std::future::pending().await,
                    "fail" => anyhow::bail!("it fails"),
                    _ => Ok(()),
                }
            }
        });
        let running = bot.start().await.unwrap();
        let mut options = WebhookOptions::default();
        change(&mut options);
        let posts = webhook(running.door().clone(), around(hook), options);
        Self { running, router: Router::new().route(PATH, posts), ran, storage }
    }

    /// How often the handler ran.
    pub(crate) fn ran(&self) -> usize {
        self.ran.load(Ordering::SeqCst)
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Told {
        ask(self.router.clone(), request).await
    }

    /// Posts a message of chat 42.
    pub(crate) async fn post(&self, update: i64, text: &str) -> Told {
        self.ask(post(&message(update, 42, text))).await
    }

    /// Lets everything run that was accepted, and stops the bot.
    pub(crate) async fn finish(&self) {
        assert_eq!(self.running.shutdown(Duration::from_secs(60)).await, []);
    }

    /// The dead letters.
    pub(crate) async fn dead(&self) -> Vec<DeadRecord> {
        let reads: Vec<Read> = Shard::all().map(|shard| Read::new(Key::Queue(shard, DEAD))).collect();
        let pages = self.storage.read(&reads).await.unwrap().into_iter();
        let pages = pages.filter_map(|page| page.unwrap().and_then(Page::into_queue));
        let entries = pages.flat_map(|page| page.entries);
        entries.map(|entry| DeadRecord::decode(&entry.bytes).unwrap()).collect()
    }
}

/// What a poster is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<u64>,
}

impl Told {
    pub(crate) const OK: Self = Self { status: StatusCode::OK, retry_after: None };

    /// Asserts that it is told to come back in 2 to 30 s, and gives in how many.
    #[track_caller]
    pub(crate) fn later(&self) -> u64 {
        assert_eq!(self.status, StatusCode::SERVICE_UNAVAILABLE);
        self.retry_after.filter(|wait| (2..=30).contains(wait)).expect("it says when to come back")
    }
}

pub(crate) async fn ask(router: Router, request: Request<Body>) -> Told {
    let response = router.oneshot(request).await.unwrap();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|wait| wait.to_str().unwrap().parse().unwrap());
    Told { status: response.status(), retry_after }
}

/// A post of Telegram's.
pub(crate) fn post(update: &Value) -> Request<Body> {
    post_bytes(update.to_string())
}

pub(crate) fn post_bytes(body: impl Into<Body>) -> Request<Body> {
    bare().header("x-telegram-bot-api-secret-token", SECRET).body(body.into()).unwrap()
}

/// A post without a secret.
pub(crate) fn bare() -> axum::http::request::Builder {
    Request::post(PATH).header("host", "bot.example.org").header("content-type", "application/json")
}

pub(crate) fn message(update: i64, chat: i64, text: &str) -> Value {
    json!({ "update_id": update, "message": { "message_id": update, "chat": { "id": chat }, "text": text } })
}
