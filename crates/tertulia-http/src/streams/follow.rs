//! Follows a stream: pages become frames as they come, until the stream ends or the reader is sent away.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use tertulia::stream::{self, Cursor, Followed, Limit, Page, Resync, Stream, Tail};
use tertulia::{Error, Timestamp};
use tokio::time::{Instant, Sleep};

use super::app::App;

/// How much one frame holds, unless a single entry is larger. A reader that is slow keeps so much of its own.
pub(crate) const PAGE: Limit = Limit { entries: usize::MAX, bytes: 64 << 10 };

/// What a page becomes. Nothing of it waits.
pub(crate) trait Frames: Send + 'static {
    /// What comes before everything else.
    fn begin(&mut self, out: &mut Vec<u8>);
    /// A page: the first one, or one with entries, or one that ends the stream.
    fn page(&mut self, page: &Page, out: &mut Vec<u8>);
    /// What was read is being said anew: where to go on, if the reader can be told.
    fn reset(&mut self, resync: &Resync, out: &mut Vec<u8>) -> Option<Cursor>;
    /// Nothing came for a while.
    fn idle(&mut self, next: Cursor, out: &mut Vec<u8>);
}

/// When a reader is sent away, to come back where it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    /// How long it is served.
    pub(crate) lasts: Option<Duration>,
    /// When its right to read ends.
    pub(crate) granted: Option<Timestamp>,
}

/// A reader of a stream.
struct Follow<F> {
    stream: Stream,
    tail: Tail,
    next: Cursor,
    frames: F,
    /// The first page, which was read before the answer began.
    first: Option<Page>,
    heartbeat: Duration,
    /// Rings at the next heartbeat, or at the end if that is sooner.
    alarm: Pin<Box<Sleep>>,
    ends: Option<Instant>,
    /// Resolves when the server stops.
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Something was sent since the last heartbeat.
    busy: bool,
    ended: bool,
}

/// Answers with what comes, beginning with `first`.
pub(crate) fn answer(app: &App, stream: Stream, first: Page, frames: impl Frames, until: Until) -> Response {
    let now = Instant::now();
    let granted = until.granted.map(|granted| granted.since(app.options.clock.now()));
    let ends = until.lasts.into_iter().chain(granted).min().and_then(|lasts| now.checked_add(lasts));
    let heartbeat = app.options.heartbeat;
    let tail = stream.tail(stream::From::At(first.next())).limit(PAGE);
    let mut follow = Box::new(Follow {
        stream,
        tail,
        next: first.next(),
        frames,
        first: Some(first),
        heartbeat,
        alarm: Box::pin(tokio::time::sleep(heartbeat)),
        ends,
        stopping: Box::pin(app.stopping()),
        busy: false,
        ended: false,
    });
    follow.wind();
    let frames = unfold(follow, async |mut follow| {
        let frame = follow.frame().await?;
        Some((Ok::<_, Infallible>(frame), follow))
    });
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Why a reader that waits goes on.
enum Woken {
    Followed(Result<Option<Followed>, Error>),
    Alarm,
    Stop,
}

impl<F: Frames> Follow<F> {
    /// Sets the alarm anew.
    fn wind(&mut self) {
        let beat = Instant::now() + self.heartbeat;
        self.alarm.as_mut().reset(self.ends.map_or(beat, |ends| ends.min(beat)));
    }

    /// What is sent next; nothing at the end.
    async fn frame(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = Vec::new();
        if let Some(first) = self.first.take() {
            self.frames.begin(&mut out);
            self.take(&first, &mut out);
            return Some(out.into());
        }
        loop {
            let woken = tokio::select! {
                biased;
                followed = self.tail.next() => Woken::Followed(followed),
                () = self.alarm.as_mut() => Woken::Alarm,
                () = self.stopping.as_mut() => Woken::Stop,
            };
            match woken {
                Woken::Followed(Ok(Some(Followed::Page(page)))) => self.take(&page, &mut out),
                Woken::Followed(Ok(Some(Followed::Reset(resync)))) => self.reset(&resync, &mut out),
                Woken::Followed(Ok(None)) | Woken::Stop => return None,
                Woken::Followed(Err(_)) => {
                    // The reader finds out why when it comes back.
                    self.ended = true;
                    return None;
                }
                Woken::Alarm if self.ends.is_some_and(|ends| ends <= Instant::now()) => return None,
                Woken::Alarm => {
                    self.wind();
                    // Reading keeps the stream alive as long as somebody follows it.
                    let one = Limit { entries: 1, bytes: 0 };
                    let _ = self.stream.read_known(stream::From::At(self.next), one).await;
                    if !std::mem::take(&mut self.busy) {
                        self.frames.idle(self.next, &mut out);
                    }
                }
            }
            if !out.is_empty() {
                return Some(out.into());
            }
            if self.ended {
                return None;
            }
        }
    }

    fn take(&mut self, page: &Page, out: &mut Vec<u8>) {
        self.frames.page(page, out);
        self.next = page.next();
        self.ended = page.closed().is_some();
        self.busy = true;
    }

    /// Goes on elsewhere, if the reader can be told; else it finds out when it comes back.
    fn reset(&mut self, resync: &Resync, out: &mut Vec<u8>) {
        match self.frames.reset(resync, out) {
            Some(next) => self.next = next,
            None => self.ended = true,
        }
    }
}
