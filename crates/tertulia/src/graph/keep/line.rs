//! Saves the checkpoints of runs in the background, for those who need not wait for them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::Kind;
use crate::graph::{Awaited, Moved, RunId, Save, StateSaver};
use crate::{Error, Result};

/// What a queued checkpoint takes beside its bytes.
const OVERHEAD: usize = 200;

/// A queue of checkpoints. Those of one run are saved in their order, by a task that ends when nothing of the run is
/// queued. When one fails, those that whoever wrote it has queued behind it are dropped, since they build on it.
#[derive(Clone)]
pub(in crate::graph) struct Line(Arc<Inner>);

struct Inner {
    saver: Arc<dyn StateSaver<Way = Awaited>>,
    time_limit: Option<Duration>,
    /// The bytes of all that is queued; one that is larger takes all of it.
    room: Arc<Semaphore>,
    most: u32,
    lanes: Mutex<HashMap<RunId, Lane>>,
}

/// The queue of a run; there while something is queued, or a failure was not told.
struct Lane {
    queued: VecDeque<Queued>,
    /// How many were queued, and how many of them are not any more.
    pushed: u64,
    settled: watch::Sender<u64>,
    has_task: bool,
    untold: Option<Failure>,
}

struct Queued {
    save: Arc<Save>,
    writer: Arc<Writer>,
    _room: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

/// One who writes a run, and what that failed with.
#[derive(Debug)]
pub(in crate::graph) struct Writer {
    failed: OnceLock<Failure>,
    /// How many more may be queued.
    room: Option<Arc<Semaphore>>,
}

/// Why checkpoints were dropped.
#[derive(Clone, Debug)]
struct Failure(Arc<Error>);

impl Writer {
    /// At most so many checkpoints of it may be queued.
    pub(in crate::graph) fn new(most: Option<usize>) -> Arc<Self> {
        let room = most.map(|most| Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))));
        Arc::new(Self { failed: OnceLock::new(), room })
    }

    /// What it failed with, if it did.
    pub(in crate::graph) fn look(&self) -> Result<()> {
        self.failed.get().map_or(Ok(()), |failure| Err(failure.to_error()))
    }
}

impl Line {
    pub(in crate::graph) fn new(
        saver: Arc<dyn StateSaver<Way = Awaited>>,
        max_bytes: usize,
        time_limit: Option<Duration>,
    ) -> Self {
        let most = u32::try_from(max_bytes.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX).max(1);
        let room = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { saver, time_limit, room, most, lanes: Mutex::default() }))
    }

    /// Queues a checkpoint; waits while the queue is full.
    ///
    /// # Errors
    /// What an earlier one of this writer failed with.
    ///
    /// # Cancel safety
    /// Dropped before it returned, it queued nothing.
    pub(in crate::graph) async fn push(&self, writer: &Arc<Writer>, save: Save) -> Result<()> {
        let inner = &self.0;
        let one = match &writer.room {
            Some(room) => Some(Arc::clone(room).acquire_owned().await.map_err(closed)?),
            None => None,
        };
        let cost = u32::try_from(save.state.len() + save.patch.len() + OVERHEAD).unwrap_or(u32::MAX);
        let bytes = Arc::clone(&inner.room).acquire_many_owned(cost.min(inner.most)).await.map_err(closed)?;
        let run = save.run.clone();
        let mut lanes = inner.lanes.lock();
        if let Some(failure) = writer.failed.get() {
            if let Some(lane) = lanes.get_mut(&run) {
                lane.untold.take_if(|untold| untold.is(failure));
            }
            return Err(failure.to_error());
        }
        let lane = lanes.entry(run.clone()).or_insert_with(Lane::new);
        lane.pushed += 1;
        lane.queued.push_back(Queued {
            save: Arc::new(save),
            writer: Arc::clone(writer),
            _room: (bytes, one),
        });
        if !lane.has_task {
            lane.has_task = true;
            let task = Task { inner: Arc::clone(inner), run, is_done: false };
            tokio::spawn(task.run());
        }
        Ok(())
    }

    /// Waits until all that is queued of a run now is saved or dropped.
    ///
    /// # Errors
    /// What it failed with, unless that was told.
    pub(in crate::graph) async fn flush(&self, run: &RunId) -> Result<()> {
        self.settled(run).await;
        let mut lanes = self.0.lanes.lock();
        let Some(lane) = lanes.get_mut(run) else { return Ok(()) };
        let untold = lane.untold.take();
        if !lane.has_task {
            lanes.remove(run);
        }
        untold.map_or(Ok(()), |failure| Err(failure.to_error()))
    }

    /// Waits until all that is queued of a run now is saved or dropped.
    pub(in crate::graph) async fn settled(&self, run: &RunId) {
        let (until, mut settled) = {
            let lanes = self.0.lanes.lock();
            let Some(lane) = lanes.get(run).filter(|lane| lane.has_task) else { return };
            (lane.pushed, lane.settled.subscribe())
        };
        // It is dropped with the lane, when nothing is queued.
        let _ = settled.wait_for(|settled| *settled >= until).await;
    }

    /// Waits until all that is queued now is saved or dropped.
    ///
    /// # Errors
    /// One of the errors that were not told; all count as told.
    pub(in crate::graph) async fn flush_all(&self) -> Result<()> {
        let mut runs: Vec<RunId> = self.0.lanes.lock().keys().cloned().collect();
        runs.sort_unstable();
        let mut flushed = Ok(());
        for run in &runs {
            flushed = flushed.and(self.flush(run).await);
        }
        flushed
    }
}

/// Saves what is queued of one run, until nothing is.
struct Task {
    inner: Arc<Inner>,
    run: RunId,
    is_done: bool,
}

impl Task {
    async fn run(mut self) {
        while let Some((save, writer)) = self.next() {
            let saved = self.save(&save).await;
            let mut lanes = self.inner.lanes.lock();
            let Some(lane) = lanes.get_mut(&self.run) else { continue };
            match saved {
                Ok(()) => {
                    lane.queued.pop_front();
                    lane.settle(1);
                }
                Err(error) => lane.fail(&writer, Failure(Arc::new(error))),
            }
        }
    }

    fn next(&mut self) -> Option<(Arc<Save>, Arc<Writer>)> {
        let mut lanes = self.inner.lanes.lock();
        let lane = lanes.get_mut(&self.run)?;
        if let Some(next) = lane.queued.front() {
            return Some((Arc::clone(&next.save), Arc::clone(&next.writer)));
        }
        (self.is_done, lane.has_task) = (true, false);
        if lane.untold.is_none() {
            lanes.remove(&self.run);
        }
        None
    }

    async fn save(&self, save: &Save) -> Result<()> {
        let saving = AssertUnwindSafe(async { self.inner.saver.save(save).await }).catch_unwind();
        let saved = match self.inner.time_limit {
            None => saving.await,
            Some(limit) => tokio::time::timeout(limit, saving).await.unwrap_or_else(|_| {
                let text = format!("the storage did not answer within {limit:?}");
                Ok(Err(Error::new(Kind::Timeout, text)))
            }),
        };
        let saved = saved.unwrap_or_else(|_| Err(Error::internal("the storage panicked")));
        saved.map_err(|error| if error.kind() == Kind::Conflict { error } else { error.context(&save.run) })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut lanes = self.inner.lanes.lock();
        let Some(lane) = lanes.get_mut(&self.run) else { return };
        tracing::warn!(run = %self.run, checkpoints = lane.queued.len(), "queued checkpoints are lost with their runtime");
        let text = format!("{}: the runtime ended before its checkpoints were saved", self.run);
        let failure = Failure(Arc::new(Error::new(Kind::Closed, text)));
        while let Some(writer) = lane.queued.front().map(|queued| Arc::clone(&queued.writer)) {
            lane.fail(&writer, failure.clone());
        }
        lane.has_task = false;
    }
}

impl Lane {
    fn new() -> Self {
        let settled = watch::Sender::new(0);
        Self { queued: VecDeque::new(), pushed: 0, settled, has_task: false, untold: None }
    }

    fn settle(&self, count: usize) {
        self.settled.send_modify(|settled| *settled += count as u64);
    }

    /// One of this writer failed, and those behind it with it.
    fn fail(&mut self, writer: &Arc<Writer>, failure: Failure) {
        let _ = writer.failed.set(failure.clone());
        self.untold = Some(failure);
        let before = self.queued.len();
        self.queued.retain(|queued| !Arc::ptr_eq(&queued.writer, writer));
        self.settle(before - self.queued.len());
    }
}

impl Failure {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn to_error(&self) -> Error {
        let error = Error::new(self.0.kind(), self.0.to_string());
        match self.0.detail::<Moved>() {
            Some(moved) => error.with_source(*moved),
            None => error,
        }
    }
}

fn closed(error: tokio::sync::AcquireError) -> Error {
    Error::internal("the room of a queue is never closed").with_source(error)
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("max_bytes", &self.0.most).finish_non_exhaustive()
    }
}
