//! What the parts of a running runner share.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::index::Index;
use super::intake::Request;
use super::isolate::Isolation;
use super::journal::Keeper;
use super::meter::Meter;
use super::outbox::Outbox;
use super::riders::{Riders, Riding};
use super::{Handler, Options, Stats};
use crate::error::Kind;
use crate::storage::{Batch, CommitId, Committed, Conflict, Full, Limits, Scope, Storage, Write};
use crate::{Clock, Error, Key, Result, Shard};

/// Shared by the inbox, the workers, the outbox and the handle.
#[derive(Debug)]
pub(super) struct Core<H: Handler> {
    pub(super) handler: Hidden<H>,
    pub(super) storage: Arc<dyn Storage>,
    /// What the storage accepts, and where its batches reach.
    pub(super) limits: Limits,
    pub(super) scope: Scope,
    pub(super) clock: Clock,
    pub(super) options: Options,
    /// Keeps the journals, if there are to be any.
    pub(super) journal: Option<Keeper>,
    pub(super) index: Index,
    pub(super) isolation: Isolation,
    pub(super) riders: Riders,
    pub(super) outbox: Outbox,
    pub(super) meter: Meter,
    pub(super) requests: mpsc::WeakSender<Request>,
    pub(super) tasks: Tasks,
    /// The error of a source or a storage that cannot go on.
    pub(super) failed: watch::Sender<Option<Arc<Error>>>,
}

impl<H: Handler> Core<H> {
    /// What there is to do, which sets the gauges too. Looks at every update that is known.
    pub(super) fn stats(&self) -> Stats {
        let stats = Stats { calls: self.outbox.len(), ..self.index.stats(self.clock.now()) };
        self.meter.set(&stats, &self.outbox.stats.read());
        stats
    }

    /// Commits a batch whose writes are safe to repeat, for as long as it takes: queue appends with ids, removals
    /// that expect nothing. `writes` gives the same writes at each try.
    ///
    /// # Errors
    /// That of a batch that the storage will never take, or has no room for ([`Full`]); nothing is committed.
    pub(super) async fn commit_for_sure(&self, mut writes: impl FnMut() -> Vec<Write>) -> Result<Committed> {
        let id = CommitId(self.clock.random());
        let mut wait = Duration::from_millis(50);
        loop {
            match self.storage.commit(Batch::new(id, writes())).await {
                Ok(committed) => return Ok(committed),
                Err(error) if error.detail::<Full>().is_some() => return Err(error),
                Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
                    tracing::error!(%error, "the storage refused a batch of the runner");
                    return Err(error);
                }
                Err(error) if error.kind() == Kind::Closed => self.give_up(error).await,
                Err(error) => tracing::warn!(%error, "a batch was not committed, trying again"),
            }
            self.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// The storage takes nothing any more: the runner is reported as failed, and whoever owns it stops it. Waits
    /// for that, so that nothing goes on as if it were committed.
    pub(super) async fn give_up<T>(&self, error: Error) -> T {
        tracing::error!(%error, "the storage is closed, the runner cannot go on");
        self.failed.send_replace(Some(Arc::new(error)));
        std::future::pending().await
    }

    /// Commits the marks of every shard now, those of up to `together` shards in one batch.
    ///
    /// # Errors
    /// The last that the storage gave; the marks of those batches are kept.
    pub(super) async fn flush(&self, together: usize) -> Result<()> {
        let mut result = Ok(());
        for shards in self.riders.shards().chunks(together) {
            if let Err(error) = self.flush_shards(shards).await {
                result = Err(error);
            }
        }
        result
    }

    async fn flush_shards(&self, shards: &[Shard]) -> Result<()> {
        let mut left = true;
        while left {
            let mut writes = Vec::new();
            let mut riding = Vec::new();
            left = false;
            for shard in shards {
                if let Some(mut marks) = self.riders.take_alone(*shard, self.limits.writes - writes.len()) {
                    marks.ride(&mut writes);
                    left |= marks.left;
                    riding.push(marks);
                }
            }
            if writes.is_empty() {
                return Ok(());
            }
            let keys: Vec<Key> = writes.iter().map(|write| write.key().clone()).collect();
            match self.storage.commit(Batch::new(CommitId(self.clock.random()), writes)).await {
                Ok(committed) => {
                    self.riders.note_heads(&keys, &committed.heads);
                    riding.into_iter().for_each(Riding::arrived);
                }
                Err(error) => {
                    let gone: usize = match (error.kind(), error.detail::<Conflict>()) {
                        (Kind::Conflict, Some(conflict)) => {
                            riding.into_iter().map(|marks| marks.conflicted(conflict)).sum()
                        }
                        (Kind::Unavailable | Kind::Invalid | Kind::Conflict, _) => {
                            riding.into_iter().for_each(Riding::refused);
                            0
                        }
                        _ => 0,
                    };
                    if gone == 0 {
                        return Err(error);
                    }
                    left = true;
                }
            }
        }
        Ok(())
    }

    /// How many shards' marks share a batch.
    pub(super) fn together(&self) -> usize {
        match self.scope {
            Scope::Store => 32,
            Scope::Shard => 1,
        }
    }

    /// Commits marks that no batch took along, a moment after the first came.
    pub(super) async fn keep_flushing(self: Arc<Self>) {
        let mut wait = self.options.linger;
        let mut together = self.together();
        loop {
            if self.riders.shards().is_empty() {
                self.riders.came.notified().await;
            }
            self.clock.sleep(wait).await;
            match self.flush(together).await {
                Ok(()) => (wait, together) = (self.options.linger, self.together()),
                Err(error) => {
                    tracing::warn!(%error, "marks were not committed, trying again");
                    wait = wait.saturating_mul(2).clamp(Duration::from_millis(10), Duration::from_secs(5));
                    // One shard whose marks cannot be committed must not keep those of its neighbours.
                    together = 1;
                }
            }
        }
    }
}

/// A value whose type need not be `Debug`.
pub(super) struct Hidden<T>(pub(super) T);

impl<T> std::ops::Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

/// Every task of a runner: none outlives it. Tasks are added while it runs, and all are aborted and awaited when
/// it stops.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<Option<JoinSet<()>>>);

impl Tasks {
    pub(super) fn open() -> Self {
        Self(Mutex::new(Some(JoinSet::new())))
    }

    /// Starts a task, unless the runner has stopped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.0.lock().as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    /// Ends every task when the guard is dropped, unless it is told to keep them.
    pub(super) fn guard(&self) -> Guard<'_> {
        Guard(Some(self))
    }

    /// Ends every task without waiting. Nothing is started any more.
    pub(super) fn abort(&self) {
        let tasks = self.0.lock().take();
        // Dropping the set aborts its tasks; not under the lock, since a task may hold the last of something.
        drop(tasks);
    }

    /// Ends every task and waits until all are gone. Nothing is started any more.
    pub(super) async fn stop(&self) {
        let tasks = self.0.lock().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }
}

/// Ends tasks when it is dropped.
pub(super) struct Guard<'a>(Option<&'a Tasks>);

impl Guard<'_> {
    /// Lets the tasks go on.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(tasks) = self.0 {
            tasks.abort();
        }
    }
}
