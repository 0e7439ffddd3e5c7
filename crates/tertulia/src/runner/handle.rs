//! The handle of a running runner: how much it has to do, and how to stop it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::core::Core;
use super::{Handler, Intake, Source};
use crate::error::Kind;
use crate::storage::ItemId;
use crate::{Clock, Conversation, Error};

/// How many updates a source is asked for at once.
const FETCH: usize = 100;

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

struct Feeds {
    sources: Vec<JoinHandle<()>>,
    inbox: JoinHandle<()>,
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
        sources: Vec<JoinHandle<()>>,
        inbox: JoinHandle<()>,
    ) -> Self {
        Self { core, intake, stop, failure, tasks: Mutex::new(Some(Feeds { sources, inbox })) }
    }

    /// The way in for sources that push.
    pub fn intake(&self) -> &Intake {
        &self.intake
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

    /// Whether the runner takes updates: neither shut down nor stopped by a source that cannot go on.
    pub fn is_running(&self) -> bool {
        !*self.stop.borrow() && self.failure.borrow().is_none()
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

    /// Stops: fetches nothing more, waits up to `deadline` until what is known has run and its calls are made,
    /// drops handlers that still run, marks what is done, and confirms to each source what is in the inbox.
    /// Gives the updates that are left. A second call gives none and does nothing.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Unfinished> {
        let Some(mut tasks) = self.tasks.lock().take() else { return Vec::new() };
        self.stop.send_replace(true);
        let drained = async {
            // Both end by themselves once they are told; a panic in them was reported by the runtime.
            for source in &mut tasks.sources {
                let _ = source.await;
            }
            let _ = (&mut tasks.inbox).await;
            self.core.index.quiet().await;
            self.core.outbox.empty().await;
        };
        if tokio::time::timeout(deadline, drained).await.is_err() {
            tracing::warn!("the deadline of the shutdown has passed");
        }
        drop(tasks);
        let left = self.core.index.stop();
        self.core.tasks.stop().await;
        if let Err(error) = self.core.flush().await {
            tracing::warn!(%error, "marks were not committed, what they mark may be repeated after the next start");
        }
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

/// Asks a source for updates until told to stop: fetches, has the whole batch put into the inbox, fetches again.
pub(super) async fn feed(
    mut source: Box<dyn Source>,
    intake: Intake,
    clock: Clock,
    mut stopping: watch::Receiver<bool>,
    failed: watch::Sender<Option<Arc<Error>>>,
) {
    let mut wait = Duration::from_millis(100);
    loop {
        let fetched = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => break,
            fetched = source.fetch(FETCH) => fetched,
        };
        let error = match fetched {
            Ok(updates) => match intake.submit_all(updates).await {
                Ok(_) => {
                    wait = Duration::from_millis(100);
                    continue;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        match error.kind() {
            // The inbox closes only when the runner stops: what is not in it is not confirmed.
            Kind::Closed => return,
            Kind::Unavailable | Kind::Timeout | Kind::Unknown => {
                tracing::warn!(?source, %error, "a source cannot be asked, trying again in {} ms", wait.as_millis());
                tokio::select! {
                    _ = stopping.wait_for(|stop| *stop) => break,
                    () = clock.sleep(wait) => {}
                }
                wait = (wait * 2).min(Duration::from_secs(30));
            }
            _ => {
                tracing::error!(?source, %error, "a source cannot go on");
                failed.send_replace(Some(Arc::new(error)));
                return;
            }
        }
    }
    if let Err(error) = source.confirm().await {
        tracing::warn!(?source, %error, "the last updates were not confirmed, they are given again and recognised");
    }
}
