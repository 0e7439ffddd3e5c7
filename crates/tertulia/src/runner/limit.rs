//! The time limit of a handler, which takes effect where the handler awaits.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::error::Kind;
use crate::{Error, Result};

/// Until when a handler may run.
#[derive(Debug, Default)]
pub(super) struct Limit(Mutex<Option<Instant>>);

impl Limit {
    /// Lets the handler run so long from now, if it might not run that long anyway.
    pub(super) fn extend(&self, more: Duration) {
        let mut until = self.0.lock();
        *until =
            Instant::now().checked_add(more).map(|wanted| until.map_or(wanted, |known| known.max(wanted)));
    }

    /// Runs `run` until the limit has passed, when the caller drops it. A future that never waits costs nothing; the
    /// time counts from its first wait.
    ///
    /// # Errors
    /// `Timeout`.
    pub(super) async fn keep<F: Future>(
        &self,
        limit: Option<Duration>,
        mut run: Pin<&mut F>,
    ) -> Result<F::Output> {
        if let Poll::Ready(ended) = poll_fn(|context| Poll::Ready(run.as_mut().poll(context))).await {
            return Ok(ended);
        }
        // It has just been polled, and is not polled again before something wakes it.
        let mut waits = true;
        let Some(limit) = limit else { return Ok(run.await) };
        let began = Instant::now();
        self.extend(limit);
        loop {
            // None is further away than clocks count.
            let until = *self.0.lock();
            let Some(until) = until else { return Ok(run.await) };
            let mut passed = pin!(sleep_until(until));
            let ended = poll_fn(|context| {
                if !std::mem::take(&mut waits)
                    && let Poll::Ready(ended) = run.as_mut().poll(context)
                {
                    return Poll::Ready(Some(ended));
                }
                passed.as_mut().poll(context).map(|()| None)
            });
            if let Some(ended) = ended.await {
                return Ok(ended);
            }
            if *self.0.lock() == Some(until) {
                let seconds = began.elapsed().as_secs_f32();
                return Err(Error::new(
                    Kind::Timeout,
                    format!("the handler was cancelled after {seconds:.1} s, its time limit"),
                ));
            }
        }
    }
}
