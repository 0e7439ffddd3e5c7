//! One stream in this process: its state behind a lock, and who waits for it to change.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::StreamId;
use super::room::Counted;
use super::state::{Kept, State};
use crate::error::Kind;
use crate::{Error, Key, Result, Timestamp};

/// A stream that somebody holds or that is in memory. There is one for each address, whatever becomes of the stream.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: StreamId,
    pub(super) key: Key,
    cell: Mutex<Cell>,
    /// One reads the stored stream, the others wait for it.
    pub(super) loading: tokio::sync::Mutex<()>,
    /// Woken when readers can see more, and when something they wait for is decided.
    pub(super) changed: Notify,
    /// Woken when what was appended is settled, or failed.
    pub(super) settled: Notify,
    /// Woken when what waits to be stored should wait no longer.
    pub(super) hurry: Notify,
    /// Woken when nobody follows it any more.
    pub(super) unfollowed: Notify,
    /// Whether a task stores what is accepted: one at a time, whatever becomes of the state. Changed with the lock held.
    pub(super) driven: AtomicBool,
    /// When it was used last, in the time of the room.
    pub(super) used: AtomicU64,
}

/// What is known of a stream.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) place: Place,
    /// How many readers wait for it or will.
    pub(super) followers: usize,
    /// Whether a task looks for what others write to it.
    pub(super) watched: bool,
}

/// Whether a stream is in memory.
#[derive(Debug)]
pub(super) enum Place {
    /// It may be stored: nobody has looked, or what was in memory has left.
    Unknown,
    /// There is none.
    Absent,
    /// It was in memory alone and had to leave.
    Evicted(#[expect(dead_code, reason = "it counts until it is dropped")] Counted),
    /// It is in memory.
    Here(Box<State>),
}

impl Live {
    pub(super) fn new(id: StreamId, place: Place) -> Self {
        Self {
            key: id.key(),
            id,
            cell: Mutex::new(Cell { place, followers: 0, watched: false }),
            loading: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
            hurry: Notify::new(),
            unfollowed: Notify::new(),
            driven: AtomicBool::new(false),
            used: AtomicU64::new(0),
        }
    }

    pub(super) fn cell(&self) -> MutexGuard<'_, Cell> {
        self.cell.lock()
    }

    /// Tells everybody who waits that something is different.
    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
        self.settled.notify_waiters();
    }
}

impl Cell {
    /// The state, if it is in memory and has not expired.
    pub(super) fn here(&mut self, now: impl FnOnce() -> Timestamp) -> Option<&mut State> {
        let expired = match &self.place {
            Place::Here(state) => state.deadline.is_some_and(|deadline| deadline <= now()),
            _ => return None,
        };
        if expired {
            // If it is stored, the storage decides.
            let is_stored = self.state().is_some_and(|state| state.kept.is_some());
            let place = if is_stored { Place::Unknown } else { Place::Absent };
            self.drop_failed(place, Kind::Gone, "the stream has expired".to_owned());
            return None;
        }
        self.state()
    }

    /// The state, if it is in memory.
    pub(super) fn state(&mut self) -> Option<&mut State> {
        match &mut self.place {
            Place::Here(state) => Some(state),
            _ => None,
        }
    }

    /// The state, if it is still the one whose progress this is.
    pub(super) fn state_of(&mut self, progress: &Arc<Progress>) -> Option<&mut State> {
        let is_it = |state: &&mut State| {
            state.kept.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.progress, progress))
        };
        self.state().filter(is_it)
    }

    /// Takes the state out of memory. All that it accepted is settled.
    pub(super) fn drop_state(&mut self, place: Place) {
        self.place = place;
    }

    /// What is in memory may not be what is stored: it is read again, unless this process is changing it and will see.
    pub(super) fn outdated(&mut self) {
        if self.state().is_some_and(|state| state.kept.as_ref().is_some_and(Kept::is_settled)) {
            self.drop_state(Place::Unknown);
        }
    }

    /// Takes the state out of memory. What it accepted and did not settle has failed.
    pub(super) fn drop_failed(&mut self, place: Place, kind: Kind, text: String) {
        if let Some(kept) = self.state().and_then(|state| state.kept.as_ref()) {
            kept.progress.fail(kind, text);
        }
        self.place = place;
    }
}

/// What becomes of what a state accepts. Whoever waits holds it, so that they are answered rightly also when the state
/// has left memory, and another one is there.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Changes up to this one are stored.
    settled: AtomicU64,
    /// Why the others are not and never will be.
    failure: OnceLock<(Kind, String)>,
}

impl Progress {
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    pub(super) fn settle(&self, change: u64) {
        self.settled.store(change, Ordering::Release);
    }

    pub(super) fn fail(&self, kind: Kind, text: String) {
        // The first reason is the one.
        let _ = self.failure.set((kind, text));
    }
}

/// What was accepted, to be settled.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) progress: Arc<Progress>,
    pub(super) change: u64,
}

impl Ticket {
    /// What became of it; `None` while it is under way.
    pub(super) fn outcome(&self, id: &StreamId) -> Option<Result<()>> {
        if self.progress.settled() >= self.change {
            return Some(Ok(()));
        }
        let (kind, text) = self.progress.failure.get()?;
        Some(Err(Error::new(*kind, format!("stream {id}: {text}"))))
    }
}

/// What a try to change a stream came to.
pub(super) enum Step<T> {
    Done(T),
    /// Something on its way has to be settled first.
    Wait(Ticket),
    /// It has to be read first.
    Load,
}

/// A stream that nobody may hold any more.
pub(super) type Held = Weak<Live>;
