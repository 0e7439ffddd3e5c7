//! A message as server-sent events, as `DefaultChatTransport` reads them.

use std::io;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::time::{Instant, Sleep};

use super::chunk::{DONE, KEEP_ALIVE};
use super::router::App;
use super::telling::{Next, Telling};
use crate::Gate;

const STREAM: HeaderName = HeaderName::from_static("x-vercel-ai-ui-message-stream");
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Somebody reads a message.
struct Reader {
    telling: Telling,
    /// Rings when the connection has been quiet for too long.
    alarm: Pin<Box<Sleep>>,
    heartbeat: std::time::Duration,
    until: Instant,
    gate: Option<Gate>,
    is_over: bool,
}

/// Answers with a message as it is told.
pub(super) fn answer(app: &App, telling: Telling) -> Response {
    let options = &app.options;
    let reader = Reader {
        telling,
        alarm: Box::pin(tokio::time::sleep(options.heartbeat)),
        heartbeat: options.heartbeat,
        until: Instant::now() + options.follow_for,
        gate: options.gate.clone(),
        is_over: false,
    };
    let frames = unfold(Box::new(reader), async |mut reader| {
        let frame = reader.frame().await?;
        Some((frame, reader))
    });
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(STREAM, HeaderValue::from_static("v1"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}

/// Why a reader that waits goes on.
enum Woken {
    Next(tertulia::Result<Next>),
    Alarm,
    SentAway,
}

impl Reader {
    /// What is sent next; nothing at the end. A reader that is to resume gets an error, which cuts its connection: an
    /// answer that ends in order, it would take for the whole message.
    async fn frame(&mut self) -> Option<io::Result<Bytes>> {
        if self.is_over {
            return None;
        }
        let closed = async {
            match &self.gate {
                Some(gate) => gate.closed().await,
                None => std::future::pending().await,
            }
        };
        let woken = tokio::select! {
            biased;
            () = closed => Woken::SentAway,
            () = tokio::time::sleep_until(self.until) => Woken::SentAway,
            next = self.telling.next() => Woken::Next(next),
            () = self.alarm.as_mut() => Woken::Alarm,
        };
        self.alarm.as_mut().reset(Instant::now() + self.heartbeat);
        let (chunks, is_end) = match woken {
            Woken::Alarm => return Some(Ok(Bytes::from_static(KEEP_ALIVE))),
            Woken::Next(Ok(Next::Chunks(chunks))) => (chunks, false),
            Woken::Next(Ok(Next::End(chunks))) => (chunks, true),
            Woken::Next(Ok(Next::Anew)) => return self.cut("what was told is being said anew"),
            Woken::SentAway => return self.cut("the reader is sent away, to resume"),
            Woken::Next(Err(error)) => {
                tracing::warn!(%error, "a message cannot be told on");
                return self.cut("the message cannot be told on now");
            }
        };
        let mut out = Vec::new();
        chunks.iter().for_each(|chunk| chunk.frame(&mut out));
        if is_end {
            out.extend_from_slice(DONE);
            self.is_over = true;
        }
        Some(Ok(out.into()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what comes next")]
    fn cut(&mut self, why: &str) -> Option<io::Result<Bytes>> {
        self.is_over = true;
        Some(Err(io::Error::other(why.to_owned())))
    }
}
