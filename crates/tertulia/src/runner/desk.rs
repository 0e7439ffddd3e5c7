//! What a turn asks of its runner while it runs.

use std::sync::Arc;

use super::Handler;
use super::core::Core;
use super::format::Released;
use super::inbox::keys;
use super::index::{Arrived, Index, Start};
use super::turn::Asked;
use super::{About, Keys};
use crate::storage::{BoxFuture, LogWrite, Storage};
use crate::{Clock, Result};

/// A runner as its turns see it, whatever its handler.
pub(super) trait Desk: Send + Sync {
    fn storage(&self) -> &Arc<dyn Storage>;

    fn clock(&self) -> &Clock;

    fn index(&self) -> &Index;

    /// Starts workers that the index has counted.
    fn start(self: Arc<Self>, start: Start);

    /// Starts a task of the runner, unless that has stopped.
    fn spawn(self: Arc<Self>, task: BoxFuture<'static, ()>);

    /// How many turns may wait at once.
    fn most_waiting(&self) -> usize;

    /// What updates like this one are ordered by, unless they pass the queue.
    fn keys(&self, about: &About) -> Keys;

    /// The update with its body; `None` if somebody else has ended it.
    fn whole(self: Arc<Self>, arrived: Arc<Arrived>) -> BoxFuture<'static, Result<Option<Arc<Arrived>>>>;

    /// Gives out a part of a turn before its end; gives the update as its entry is then.
    fn release(self: Arc<Self>, release: Release) -> BoxFuture<'static, Result<Arc<Arrived>>>;

    /// The turn has waited and goes on; gives the update as its entry is then.
    fn go_on(self: Arc<Self>, arrived: Arc<Arrived>) -> BoxFuture<'static, Result<Arc<Arrived>>>;
}

/// A part of a turn that is committed before its end.
pub(super) struct Release {
    pub(super) arrived: Arc<Arrived>,
    /// Calls that are new, the first with this ordinal.
    pub(super) calls: Vec<Asked>,
    pub(super) first: u32,
    /// A call that is made before the turn's end, behind them, with its number.
    pub(super) early: Option<(u16, Asked)>,
    /// All that was given out, with this.
    pub(super) released: Released,
    pub(super) writes: Vec<LogWrite>,
    /// The turn waits afterwards, and cannot stop the process meanwhile.
    pub(super) rests: bool,
}

impl<H: Handler> Desk for Core<H> {
    fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn index(&self) -> &Index {
        &self.index
    }

    fn start(self: Arc<Self>, start: Start) {
        Core::start(&self, start);
    }

    fn spawn(self: Arc<Self>, task: BoxFuture<'static, ()>) {
        self.tasks.spawn(task);
    }

    fn most_waiting(&self) -> usize {
        (self.options.index_entries / 2).max(1)
    }

    fn keys(&self, about: &About) -> Keys {
        keys(&*self.handler, about)
    }

    fn whole(self: Arc<Self>, arrived: Arc<Arrived>) -> BoxFuture<'static, Result<Option<Arc<Arrived>>>> {
        Box::pin(async move { self.with_body(&arrived).await })
    }

    fn release(self: Arc<Self>, release: Release) -> BoxFuture<'static, Result<Arc<Arrived>>> {
        Box::pin(async move { self.commit_release(release).await })
    }

    fn go_on(self: Arc<Self>, arrived: Arc<Arrived>) -> BoxFuture<'static, Result<Arc<Arrived>>> {
        Box::pin(async move {
            self.mark_begun(arrived).await.map_err(|_| {
                crate::Error::unavailable("the update could not be marked as begun again after it had waited")
            })
        })
    }
}
