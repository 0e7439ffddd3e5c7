//! How much memory the streams of a process take, and who leaves when it is too much.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;

use super::live::{Held, Live, Place};
use super::meta::Phase;
use super::streams::Inner;

/// How much of the bound is freed at once, so that leaving costs little: an eighth.
const FREED: usize = 8;
/// What it takes to remember a stream that had to leave.
const REMEMBERED: usize = 512;

/// The memory of all streams.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: AtomicUsize,
    /// Moves as streams grow, so that who was used last is told without a clock.
    time: AtomicU64,
    /// Closed streams, the one closed longest ago first.
    closed: Mutex<VecDeque<Held>>,
    /// Streams in memory alone that had to leave, so that their readers are told.
    evicted: Mutex<VecDeque<Arc<Live>>>,
    /// One makes room at a time.
    making: Mutex<()>,
    meter: Meter,
}

/// What is counted, for whatever recorder of the `metrics` crate is installed when the streams are opened.
struct Meter {
    bytes: Gauge,
    /// Streams that left memory.
    left: Counter,
}

impl Default for Meter {
    fn default() -> Self {
        describe_gauge!("tertulia_streams_memory_bytes", "Memory that streams take, roughly.");
        describe_counter!("tertulia_streams_left_total", "Streams that left memory to make room for others.");
        Self { bytes: gauge!("tertulia_streams_memory_bytes"), left: counter!("tertulia_streams_left_total") }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

impl Room {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Says that a stream is used.
    pub(super) fn used(&self, live: &Live) {
        live.used.store(self.time.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Says that a stream is closed.
    pub(super) fn closed(&self, live: &Arc<Live>) {
        let mut closed = self.closed.lock();
        // Those that are gone are not kept for longer than it takes as many to come.
        if closed.len() == closed.capacity() {
            closed.retain(|held| held.strong_count() > 0);
            let left = closed.len();
            closed.reserve(left.max(1));
        }
        closed.push_back(Arc::downgrade(live));
    }
}

/// What one stream takes; taken back when it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    room: Arc<Room>,
    bytes: usize,
}

impl Counted {
    pub(super) fn new(room: &Arc<Room>, bytes: usize) -> Self {
        let mut counted = Self { room: Arc::clone(room), bytes: 0 };
        counted.set(bytes);
        counted
    }

    /// Counts what the stream takes now. Whether that is something else than before.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        if self.bytes == bytes {
            return false;
        }
        // Wrapping addition of a negative number is subtraction.
        let change = bytes.wrapping_sub(self.bytes);
        let now = self.room.bytes.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        #[allow(clippy::cast_precision_loss, reason = "a gauge is about right")]
        self.room.meter.bytes.set(now as f64);
        self.bytes = bytes;
        self.room.time.fetch_add(1, Ordering::Relaxed);
        true
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Sees to it that no more memory is used than is allowed. Called without any lock.
pub(super) fn make_room(inner: &Inner) {
    let room = &inner.room;
    let limit = inner.options.memory;
    if room.bytes() <= limit {
        return;
    }
    let Some(_making) = room.making.try_lock() else { return };
    let enough = limit - limit / FREED;
    while room.bytes() > enough {
        let Some(oldest) = room.closed.lock().pop_front() else { break };
        if let Some(live) = oldest.upgrade() {
            leave(inner, &live, true);
        }
    }
    if room.bytes() <= enough {
        return;
    }
    let mut all = inner.shelves.all();
    all.sort_by_cached_key(|live| live.used.load(Ordering::Relaxed));
    for live in all {
        if room.bytes() <= enough {
            return;
        }
        leave(inner, &live, false);
    }
}

/// Takes a stream out of memory, unless some of it is not stored yet.
fn leave(inner: &Inner, live: &Arc<Live>, only_closed: bool) {
    let mut cell = live.cell();
    let Some(state) = cell.state() else { return };
    if only_closed && state.meta.closed.is_none() {
        return;
    }
    let place = match &state.kept {
        // Nor one whose end is on its way, or that is being filled.
        Some(kept) if !kept.is_settled() || kept.sealed => return,
        _ if state.meta.phase == Phase::Building => return,
        Some(_) => Place::Unknown,
        None => Place::Evicted(Counted::new(&inner.room, REMEMBERED)),
    };
    let is_evicted = matches!(place, Place::Evicted(_));
    cell.drop_state(place);
    drop(cell);
    inner.room.meter.left.increment(1);
    live.wake();
    if is_evicted {
        remember(inner, live);
    } else {
        inner.shelves.forget(live);
    }
}

/// Remembers a stream that had to leave; the one that left longest ago is forgotten.
fn remember(inner: &Inner, live: &Arc<Live>) {
    let most = (inner.options.memory / 16 / REMEMBERED).max(16);
    let mut evicted = inner.room.evicted.lock();
    evicted.push_back(Arc::clone(live));
    let forgotten = (evicted.len() > most).then(|| evicted.pop_front()).flatten();
    drop(evicted);
    if let Some(live) = forgotten {
        let mut cell = live.cell();
        if matches!(cell.place, Place::Evicted(_)) {
            cell.drop_state(Place::Absent);
        }
        drop(cell);
        inner.shelves.forget(&live);
    }
}
