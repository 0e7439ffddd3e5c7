//! A bot behind the routes, and requests to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tertulia::bot::{Bot, Context, Data, Running};
use tertulia::runner::{self, Incoming};
use tertulia::storage::{ItemId, Memory, Storage};
use tertulia::{Clock, Conversation, Name};
use tertulia_http::{Http, Options, router};
use tower::ServiceExt;

/// How often the handler ran.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(Arc<AtomicUsize>);

impl Runs {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A running bot: `fail` fails, `hang` never ends, `quiet` says nothing, anything else is echoed twice.
pub(crate) struct Site {
    pub(crate) running: Running,
    pub(crate) router: Router,
    pub(crate) runs: Runs,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Arc::new(Memory::new()), Options::new()).await
    }

    pub(crate) async fn with(storage: Arc<dyn Storage>, options: Options) -> Self {
        let retries = runner::Options { retries: 1, backoff: Duration::from_millis(1), ..Default::default() };
        Self::on_runner(storage, options, retries).await
    }

    pub(crate) async fn on_runner(
        storage: Arc<dyn Storage>,
        options: Options,
        runner: runner::Options,
    ) -> Self {
        let runs = Runs::default();
        let bot = Bot::new(Http).storage(storage).clock(Clock::system()).options(runner);
        let running = bot.data(runs.clone()).on_message(handle).start().await.unwrap();
        let router = router(running.door().clone(), options);
        Self { running, router, runs }
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn say(&self, chat: &str, text: &str, key: Option<&str>) -> Answer {
        let mut request = post(chat);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.ask(request.body(serde_json::json!({ "text": text }).to_string().into()).unwrap()).await
    }
}

async fn handle(ctx: Context, runs: Data<Runs>) -> tertulia::bot::Result {
    runs.0.fetch_add(1, Ordering::SeqCst);
    match ctx.text() {
        "fail" => anyhow::bail!("it fails"),
        "hang" => std::future::pending().await,
        "quiet" => {}
        text => {
            ctx.reply(text).await?;
            ctx.reply(format!("{text} again")).await?;
        }
    }
    Ok(())
}

/// An update of the conversation `http:<chat>` that goes to the dead letters at once.
pub(crate) fn dead_update(chat: &str, body: &'static [u8]) -> Incoming {
    let id = ItemId::Number(Name::from_static("test"), i64::try_from(body.len()).unwrap());
    let conversation = Conversation::new("http", chat).unwrap();
    Incoming { conversation, id, body: body.into(), fault: Some("it is broken".into()) }
}

pub(crate) fn post(chat: &str) -> axum::http::request::Builder {
    Request::post(format!("/chat/{chat}")).header("host", "127.0.0.1:7700")
}

/// A response, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Response<()>,
    pub(crate) json: Value,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { head: Response::from_parts(parts, ()), json: serde_json::from_slice(&body).unwrap() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.head.status()
    }

    pub(crate) fn replies(&self) -> Vec<&str> {
        let replies = self.json["replies"].as_array().unwrap();
        replies.iter().map(|reply| reply["text"].as_str().unwrap()).collect()
    }

    /// The kind and the message of a failure.
    pub(crate) fn error(&self) -> (&str, &str) {
        let error = &self.json["error"];
        (error["kind"].as_str().unwrap(), error["message"].as_str().unwrap())
    }
}
