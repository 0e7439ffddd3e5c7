//! The bounded queue between callers and the writer thread.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tertulia::storage::{Batch, Committed};
use tertulia::{Error, Result, Timestamp};
use tokio::sync::{Semaphore, oneshot};

use crate::answer::Caller;

/// Room for what waits and what is being written: 128 MiB in steps of 1 KiB.
const ROOM: usize = 128 << 10;
/// What a batch takes besides its bytes, so that at most 4,096 of them wait.
const ROOM_PER_BATCH: usize = 32;
/// The most that the writer takes at once.
const GROUP_BATCHES: usize = 256;
/// See [`GROUP_BATCHES`]; a single batch may be bigger.
const GROUP_BYTES: usize = 4 << 20;

/// A batch on its way to the writer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) batch: Batch,
    pub(crate) bytes: usize,
    /// The caller's time.
    pub(crate) now: Timestamp,
    pub(crate) caller: Caller,
}

/// What [`Handoff::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Jobs.
    Group,
    /// None in the time given.
    Nothing,
    /// None, and none will come.
    Closed,
}

/// Callers push, the writer takes what is there. Full means that callers wait, in order.
#[derive(Debug)]
pub(crate) struct Handoff {
    state: Mutex<State>,
    filled: Condvar,
    room: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    /// The writer sleeps. Set by the writer, cleared by whoever wakes it.
    sleeping: bool,
    closed: bool,
}

impl Handoff {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), room: Semaphore::new(ROOM) }
    }

    /// Waits for room and queues the batch; the answer comes through the receiver.
    ///
    /// # Errors
    /// `Unavailable` once closed.
    ///
    /// # Cancel safety
    /// Dropped while it waits for room, nothing was queued.
    pub(crate) async fn push(
        &self,
        batch: Batch,
        bytes: usize,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<oneshot::Receiver<Result<Committed>>> {
        let permits = u32::try_from(room(bytes)).expect("room is less than 2^32");
        // Given back by `done`, when the batch is answered.
        self.room.acquire_many(permits).await.map_err(|_| closed())?.forget();
        let (caller, answered) = Caller::new();
        let job = Job { batch, bytes, now: now(), caller };
        let mut state = self.state.lock();
        if state.closed {
            return Err(closed());
        }
        state.jobs.push_back(job);
        if std::mem::take(&mut state.sleeping) {
            self.filled.notify_one();
        }
        Ok(answered)
    }

    /// Moves the next group to `group`; waits for a first batch up to `patience`.
    pub(crate) fn take(&self, group: &mut Vec<Job>, patience: Duration) -> Taken {
        let mut state = self.state.lock();
        if state.jobs.is_empty() && !state.closed && !patience.is_zero() {
            state.sleeping = true;
            self.filled.wait_for(&mut state, patience);
            state.sleeping = false;
        }
        if state.jobs.is_empty() {
            return if state.closed { Taken::Closed } else { Taken::Nothing };
        }
        let mut bytes = 0;
        while let Some(job) = state.jobs.front() {
            bytes += job.bytes;
            if !group.is_empty() && (bytes > GROUP_BYTES || group.len() == GROUP_BATCHES) {
                break;
            }
            group.extend(state.jobs.pop_front());
        }
        Taken::Group
    }

    /// Gives back the room of batches of these sizes.
    pub(crate) fn done(&self, sizes: impl Iterator<Item = usize>) {
        self.room.add_permits(sizes.map(room).sum());
    }

    /// Takes no more; what is queued is still given out.
    pub(crate) fn close(&self) {
        self.room.close();
        self.state.lock().closed = true;
        self.filled.notify_one();
    }

    /// Takes no more and drops what is queued, so that its callers learn that no answer will come.
    pub(crate) fn abandon(&self) {
        self.close();
        self.state.lock().jobs.clear();
    }
}

fn room(bytes: usize) -> usize {
    (ROOM_PER_BATCH + bytes / 1024).min(ROOM)
}

fn closed() -> Error {
    Error::unavailable("the database is closed")
}
