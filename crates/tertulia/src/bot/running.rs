//! A running bot.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Adapter;
use super::router::Router;
use super::session::Flush;
use crate::runner::{Handle, Intake, Notice, Stats, Unfinished};
use crate::storage::Storage;
use crate::stream::Streams;
use crate::{Clock, Conversation, Error, Result};

/// A running bot. Dropping it aborts it, which loses nothing that was acknowledged.
pub struct Running {
    handle: Handle<Router>,
    /// Sessions that are saved without being waited for.
    queued: Vec<Arc<dyn Flush>>,
    door: Door,
}

/// How an adapter that is not asked for updates brings them: into the inbox, with the answers in the storage.
#[derive(Clone, Debug)]
pub struct Door {
    /// Takes updates.
    pub intake: Intake,
    /// Where the answers are.
    pub storage: Arc<dyn Storage>,
    /// The bot's clock, for random ids too.
    pub clock: Clock,
    /// What handlers say as they say it.
    pub streams: Streams,
    /// The bot's platforms, each with whether it is read rather than called.
    platforms: Arc<[(Arc<dyn Adapter>, bool)]>,
}

impl Door {
    /// The platform of the conversations of this source, if the bot has it.
    pub fn platform(&self, source: &str) -> Option<&dyn Adapter> {
        let of = |(adapter, _): &&(Arc<dyn Adapter>, bool)| adapter.name() == source;
        self.platforms.iter().find(of).map(|(adapter, _)| &**adapter)
    }

    /// Whether what is replied in a conversation is kept as [`Answer`](super::answer::Answer)s, since nothing is called there.
    pub fn answers(&self, conversation: &Conversation) -> bool {
        let of = |(adapter, answers): &(Arc<dyn Adapter>, bool)| {
            *answers && adapter.name() == conversation.source()
        };
        self.platforms.iter().any(of)
    }
}

impl Running {
    pub(super) fn new(
        handle: Handle<Router>,
        queued: Vec<Arc<dyn Flush>>,
        storage: Arc<dyn Storage>,
        clock: Clock,
        streams: Streams,
        platforms: Arc<[(Arc<dyn Adapter>, bool)]>,
    ) -> Self {
        let door = Door { intake: handle.intake().clone(), storage, clock, streams, platforms };
        Self { handle, queued, door }
    }

    /// For adapters that bring updates themselves.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// How many updates are known and not finished: running, ready, waiting for their key, or in backoff.
    pub fn size(&self) -> usize {
        self.handle.size()
    }

    /// Whether updates are taken.
    pub fn is_running(&self) -> bool {
        self.handle.is_running()
    }

    /// What there is to do. Looks at every update that is known: for people and monitors, some times a second at most.
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// Has the bot look at what was changed in its queues behind its back, as [`Intake::look`].
    ///
    /// # Errors
    /// `Closed` if it is stopping: the next start finds it.
    pub async fn look(&self, notice: Notice) -> Result<()> {
        self.handle.look(notice).await
    }

    /// Asks the platforms for nothing more, while what is known runs on and the [door](Self::door) stays open: the
    /// first half of a [`shutdown`](Self::shutdown).
    pub fn stop_sources(&self) {
        self.handle.stop_sources();
    }

    /// Resolves when a source cannot go on, with its error. Cancel safe.
    pub async fn failed(&self) -> Arc<Error> {
        self.handle.failed().await
    }

    /// Stops: takes nothing more, waits up to `deadline` for what runs, and gives what is left. With a durable
    /// storage that runs after the next start. What handlers saved without waiting is written by then, or has as long
    /// again. A second call does nothing.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Unfinished> {
        let unfinished = self.handle.shutdown(deadline).await;
        let flush = futures_util::future::join_all(self.queued.iter().map(|queued| queued.flush()));
        match tokio::time::timeout(deadline, flush).await {
            Ok(flushed) => flushed.into_iter().filter_map(Result::err).for_each(|error| {
                tracing::error!(%error, "what a handler saved could not be written");
            }),
            Err(_) => tracing::error!("what handlers saved was not written within {deadline:?}"),
        }
        unfinished
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
