//! Runs that are not kept: they count their steps, and have their histories in memory as long as they live.

use std::sync::Arc;

use crate::session::track::{Change, Track};
use crate::storage::{CommitId, Storage, commit_logs};
use crate::{Clock, Result};

/// What takes the place of a stored run.
#[derive(Debug)]
pub(in crate::graph) struct Loose {
    /// Where the items of logs are.
    storage: Arc<dyn Storage>,
    clock: Clock,
    next: u64,
}

impl Loose {
    pub(in crate::graph) fn new(storage: Arc<dyn Storage>, clock: Clock) -> Self {
        Self { storage, clock, next: 0 }
    }

    pub(in crate::graph) fn next(&self) -> u64 {
        self.next
    }

    /// The next step is over.
    pub(in crate::graph) async fn write(&mut self, track: &mut Track, change: Option<Change>) -> Result<u64> {
        if let Some(change) = change {
            self.accept(track, change).await?;
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Only what changed.
    pub(in crate::graph) async fn accept(&self, track: &mut Track, mut change: Change) -> Result<()> {
        let writes = change.writes();
        if !writes.is_empty() {
            let id = CommitId(self.clock.random());
            let heads = commit_logs(&self.storage, &self.clock, id, writes).await?;
            change.committed(&heads);
        }
        track.accept(change);
        Ok(())
    }
}
