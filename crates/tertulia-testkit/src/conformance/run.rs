//! Runs one case in a runtime of its own.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tertulia::storage::Limits;
use tokio::runtime::{Builder, Runtime};

use crate::Subject;

/// Which time a storage keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The runtime's, so that pausing and advancing that moves the storage's: for a storage that does all its
    /// work in the caller's task and reads [`tertulia::Clock`].
    Paused,
    /// Its own, which goes by as it does.
    Real,
}

/// A case that does not end has missed a wake-up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The same where idle time is skipped: nothing in a case waits for a year.
const PAUSED_PATIENCE: Duration = Duration::from_hours(24 * 365);

/// Limits so small that a case reaches each.
pub const SMALL: Limits = Limits {
    entry_bytes: 1_000,
    base_bytes: 4_000,
    batch_bytes: 10_000,
    writes: 16,
    queue_entries: 20,
    queue_bytes: 5_000,
};

/// Runs a case on two threads in real time, whatever time the storage keeps.
pub fn threads(_: Time, open: impl AsyncFnOnce(Limits) -> Subject, case: impl AsyncFnOnce(&Subject)) {
    run(two_threads(), PATIENCE, async || open(Limits::default()).await, case);
}

/// Runs a case on two threads over a store with small limits, if it can have such.
pub fn limited(_: Time, open: impl AsyncFnOnce(Limits) -> Subject, case: impl AsyncFnOnce(&Subject)) {
    run(two_threads(), PATIENCE, async || open(SMALL).await, case);
}

/// Runs a case in the storage's time: a paused one is moved by the case.
pub fn timed(time: Time, open: impl AsyncFnOnce(Limits) -> Subject, case: impl AsyncFnOnce(&Subject)) {
    match time {
        Time::Real => threads(time, open, case),
        Time::Paused => run(paused(), PAUSED_PATIENCE, async || open(Limits::default()).await.paused(), case),
    }
}

/// The same for a case that takes as long as its caller wants, and leaps over years; its steps are bounded.
pub fn unhurried(time: Time, open: impl AsyncFnOnce(Limits) -> Subject, case: impl AsyncFnOnce(&Subject)) {
    match time {
        Time::Real => two_threads().block_on(async { case(&open(Limits::default()).await).await }),
        Time::Paused => paused().block_on(async { case(&open(Limits::default()).await.paused()).await }),
    }
}

fn paused() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().expect("a runtime can be made")
}

fn two_threads() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime can be made")
}

fn run(
    runtime: Runtime,
    patience: Duration,
    open: impl AsyncFnOnce() -> Subject,
    case: impl AsyncFnOnce(&Subject),
) {
    runtime.block_on(async {
        let subject = open().await;
        bounded(patience, case(&subject)).await;
    });
}

/// Panics if work does not come to its end: neither if it waits for what never comes, nor if it goes round.
async fn bounded(patience: Duration, work: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(patience, watched(work)).await;
    assert!(ended.is_ok(), "the case waits for something that never comes");
}

/// One step of a case without hurry.
pub(crate) async fn step(subject: &Subject, work: impl Future<Output = ()>) {
    bounded(if subject.can_leap() { PAUSED_PATIENCE } else { PATIENCE }, work).await;
}

/// Ends a case that goes round for ever; a paused clock would let it.
async fn watched(case: impl Future<Output = ()>) {
    let mut case = pin!(case);
    let began = real_now();
    poll_fn(|context| {
        assert!(real_now() - began < PATIENCE, "the case goes round and comes to no end");
        case.as_mut().poll(context)
    })
    .await;
}

#[allow(clippy::disallowed_methods, reason = "the paused clock stands still or races while a case hangs")]
fn real_now() -> std::time::Instant {
    std::time::Instant::now()
}
