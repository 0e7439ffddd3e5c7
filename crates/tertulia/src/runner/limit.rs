//! How long a handler may run, and stopping it: both take effect where the handler awaits.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// The limit has passed. No `Error`: a storage that is late is not the handler's fault, and this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    /// How long the handler ran.
    after: Duration,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler was cancelled after {:.1} s, its time limit", self.after.as_secs_f32())
    }
}

impl std::error::Error for Passed {}

/// Until when a handler may run.
#[derive(Debug, Default)]
pub(super) struct Limit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Until,
    /// It is to be dropped where it awaits.
    stopped: bool,
    /// Of whoever keeps the limit.
    waker: Option<Waker>,
}

/// A moment, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Until {
    /// Nobody has set any yet.
    #[default]
    Unset,
    /// There is none, or clocks do not count so far.
    Never,
    Moment(Instant),
    /// The clock stands still, with so much left.
    Paused(Duration),
}

impl Until {
    fn after(time: Duration) -> Self {
        Instant::now().checked_add(time).map_or(Self::Never, Self::Moment)
    }
}

/// Why a handler was dropped.
#[derive(Debug)]
pub(super) enum Dropped {
    /// Its time was up.
    Late(Passed),
    /// It was stopped.
    Stopped,
}

impl Limit {
    /// Lets the handler run so long from now, if it might not run that long anyway.
    pub(super) fn extend(&self, more: Duration) {
        self.change(|until| {
            *until = match *until {
                Until::Unset => Until::after(more),
                Until::Never => Until::Never,
                Until::Moment(moment) => match Until::after(more) {
                    Until::Moment(wanted) => Until::Moment(wanted.max(moment)),
                    other => other,
                },
                Until::Paused(left) => Until::Paused(left.max(more)),
            }
        });
    }

    /// Has the clock stand still.
    pub(super) fn pause(&self) {
        self.change(|until| match *until {
            Until::Unset => *until = Until::Paused(Duration::ZERO),
            Until::Moment(moment) => {
                *until = Until::Paused(moment.saturating_duration_since(Instant::now()));
            }
            Until::Never | Until::Paused(_) => {}
        });
    }

    /// Has the clock go on.
    pub(super) fn go_on(&self) {
        self.change(|until| {
            if let Until::Paused(left) = *until {
                *until = Until::after(left);
            }
        });
    }

    /// Has the handler dropped where it awaits.
    pub(super) fn stop(&self) {
        let waker = {
            let mut state = self.0.lock();
            state.stopped = true;
            state.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn change(&self, change: impl FnOnce(&mut Until)) {
        let waker = {
            let mut state = self.0.lock();
            let before = state.until;
            change(&mut state.until);
            // Who keeps the limit looks at it after each poll: only others have to wake him.
            if state.until == before { None } else { state.waker.take() }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Runs `run`, which was polled once and waits, until the limit has passed or it is stopped, when the caller drops
    /// it. The time counts from here.
    ///
    /// # Errors
    /// Why it is to be dropped.
    pub(super) async fn keep<F: Future>(
        &self,
        limit: Option<Duration>,
        mut run: Pin<&mut F>,
    ) -> Result<F::Output, Dropped> {
        let began = Instant::now();
        match limit {
            Some(limit) => self.extend(limit),
            None => self.change(|until| *until = Until::Never),
        }
        let mut passed = pin!(sleep_until(began));
        // It has just been polled, and is not polled again before something wakes it.
        let mut waits = true;
        poll_fn(|context| {
            if !std::mem::take(&mut waits)
                && let Poll::Ready(ended) = run.as_mut().poll(context)
            {
                return Poll::Ready(Ok(ended));
            }
            let Some(until) = self.look(context)? else { return Poll::Pending };
            if passed.deadline() != until {
                passed.as_mut().reset(until);
            }
            passed.as_mut().poll(context).map(|()| Err(Dropped::Late(Passed { after: began.elapsed() })))
        })
        .await
    }

    /// Until when it may run, as things are now, and has whoever keeps the limit woken when that changes.
    fn look(&self, context: &Context<'_>) -> Result<Option<Instant>, Dropped> {
        let mut state = self.0.lock();
        if state.stopped {
            return Err(Dropped::Stopped);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        match state.until {
            Until::Moment(until) => Ok(Some(until)),
            Until::Unset | Until::Never | Until::Paused(_) => Ok(None),
        }
    }
}
