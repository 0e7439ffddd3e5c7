//! Sessions behind their routes, and requests to them.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tertulia::session::Options;
use tertulia::storage::Memory;
use tertulia::{Clock, Log, Sessions};
use tertulia_http::{Exposed, SessionsHttpOptions, sessions};
use tower::ServiceExt;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Chat {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) count: u64,
    #[serde(default)]
    pub(super) notes: Vec<String>,
    #[serde(default)]
    pub(super) history: Log<String>,
}

pub(super) const ANA: &str = "/v1/sessions/http:ana/chat";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const PATCH: &str = "application/json-patch+json";

/// The routes over a storage, and its sessions as another process has them, with 4 items of each log.
pub(super) struct Desk {
    pub(super) routes: Router,
    pub(super) chats: Sessions<Chat>,
}

pub(super) fn chats(storage: &Memory) -> Sessions<Chat> {
    let options = Options { log_tail: 4, ..Options::default() };
    Sessions::with(storage.clone(), Clock::system(), "chat", options).unwrap()
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut SessionsHttpOptions)) -> Self {
        Self::over(&Memory::new(), change)
    }

    pub(super) fn over(storage: &Memory, change: impl FnOnce(&mut SessionsHttpOptions)) -> Self {
        let mut options = SessionsHttpOptions::default();
        change(&mut options);
        let other = Sessions::<Chat>::new(storage.clone(), "other").unwrap();
        let exposed = Exposed::new(chats(storage)).and(other);
        Self { routes: sessions(exposed, options), chats: chats(storage) }
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.routes.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let json = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Answer { status: head.status, headers: head.headers, json }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(request(Method::GET, path, &[], "")).await
    }

    pub(super) async fn put(&self, body: impl Into<Body>) -> Answer {
        self.ask(request(Method::PUT, ANA, &[], body)).await
    }

    pub(super) async fn patch(&self, of: &str, body: &Value) -> Answer {
        self.ask(request(Method::PATCH, ANA, &[("content-type", of)], body.to_string())).await
    }
}

pub(super) fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(body.into()).unwrap()
}

/// A response, read.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
}

impl Answer {
    pub(super) fn etag(&self) -> &str {
        self.headers["etag"].to_str().unwrap()
    }

    /// The kind and the message of a failure.
    pub(super) fn error(&self) -> (u16, &str, &str) {
        let error = &self.json["error"];
        let text = |name: &str| error[name].as_str().unwrap();
        (self.status.as_u16(), text("kind"), text("message"))
    }
}
