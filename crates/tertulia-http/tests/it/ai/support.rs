//! A bot that says what its message tells it to, and a reader of UI message streams.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tertulia::Clock;
use tertulia::bot::{Bot, Context, Data, Running, callback};
use tertulia::runner;
use tertulia::storage::Memory;
use tertulia::stream::Event;
use tertulia_http::{AiOptions, Http, ai};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// A running bot behind the routes. Where its handler waits for a turn, tests give it one.
pub(super) struct Site {
    pub(super) running: Running,
    pub(super) turns: Turns,
    router: Router,
}

#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    async fn taken(&self) {
        self.0.acquire().await.unwrap().forget();
    }

    pub(super) fn give(&self) {
        self.0.add_permits(1);
    }
}

async fn handle(ctx: Context, turns: Data<Turns>) -> tertulia::bot::Result {
    let text = ctx.text().to_owned();
    let (what, rest) = text.split_once(' ').unwrap_or((&text, ""));
    match what {
        "plain" => {
            ctx.reply(rest).await?;
            ctx.reply("bye").await?;
        }
        "quiet" => {}
        "fail" => anyhow::bail!("it fails"),
        "slow" => {
            turns.taken().await;
            ctx.reply(rest).await?;
        }
        "tools" => {
            let live = ctx.reply_live().await?;
            live.event(Event::thinking("which?")).await?;
            live.event(Event::tool_call("c1", "sum", json!({ "a": 1 }))).await?;
            live.event(Event::tool_result("c1", 2)).await?;
            live.push(rest).await?;
            live.push("!").await?;
        }
        // A turn for each word.
        "words" => {
            let live = ctx.reply_live().await?;
            for word in rest.split(' ') {
                turns.taken().await;
                live.push(word).await?;
            }
        }
        "again" => {
            let live = ctx.reply_live().await?;
            if ctx.attempt() == 1 {
                // What it says before it fails.
                live.push(rest).await?;
                turns.taken().await;
                anyhow::bail!("once more");
            }
            live.push("right").await?;
        }
        "stoppable" => {
            let live = ctx.reply_live().await?;
            live.push(rest).await?;
            live.cancelled().await?;
            drop(live.stop());
        }
        // Before and after what is said live.
        "around" => {
            ctx.reply("before").await?;
            let live = ctx.reply_live().await?;
            live.push(rest).await?;
            ctx.reply("after").await?;
        }
        "delete" => delete(&ctx, rest).await?,
        // One after the other.
        "delete-each" => {
            for thing in rest.split(' ') {
                delete(&ctx, thing).await?;
            }
        }
        "delete-slowly" => {
            delete(&ctx, rest).await?;
            turns.taken().await;
            ctx.reply_live().await?.push("done").await?;
        }
        // The question outlives the turn, and the answer is another one.
        "ask" => {
            let live = ctx.reply_live().await?;
            live.event(Event::tool_call(rest, "delete", json!({ "what": rest }))).await?;
            live.event(Event::approval(rest, format!("a-{rest}"))).await?;
        }
        "decide" => {
            let live = ctx.reply_live().await?;
            live.event(Event::tool_denied(rest)).await?;
            live.push("denied").await?;
            turns.taken().await;
        }
        "where" => {
            let live = ctx.reply_live().await?;
            live.event(Event::tool_call("c1", "place", json!({})).with("client", true)).await?;
            let there = ctx.next_update().of(callback).await?.text;
            ctx.reply_live().await?.push(there).await?;
        }
        _ => anyhow::bail!("what is {text}?"),
    }
    Ok(())
}

/// Asks for an approval of each thing that it is to delete.
async fn delete(ctx: &Context, what: &str) -> tertulia::bot::Result {
    let live = ctx.reply_live().await?;
    live.push("Let me see.").await?;
    for thing in what.split(' ') {
        live.event(Event::tool_call(thing, "delete", json!({ "what": thing }))).await?;
        live.event(Event::approval(thing, format!("a-{thing}"))).await?;
    }
    let mut said = Vec::new();
    for thing in what.split(' ') {
        said.push((thing, ctx.next_update().await?.text));
    }
    let live = ctx.reply_live().await?;
    for (thing, said) in said {
        live.event(match said.strip_prefix("deny:") {
            None => Event::tool_result(thing, "gone"),
            Some(_) => Event::tool_denied(thing),
        })
        .await?;
        live.push(said).await?;
    }
    Ok(())
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut AiOptions)) -> Self {
        let retries = runner::Options { retries: 1, backoff: Duration::from_millis(1), ..Default::default() };
        let turns = Turns(Arc::new(Semaphore::new(0)));
        let bot = Bot::new(Http).storage(Arc::new(Memory::new())).clock(Clock::system()).options(retries);
        let bot = bot.data(turns.clone()).on_message(handle).on_callback(async || Ok(()));
        let running = bot.start().await.unwrap();
        let mut options = AiOptions::default();
        change(&mut options);
        let router = ai(running.door().clone(), options);
        Self { running, turns, router }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        self.send(request.header("content-type", "application/json").body(body.into()).unwrap()).await
    }

    /// Asks with a token, or with none.
    pub(super) async fn ask_with(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = token
            .into_iter()
            .fold(request, |request, token| request.header("authorization", format!("Bearer {token}")));
        self.send(request.body(said("m1", "quiet").to_string().into()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn post(&self, body: &Value) -> Answer {
        self.ask("POST", "/v1/ai/chat", body.to_string()).await
    }

    /// Says something in the chat `ana`, as the message of that id.
    pub(super) async fn say(&self, id: &str, text: &str) -> Reader {
        self.post(&said(id, text)).await.reader()
    }

    pub(super) async fn resume(&self) -> Answer {
        self.ask("GET", "/v1/ai/chat/ana/stream", "").await
    }

    pub(super) async fn messages(&self) -> Value {
        self.ask("GET", "/v1/ai/chat/ana/messages", "").await.json().await
    }
}

/// What a page posts that says something in the chat `ana`.
pub(super) fn said(id: &str, text: &str) -> Value {
    json!({ "id": "ana", "trigger": "submit-message", "messages": [user(id, text)] })
}

pub(super) fn user(id: &str, text: &str) -> Value {
    json!({ "id": id, "role": "user", "parts": [{ "type": "text", "text": text }] })
}

/// A response whose body was not read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Body,
}

impl Answer {
    pub(super) async fn json(self) -> Value {
        let body = self.body.collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    /// The kind and the message of a failure, with its status.
    pub(super) async fn error(self) -> (u16, String, String) {
        let (status, json) = (self.status.as_u16(), self.json().await);
        let of = |name: &str| json["error"][name].as_str().unwrap().to_owned();
        (status, of("kind"), of("message"))
    }

    pub(super) fn reader(self) -> Reader {
        assert_eq!(self.status, StatusCode::OK);
        Reader { body: self.body.into_data_stream(), text: String::new() }
    }
}

/// Reads a UI message stream.
pub(super) struct Reader {
    body: BodyDataStream,
    text: String,
}

/// What comes next of it.
#[derive(Debug, PartialEq)]
pub(super) enum Got {
    Chunk(Value),
    /// A comment.
    KeepAlive,
    Done,
    /// The connection was cut.
    Cut,
    /// It ended in order.
    End,
}

impl Reader {
    pub(super) async fn next(&mut self) -> Got {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let got = match frame.strip_prefix("data: ") {
                    Some("[DONE]") => Got::Done,
                    Some(chunk) => Got::Chunk(serde_json::from_str(chunk).unwrap()),
                    None => Got::KeepAlive,
                };
                self.text = rest.to_owned();
                return got;
            }
            match self.body.next().await {
                None => return Got::End,
                Some(Err(_)) => return Got::Cut,
                Some(Ok(piece)) => self.text.push_str(std::str::from_utf8(&piece).unwrap()),
            }
        }
    }

    pub(super) async fn chunk(&mut self) -> Value {
        match self.next().await {
            Got::Chunk(chunk) => chunk,
            other => panic!("{other:?}"),
        }
    }

    /// Reads until that text was said.
    pub(super) async fn until(&mut self, delta: &str) {
        while self.chunk().await["delta"] != delta {}
    }

    /// The chunks that are left of a stream that ends in order.
    pub(super) async fn rest(&mut self) -> Vec<Value> {
        let mut chunks = Vec::new();
        loop {
            match self.next().await {
                Got::Chunk(chunk) => chunks.push(chunk),
                Got::KeepAlive => {}
                Got::Done => break,
                other => panic!("{other:?} after {chunks:?}"),
            }
        }
        assert_eq!(self.next().await, Got::End);
        chunks
    }
}

/// The types of chunks, each once where several of them follow one another.
pub(super) fn types(chunks: &[Value]) -> Vec<&str> {
    let mut types: Vec<_> = chunks.iter().map(|chunk| chunk["type"].as_str().unwrap()).collect();
    types.dedup();
    types
}

/// What the texts of chunks say.
pub(super) fn text(chunks: &[Value]) -> String {
    let texts = chunks.iter().filter(|chunk| chunk["type"] == "text-delta");
    texts.map(|chunk| chunk["delta"].as_str().unwrap()).collect()
}
