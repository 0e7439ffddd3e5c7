//! The routes of streams, requests to them, and a reader of server-sent events.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use tertulia::Conversation;
use tertulia::stream::{Stream, StreamId, Streams};
use tertulia_http::{StreamsHttpOptions, streams};
use tower::ServiceExt;

/// The type of streams of text.
pub(crate) const TEXT: (&str, &str) = ("content-type", "text/plain");
/// The type of streams of messages.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const CLOSED: (&str, &str) = ("stream-closed", "true");

/// Streams in memory, behind the routes.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) streams: Streams,
    router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut StreamsHttpOptions)) -> Self {
        let mut options = StreamsHttpOptions::default();
        change(&mut options);
        let all = Streams::memory();
        Self { streams: all.clone(), router: streams(all, options) }
    }

    pub(crate) async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> axum::response::Response {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let (parts, body) = self.answer(method, path, headers, body).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn put(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("PUT", path, headers, body.to_owned()).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("POST", path, headers, body.to_owned()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send("HEAD", path, &[], "").await
    }

    /// Follows server-sent events.
    pub(crate) async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> Reader {
        let response = self.answer("GET", path, headers, "").await;
        Reader::of(response)
    }

    /// The stream of a conversation.
    pub(crate) async fn stream(&self, conversation: &str, name: &str) -> Stream {
        let conversation = Conversation::parse(conversation).unwrap();
        self.streams.get(&StreamId::new(conversation, name).unwrap()).await.unwrap().unwrap()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn offset(&self) -> &str {
        self.header("stream-next-offset").unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The kind of a failure.
    pub(crate) fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap().to_owned()
    }
}

/// An event as a browser gives it to scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) data: String,
    /// The id of the last event that had one.
    pub(crate) id: String,
}

/// Reads server-sent events as the HTML standard has browsers read them.
pub(crate) struct Reader {
    body: BodyDataStream,
    text: String,
    pub(crate) last_id: String,
    pub(crate) retry: Option<Duration>,
}

impl Reader {
    /// Of an answer that goes on.
    pub(crate) fn of(response: axum::response::Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body = response.into_body().into_data_stream();
        Self { body, text: String::new(), last_id: String::new(), retry: None }
    }

    /// The next event; nothing at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(block) = self.block() {
                if let Some(event) = self.dispatch(&block) {
                    return Some(event);
                }
            }
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// All events that are left.
    pub(crate) async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// The lines up to the next empty one.
    fn block(&mut self) -> Option<Vec<String>> {
        let text = self.text.replace("\r\n", "\n").replace('\r', "\n");
        let (block, rest) = text.split_once("\n\n")?;
        let block = block.split('\n').map(str::to_owned).collect();
        self.text = rest.to_owned();
        Some(block)
    }

    fn dispatch(&mut self, lines: &[String]) -> Option<Event> {
        let (mut kind, mut data) = ("message".to_owned(), None::<String>);
        for line in lines {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => kind = value.to_owned(),
                "data" => match &mut data {
                    Some(data) => data.extend(["\n", value]),
                    None => data = Some(value.to_owned()),
                },
                "id" if !value.contains('\0') => self.last_id = value.to_owned(),
                "retry" => self.retry = value.parse().ok().map(Duration::from_millis),
                _ => {}
            }
        }
        data.map(|data| Event { kind, data, id: self.last_id.clone() })
    }
}
