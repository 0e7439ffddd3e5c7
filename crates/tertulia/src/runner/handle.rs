//! The handle of a running runner: how much it has to do, and how to stop it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::core::Core;
use super::{CallStats, Depth, Handler, Intake, Notice, Stats};
use crate::storage::{ItemId, Offset};
use crate::{Conversation, Error, Result, Shard};

/// How long a shutdown takes at most after its deadline, to end tasks and to mark what is done.
const GRACE: Duration = Duration::from_secs(5);

/// A running runner. Dropping it without [`shutdown`](Self::shutdown) aborts it, which obeys the same contract
/// as a kill: what was acknowledged is in the inbox.
pub struct Handle<H: Handler> {
    core: Arc<Core<H>>,
    intake: Intake,
    /// True once the runner is to stop.
    stop: watch::Sender<bool>,
    /// The error of a source that cannot go on.
    failure: watch::Receiver<Option<Arc<Error>>>,
    /// The source tasks and the inbox task; taken by the first shutdown, aborted on drop.
    tasks: Mutex<Option<Feeds>>,
}

/// The tasks that bring updates.
pub(super) struct Feeds {
    pub(super) sources: Vec<JoinHandle<()>>,
    pub(super) inbox: JoinHandle<()>,
    /// True once the inbox is to take no more.
    pub(super) close: watch::Sender<bool>,
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.sources.iter().for_each(JoinHandle::abort);
        self.inbox.abort();
    }
}

/// An update that was not finished when the runner stopped. With a durable storage it is run after the next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Where it belongs.
    pub conversation: Conversation,
    /// The update's id.
    pub update: ItemId,
}

impl<H: Handler> Handle<H> {
    pub(super) fn new(
        core: Arc<Core<H>>,
        intake: Intake,
        stop: watch::Sender<bool>,
        failure: watch::Receiver<Option<Arc<Error>>>,
        feeds: Feeds,
    ) -> Self {
        Self { core, intake, stop, failure, tasks: Mutex::new(Some(feeds)) }
    }

    /// The way in for sources that push.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// What there is to do. Looks at every update that is known, under the lock that all workers need: for people and
    /// monitors, some times a second at most. The gauges of the `metrics` crate are set to it.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// The keys for which most updates wait, deepest first, at most `most`. As costly as [`stats`](Self::stats).
    pub fn deepest(&self, most: usize) -> Vec<Depth> {
        self.core.index.deepest(most, self.core.clock.now())
    }

    /// Has a parked update looked at again whose entry was let go or removed; nothing if it is not parked here.
    pub fn unpark(&self, shard: Shard, offset: Offset) {
        let start = self.core.index.unpark(shard, offset);
        self.core.start(start);
    }

    /// How many updates are known and not finished: running, ready, waiting for their key, or in backoff.
    pub fn size(&self) -> usize {
        self.core.index.len()
    }

    /// How many updates run, waiting in their handlers included.
    pub fn running(&self) -> usize {
        self.core.index.running()
    }

    /// How many calls are in the outbox of this process.
    pub fn calls(&self) -> usize {
        self.core.outbox.len()
    }

    /// What became of calls since the runner was started.
    pub fn call_stats(&self) -> CallStats {
        self.core.outbox.stats.read()
    }

    /// Whether the runner takes updates: neither shut down nor stopped by a source that cannot go on.
    pub fn is_running(&self) -> bool {
        !*self.stop.borrow() && self.failure.borrow().is_none()
    }

    /// Has the runner look at what was changed in its queues behind its back, as
    /// [`Intake::look`](super::Intake::look).
    ///
    /// # Errors
    /// `Closed` if the runner is stopping: the next start finds it.
    pub async fn look(&self, notice: Notice) -> Result<()> {
        self.intake.look(notice).await
    }

    /// Asks the sources for nothing more: polls end, and what was fetched is kept and confirmed. What is known runs
    /// on, and the intake stays open, until the [`shutdown`](Self::shutdown).
    pub fn stop_sources(&self) {
        self.stop.send_replace(true);
    }

    /// Resolves with the error of a source that cannot go on (a revoked token, a second poller). Never resolves
    /// otherwise. The caller then shuts down. Cancel safe.
    pub async fn failed(&self) -> Arc<Error> {
        let mut failure = self.failure.clone();
        loop {
            if let Some(error) = failure.borrow_and_update().clone() {
                return error;
            }
            if failure.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Stops: fetches nothing more, has what was fetched kept and confirmed to its source, closes the intake, and
    /// waits until what is known has run and its calls are made, all of that up to `deadline`. Then it drops
    /// handlers that still run and marks what is done, for which it takes at most 5 s more. Gives the updates
    /// that are left, oldest first. Updates in backoff are not waited for, nor calls that have failed and those behind
    /// them, which stay in the outbox. A second call gives none and does
    /// nothing.
    ///
    /// # Cancel safety
    /// If dropped, nothing more is taken in; what is known runs on until the handle is dropped.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Unfinished> {
        let Some(mut tasks) = self.tasks.lock().take() else { return Vec::new() };
        self.stop.send_replace(true);
        let drained = async {
            // These end by themselves once they are told; a panic in them was reported by the runtime.
            for source in &mut tasks.sources {
                let _ = source.await;
            }
            tasks.close.send_replace(true);
            let _ = (&mut tasks.inbox).await;
            // An update that waited for room runs when calls are made, and may make more of them.
            loop {
                self.core.index.quiet().await;
                // Twice: one that was under way may have looked before the last turn had ended, and rests since.
                for _ in 0..2 {
                    self.core.stir_calls();
                    self.core.outbox.settled().await;
                }
                if self.core.index.is_quiet() && self.core.outbox.is_settled() {
                    break;
                }
            }
        };
        if tokio::time::timeout(deadline, drained).await.is_err() {
            tracing::warn!("the deadline of the shutdown has passed");
        }
        drop(tasks);
        self.core.index.stop();
        let ended = async {
            self.core.tasks.stop().await;
            while let Err(error) = self.core.flush(self.core.together()).await {
                tracing::warn!(%error, "marks were not committed, trying again");
                self.core.clock.sleep(Duration::from_millis(100)).await;
            }
            if let Err(error) = self.core.note_stop().await {
                tracing::warn!(%error, "cannot note that the process stopped well");
            }
        };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("the runner did not end in time, what is not marked may be repeated");
        }
        let left = self.core.index.left();
        left.iter()
            .map(|arrived| Unfinished {
                conversation: arrived.about.conversation.clone(),
                update: arrived.about.update.clone(),
            })
            .collect()
    }
}

impl<H: Handler> Drop for Handle<H> {
    fn drop(&mut self) {
        self.core.tasks.abort();
    }
}

impl<H: Handler> fmt::Debug for Handle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("size", &self.size())
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
