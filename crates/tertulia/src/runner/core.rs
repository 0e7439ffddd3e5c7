//! What the parts of a running runner share.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::index::Index;
use super::outbox::Outbox;
use super::riders::Riders;
use super::{Handler, Options};
use crate::error::Kind;
use crate::storage::{Batch, CommitId, Committed, Scope, Storage, Write};
use crate::{Clock, Key, Result};

/// Shared by the inbox, the workers, the outbox and the handle.
#[derive(Debug)]
pub(super) struct Core<H: Handler> {
    pub(super) handler: Hidden<H>,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) clock: Clock,
    pub(super) options: Options,
    pub(super) index: Index,
    pub(super) riders: Riders,
    pub(super) outbox: Outbox,
    pub(super) tasks: Tasks,
}

impl<H: Handler> Core<H> {
    /// Commits a batch whose writes are safe to repeat, for as long as it takes: queue appends with ids, removals
    /// without revisions. Only a batch that no storage would take ends this early, with nothing committed.
    pub(super) async fn commit_for_sure(&self, writes: impl Fn() -> Vec<Write> + Send) -> Committed {
        let id = CommitId(self.clock.random());
        let mut wait = Duration::from_millis(50);
        loop {
            match self.storage.commit(Batch::new(id, writes())).await {
                Ok(committed) => return committed,
                Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
                    tracing::error!(%error, "the storage refused a batch of the runner");
                    return Committed::default();
                }
                Err(error) => tracing::warn!(%error, "a batch was not committed, trying again"),
            }
            self.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// Commits the marks of every shard now.
    ///
    /// # Errors
    /// What the storage gives; the marks are kept.
    pub(super) async fn flush(&self) -> Result<()> {
        let per_batch = match self.storage.properties().scope {
            Scope::Store => 32,
            Scope::Shard => 1,
        };
        loop {
            let shards = self.riders.shards();
            if shards.is_empty() {
                return Ok(());
            }
            for shards in shards.chunks(per_batch) {
                let mut writes = Vec::new();
                let mut taken = Vec::new();
                for shard in shards {
                    let most = self.storage.properties().limits.writes;
                    if writes.len() + 70 > most.max(71) {
                        break;
                    }
                    if let Some(marks) = self.riders.take(*shard) {
                        marks.ride(*shard, &mut writes);
                        taken.push((*shard, marks));
                    }
                }
                if writes.is_empty() {
                    continue;
                }
                let keys: Vec<Key> = writes.iter().map(|write| write.key().clone()).collect();
                match self.storage.commit(Batch::new(CommitId(self.clock.random()), writes)).await {
                    Ok(committed) => self.riders.note_heads(&keys, &committed.heads),
                    Err(error) => {
                        for (shard, marks) in taken {
                            self.riders.put_back(shard, marks);
                        }
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Commits marks that no batch took along, a moment after the first came.
    pub(super) async fn keep_flushing(self: Arc<Self>) {
        let mut wait = self.options.linger;
        loop {
            if self.riders.shards().is_empty() {
                self.riders.came.notified().await;
            }
            self.clock.sleep(wait).await;
            wait = match self.flush().await {
                Ok(()) => self.options.linger,
                Err(error) => {
                    tracing::warn!(%error, "marks were not committed, trying again");
                    (wait * 2).min(Duration::from_secs(5))
                }
            };
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
