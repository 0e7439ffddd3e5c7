//! A connection that is given up when its client is too slow: with its headers, with taking what it is sent, or with its
//! next request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::ServerOptions;

/// A stream of bytes with deadlines.
pub(super) struct Patient<I> {
    io: I,
    header_within: Duration,
    idle_within: Duration,
    write_within: Duration,
    requests: Requests,
    reading: Reading,
    /// When the client last took something.
    took: Instant,
    /// How many requests had begun when the client was last listened to.
    begun: usize,
    read_timer: Timer,
    /// Since when the client takes nothing.
    stuck: Option<Instant>,
    write_timer: Timer,
}

/// The requests of a connection, counted by whoever answers them. Clones are one count.
#[derive(Clone, Debug)]
pub(super) struct Requests(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    began: Instant,
    begun: AtomicUsize,
    ended: AtomicUsize,
    /// When the last one ended, in milliseconds since the connection began.
    last: AtomicU64,
}

/// A request, under way until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Requests);

/// What is expected of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// A request, since the last one ended. Nothing while one is under way: a body has a time limit of its own.
    Request,
    /// The end of its headers, since then. What came together with the end of an earlier request does not count as begun.
    Headers(Instant),
}

impl Requests {
    pub(super) fn new() -> Self {
        let (begun, ended) = Default::default();
        Self(Arc::new(Counts { began: Instant::now(), begun, ended, last: AtomicU64::new(0) }))
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Whether one is under way.
    fn any(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed) < self.begun()
    }

    /// When the last one ended; if there was none, when the connection began.
    fn last(&self) -> Instant {
        self.0.began + Duration::from_millis(self.0.last.load(Ordering::Relaxed))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Counts { began, ended, last, .. } = &*self.0.0;
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        last.store(millis, Ordering::Relaxed);
        ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl<I> Patient<I> {
    pub(super) fn new(io: I, options: &ServerOptions, requests: Requests) -> Self {
        Self {
            io,
            header_within: options.header_within,
            idle_within: options.idle_within,
            write_within: options.write_within,
            requests,
            reading: Reading::Request,
            took: Instant::now(),
            begun: 0,
            read_timer: Timer::default(),
            stuck: None,
            write_timer: Timer::default(),
        }
    }

    /// Nothing can be read now: how long is that to be borne?
    fn wait_for_request(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let (since, within, text) = match self.reading {
            // It may end without the client being listened to again, so the timer has to be set before.
            _ if self.requests.any() => (Instant::now(), self.idle_within, ""),
            Reading::Headers(since) => (since, self.header_within, "the headers did not arrive in time"),
            // The end of an answer is taken after the answer is made.
            Reading::Request => {
                let since = self.requests.last().max(self.took);
                (since, self.idle_within, "there was no request for too long")
            }
        };
        self.read_timer.poll(cx, since + within).map(|()| late(text))
    }

    /// After a try to write: moved it, or did the client take nothing for too long?
    fn wait_to_write<T>(&mut self, cx: &mut Context<'_>, tried: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.stuck = None;
            self.took = Instant::now();
            return tried;
        }
        let since = *self.stuck.get_or_insert_with(Instant::now);
        ready!(self.write_timer.poll(cx, since + self.write_within));
        Poll::Ready(Err(late("the client took nothing for too long")))
    }
}

/// So many bytes are written in one piece: copying them costs less than telling the system of several.
const JOINED: usize = 2 << 10;

/// The pieces one after another, if they are few bytes.
fn join<'a>(bufs: &[io::IoSlice<'_>], joined: &'a mut [u8; JOINED]) -> Option<&'a [u8]> {
    let mut end = 0;
    for buf in bufs {
        joined.get_mut(end..end + buf.len())?.copy_from_slice(buf);
        end += buf.len();
    }
    Some(&joined[..end])
}

fn late(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, text)
}

impl<I: AsyncRead + Unpin> AsyncRead for Patient<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let begun = this.requests.begun();
        if std::mem::replace(&mut this.begun, begun) != begun {
            // These headers are complete.
            this.reading = Reading::Request;
        }
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        if read.is_pending() {
            return this.wait_for_request(cx).map(Err);
        }
        if !matches!(this.reading, Reading::Headers(_)) && !this.requests.any() {
            this.reading = Reading::Headers(Instant::now());
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Patient<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wait_to_write(cx, tried)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = match join(bufs, &mut [0; JOINED]) {
            Some(joined) => Pin::new(&mut self.io).poll_write(cx, joined),
            None => Pin::new(&mut self.io).poll_write_vectored(cx, bufs),
        };
        self.wait_to_write(cx, tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A deadline that moves often and is reached seldom: the timer is set again only when it rings, or when the deadline
/// comes closer.
#[derive(Debug, Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests;
