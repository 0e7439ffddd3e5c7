//! The bodies of requests, within bounds of size and time, and those of answers, watched until they end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body_util::Limited;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// A body that has to arrive in time; its size is limited underneath.
pub(super) struct Arriving {
    body: Limited<Incoming>,
    deadline: Instant,
    /// Armed when the body is waited for.
    sleep: Option<Pin<Box<Sleep>>>,
    late: Late,
}

/// Whether a body was too late: set by the body, read when its request is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Late(Arc<AtomicBool>);

impl Late {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Arriving {
    pub(super) fn new(body: Incoming, bytes: usize, within: Duration, late: Late) -> Self {
        Self { body: Limited::new(body, bytes), deadline: Instant::now() + within, sleep: None, late }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let ready = Pin::new(&mut self.body).poll_frame(cx);
        if ready.is_ready() {
            return ready;
        }
        let deadline = self.deadline;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        match sleep.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.late.0.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err("the body did not arrive in time".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, and what is to be dropped when it ends.
pub(super) struct Until<T> {
    body: axum::body::Body,
    _end: T,
}

impl<T> Until<T> {
    pub(super) fn new(body: axum::body::Body, end: T) -> Self {
        Self { body, _end: end }
    }
}

impl<T: Unpin> Body for Until<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
