//! What all runs that are kept together share.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Kind;
use crate::graph::format::STAMP_BITS;
use crate::storage::{Behind, Storage};
use crate::{Clock, Error, Result, Timestamp};

/// The storage of runs, and how they are kept there.
pub(in crate::graph) struct Shelf {
    pub(in crate::graph) storage: Arc<dyn Storage>,
    pub(in crate::graph) clock: Clock,
    /// What commits in the background, if that is not waited for.
    pub(in crate::graph) behind: Option<Behind>,
    /// How many checkpoints of a run may be queued there.
    pub(in crate::graph) max_queued: Option<usize>,
    /// How long a run is kept after its last checkpoint; for ever without one.
    pub(in crate::graph) expiry: Option<Duration>,
    /// How long a call of the storage may take.
    pub(in crate::graph) time_limit: Option<Duration>,
    /// The last stamp that was given.
    stamp: AtomicU64,
}

impl Shelf {
    pub(in crate::graph) fn new(storage: Arc<dyn Storage>, clock: Clock) -> Self {
        let (behind, max_queued, expiry, time_limit) = (None, None, None, None);
        Self { storage, clock, behind, max_queued, expiry, time_limit, stamp: AtomicU64::new(0) }
    }

    /// When it is, told apart from every other moment that was asked for.
    pub(super) fn stamp(&self) -> u64 {
        let now = self.clock.now().0 << STAMP_BITS;
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        now.max(last + 1)
    }

    /// Awaits a call of the storage, for so long.
    pub(in crate::graph) async fn within<T>(
        &self,
        whose: &impl fmt::Display,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(limit) = self.time_limit else { return call.await };
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            Err(Error::new(Kind::Timeout, format!("{whose}: the storage did not answer within {limit:?}")))
        })
    }
}

/// The moment of a stamp.
pub(in crate::graph) fn moment(stamp: u64) -> Timestamp {
    Timestamp(stamp >> STAMP_BITS)
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("storage", &self.storage)
            .field("behind", &self.behind)
            .field("expiry", &self.expiry)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
