//! One stream in this process: its state behind a lock, and who waits for it to change.

use std::sync::Weak;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::StreamId;
use super::room::Counted;
use super::state::State;
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
    /// When it was used last, in the time of the room.
    pub(super) used: AtomicU64,
}

/// What is known of a stream.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) place: Place,
    /// Moved each time that what was accepted and not yet settled is dropped.
    pub(super) generation: u64,
    /// Why it was moved last.
    failure: Option<(Kind, String)>,
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
            cell: Mutex::new(Cell { place, generation: 0, failure: None, followers: 0, watched: false }),
            loading: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
            hurry: Notify::new(),
            unfollowed: Notify::new(),
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
            self.drop_state(if is_stored { Place::Unknown } else { Place::Absent });
            self.fail(Kind::Gone, "the stream has expired".to_owned());
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

    /// Takes the state out of memory.
    pub(super) fn drop_state(&mut self, place: Place) {
        self.place = place;
    }

    /// What was accepted and not settled has failed.
    pub(super) fn fail(&mut self, kind: Kind, text: String) {
        self.generation += 1;
        self.failure = Some((kind, text));
    }

    /// Why the last generation ended.
    pub(super) fn failure(&self, id: &StreamId) -> Error {
        match &self.failure {
            Some((kind, text)) => Error::new(*kind, format!("stream {id}: {text}")),
            None => Error::internal(format!("stream {id}: a write was dropped for no reason")),
        }
    }

    /// Whether what was accepted as `ticket` is settled; `None` while it is under way.
    pub(super) fn is_settled(&self, id: &StreamId, ticket: Ticket) -> Option<Result<()>> {
        if self.generation != ticket.generation {
            return Some(Err(self.failure(id)));
        }
        match &self.place {
            Place::Here(state) => {
                let settled = state.kept.as_ref().is_none_or(|kept| kept.settled >= ticket.change);
                settled.then_some(Ok(()))
            }
            // It leaves memory only when all of it is settled.
            Place::Unknown | Place::Absent | Place::Evicted(_) => Some(Ok(())),
        }
    }
}

/// What was accepted, to be settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) generation: u64,
    pub(super) change: u64,
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
