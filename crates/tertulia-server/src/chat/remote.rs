//! Follows the live replies of a bot behind a server: the feed of the conversation tells of them, and each is a stream.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::{Body, StatusCode};
use serde::Deserialize;
use sse_stream::{Sse, SseStream};
use tertulia::stream::Event;

use super::screen::Seen;
use crate::client::Client;

/// The wait before a connection is made again.
const WAIT: Duration = Duration::from_millis(500);

/// What is said in a conversation from here on.
pub(super) struct Following<'a> {
    client: &'a Client,
    feed: Connection,
    /// The live reply that is being read.
    reading: Option<Connection>,
}

/// A connection that is made again when it is lost, where it was.
struct Connection {
    /// What follows the server's URL.
    path: String,
    last: Option<String>,
    events: Option<BoxStream<'static, Result<Sse, sse_stream::Error>>>,
}

/// What an event of the feed tells.
#[derive(Deserialize)]
struct Told {
    /// Where the stream of a live reply is.
    #[serde(default)]
    path: String,
    #[serde(default)]
    update: String,
}

impl<'a> Following<'a> {
    /// Begins to follow; `None` if the server has no feed, or none for this token.
    pub(super) async fn new(client: &'a Client) -> Option<Self> {
        let mut feed = Connection::to(client.chat("feed"));
        if !matches!(feed.connect(client).await, Ok(true)) {
            return None;
        }
        // Once something has come, everything that follows is told.
        feed.next(client).await;
        Some(Self { client, feed, reading: None })
    }

    /// What comes next. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Seen {
        loop {
            if let Some(reading) = &mut self.reading {
                let Some(Sse { event, data, .. }) = reading.next(self.client).await else {
                    self.reading = None;
                    return Seen::End;
                };
                match (event.as_deref(), data) {
                    (Some("reset"), _) => return Seen::Reset,
                    (Some("end"), _) => {
                        self.reading = None;
                        return Seen::End;
                    }
                    // Named after what they are.
                    (_, Some(data)) => {
                        if let Ok(event) = Event::decode(data.as_bytes()) {
                            return Seen::Event(event);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            let Some(Sse { event: Some(event), data: Some(data), .. }) = self.feed.next(self.client).await
            else {
                // A feed that is no more: what is said is shown when it is whole.
                if self.feed.events.is_none() {
                    std::future::pending::<()>().await;
                }
                continue;
            };
            let Ok(Told { path, update }) = serde_json::from_str(&data) else { continue };
            match event.as_str() {
                "live" => self.reading = Some(Connection::to(format!("/v1/events/{path}"))),
                "turn" => return Seen::Answered(update),
                _ => {}
            }
        }
    }

    /// Asks what is said to stop.
    pub(super) async fn stop(&self) {
        // It goes on if the server does not hear of it, and the next Ctrl-C ends the program.
        let _ = self.client.request(reqwest::Method::POST, &self.client.chat("stop")).send().await;
    }
}

impl Connection {
    fn to(path: String) -> Self {
        Self { path, last: None, events: None }
    }

    /// Whether there is something to be read.
    async fn connect(&mut self, client: &Client) -> Result<bool, reqwest::Error> {
        let mut request = client.request(reqwest::Method::GET, &self.path);
        if let Some(last) = &self.last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await?;
        let there = response.status() == StatusCode::OK;
        self.events = there.then(|| SseStream::new(Body::from(response)).boxed());
        Ok(there)
    }

    /// The next event, over as many connections as it takes; `None` if there are none any more.
    async fn next(&mut self, client: &Client) -> Option<Sse> {
        loop {
            if let Some(events) = &mut self.events {
                if let Some(Ok(event)) = events.next().await {
                    if let Some(id) = &event.id {
                        self.last = Some(id.clone());
                    }
                    return Some(event);
                }
                self.events = None;
            }
            match self.connect(client).await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(_) => client.pause(WAIT).await,
            }
        }
    }
}
