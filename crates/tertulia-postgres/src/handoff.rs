//! The bounded queue between callers and the writer.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tertulia::storage::{Batch, Committed, Write};
use tertulia::{Error, Result};
use tokio::sync::{Notify, Semaphore, oneshot};

/// Room for what waits and what is being written: 128 MiB in steps of 1 KiB.
const ROOM: usize = 128 << 10;
/// What a batch takes besides its bytes, so that at most 4,096 of them wait.
const ROOM_PER_BATCH: usize = 32;
/// The most that the writer takes at once.
const GROUP_BATCHES: usize = 256;
/// See [`GROUP_BATCHES`]; a single batch may be bigger.
const GROUP_BYTES: usize = 4 << 20;
/// See [`GROUP_BATCHES`].
const GROUP_WRITES: usize = 2_048;

/// A batch on its way to the writer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) batch: Batch,
    bytes: usize,
    pub(crate) answer: oneshot::Sender<Result<Committed>>,
}

/// Callers push, the writer takes what is there. Full means that callers wait, in order.
#[derive(Debug)]
pub(crate) struct Handoff {
    state: Mutex<State>,
    filled: Notify,
    room: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Handoff {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), room: Semaphore::new(ROOM) }
    }

    /// Waits for room and queues the batch; the answer comes through the receiver.
    ///
    /// # Errors
    /// `Unavailable` once closed.
    ///
    /// # Cancel safety
    /// Dropped while it waits for room, nothing was queued.
    pub(crate) async fn push(&self, batch: Batch) -> Result<oneshot::Receiver<Result<Committed>>> {
        let bytes = batch.writes.iter().map(Write::bytes).sum();
        let permits = u32::try_from(room(bytes)).expect("room is less than 2^32");
        // Given back by `done`, when the batch is answered.
        self.room.acquire_many(permits).await.map_err(|_| closed())?.forget();
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state.lock();
            if state.closed {
                return Err(closed());
            }
            state.jobs.push_back(Job { batch, bytes, answer });
        }
        self.filled.notify_one();
        Ok(answered)
    }

    /// The next group, in the order of arrival; `None` once closed and empty.
    pub(crate) async fn take(&self) -> Option<Vec<Job>> {
        loop {
            {
                let mut state = self.state.lock();
                if !state.jobs.is_empty() {
                    return Some(state.group());
                }
                if state.closed {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    /// Gives back the room of what was answered.
    pub(crate) fn done(&self, bytes: impl Iterator<Item = usize>) {
        self.room.add_permits(bytes.map(room).sum());
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

impl State {
    fn group(&mut self) -> Vec<Job> {
        let mut group = Vec::new();
        let (mut bytes, mut writes) = (0, 0);
        while let Some(job) = self.jobs.front() {
            bytes += job.bytes;
            writes += job.batch.writes.len();
            let full = bytes > GROUP_BYTES || writes > GROUP_WRITES || group.len() == GROUP_BATCHES;
            if !group.is_empty() && full {
                break;
            }
            group.extend(self.jobs.pop_front());
        }
        group
    }
}

impl Job {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn room(bytes: usize) -> usize {
    (ROOM_PER_BATCH + bytes / 1024).min(ROOM)
}

fn closed() -> Error {
    Error::unavailable("the storage is closed")
}
