//! A bot over HTTP whose handler is a function of the test, behind a socket.

mod answers;
mod events;
mod lines;
mod once;
mod posts;
mod refusals;
mod times;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use serde_json::Value;
use tertulia::bot::{Bot, Running};
use tertulia::runner::{self, dead};
use tertulia::storage::{Memory, Storage};
use tertulia::{Clock, Conversation, Sessions};
use tertulia_http::{Http, Message, Options, ProblemKind, exchange};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::remote::Remote;
use super::state::State;
use crate::config;

/// What was posted.
#[derive(Clone, Debug)]
struct Posted {
    peer: SocketAddr,
    headers: HeaderMap,
    body: Bytes,
    json: Value,
}

/// A running bot and what its handler was posted.
struct Desk {
    running: Running,
    storage: Arc<dyn Storage>,
    posts: mpsc::UnboundedReceiver<Posted>,
}

/// Retries at once, and only so often; hangs for a minute at most.
fn patience(retries: u16) -> runner::Options {
    let (backoff, time_limit) = (Duration::from_millis(1), Some(Duration::from_mins(1)));
    runner::Options { retries, backoff, time_limit, ..Default::default() }
}

/// An answer in JSON.
fn whole(json: &Value) -> Response<Body> {
    typed("application/json", json.to_string())
}

fn typed(kind: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder().header("content-type", kind).body(body.into()).unwrap()
}

impl Desk {
    async fn new(answer: impl Fn(Posted) -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        Self::with(patience(0), None, move |posted| {
            let answer = answer.clone();
            async move { answer(posted) }
        })
        .await
    }

    /// A bot with these bounds, whose handler is posted to with this secret.
    async fn with<F>(
        options: runner::Options,
        secret: Option<&str>,
        answer: impl Fn(Posted) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Body>> + Send,
    {
        let (told, posts) = mpsc::unbounded_channel();
        let routes = move |ConnectInfo(peer), headers: HeaderMap, body: Bytes| async move {
            let json = serde_json::from_slice(&body).unwrap();
            let posted = Posted { peer, headers, body, json };
            told.send(posted.clone()).unwrap();
            answer(posted).await
        };
        let routes = Router::new()
            .fallback(routes)
            .layer(DefaultBodyLimit::disable())
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/updates", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let remote = Remote::new(&config::Handler {
            url: url.parse().unwrap(),
            secret: secret.map(config::Secret::new),
            cancel: None,
            session: "handler".to_owned(),
            time_limit: options.time_limit.unwrap(),
        });
        let clock = Clock::system();
        let storage: Arc<dyn Storage> =
            Arc::new(Memory::with(clock.clone(), Default::default(), Memory::DEFAULT_MAX_BYTES));
        let bot = Bot::new(Http).storage(Arc::clone(&storage)).clock(clock).options(options);
        let running = remote.unwrap().on(bot).start().await.unwrap();
        Self { running, storage, posts }
    }

    /// Says something in the conversation `http:<name>`, and gives the replies.
    async fn say_in(&self, name: &str, text: &str) -> Result<Vec<String>, ProblemKind> {
        let conversation = Conversation::new("http", name).unwrap();
        let said =
            exchange(self.running.door(), &conversation, &Message::new(text), None, &Options::new()).await;
        let replies = said.map_err(|problem| problem.kind())?.replies;
        Ok(replies.into_iter().map(|reply| reply.text).collect())
    }

    async fn say(&self, text: &str) -> Result<Vec<String>, ProblemKind> {
        self.say_in("ana", text).await
    }

    /// What is kept of `http:ana`.
    async fn session(&self) -> Value {
        let sessions = Sessions::<State>::new(Arc::clone(&self.storage), "handler").unwrap();
        sessions.get("http:ana").await.unwrap().0.clone()
    }

    /// The next post.
    async fn posted(&mut self) -> Posted {
        self.posts.recv().await.unwrap()
    }

    /// Why updates were given up.
    async fn errors(&self) -> Vec<String> {
        let listing = dead::list(&*self.storage, &runner::Query::default()).await.unwrap();
        listing.entries.into_iter().map(|letter| letter.record.unwrap().error).collect()
    }
}
