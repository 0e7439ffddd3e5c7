//! The time until which a handler wants to be left alone.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The longest that is believed.
const LONGEST: Duration = Duration::from_mins(5);

/// Until when nothing is posted. Written by each answer that says so; read before each post.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// Leaves the handler alone for so long from now, if it is not left alone for longer anyway. Gives what is believed
    /// of it.
    pub(super) fn begin(&self, wait: Duration) -> Duration {
        let wait = wait.min(LONGEST);
        let until = Instant::now() + wait;
        let mut known = self.0.lock();
        *known = Some(known.map_or(until, |known| known.max(until)));
        wait
    }

    /// How much longer it is; `None` once it is over.
    pub(super) fn left(&self) -> Option<Duration> {
        let until = (*self.0.lock())?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}
