//! A running bot.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::router::Router;
use crate::runner::{Handle, Intake, Unfinished};
use crate::storage::Storage;
use crate::{Clock, Error};

/// A running bot. Dropping it aborts it, which loses nothing that was acknowledged.
pub struct Running {
    handle: Handle<Router>,
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
}

impl Running {
    pub(super) fn new(handle: Handle<Router>, storage: Arc<dyn Storage>, clock: Clock) -> Self {
        let door = Door { intake: handle.intake().clone(), storage, clock };
        Self { handle, door }
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

    /// Resolves when a source cannot go on, with its error. Cancel safe.
    pub async fn failed(&self) -> Arc<Error> {
        self.handle.failed().await
    }

    /// Stops: takes nothing more, waits up to `deadline` for what runs, and gives what is left. With a durable
    /// storage that runs after the next start. A second call does nothing.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Unfinished> {
        self.handle.shutdown(deadline).await
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
