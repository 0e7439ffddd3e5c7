//! Time and randomness: the only place where the library reads either.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment and `duration` more; stays at the last representable one instead of wrapping.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long it is from `earlier` to this moment; zero if `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Where time and random numbers come from. Cheap to clone; clones share one state.
///
/// Inside a Tokio test with a paused clock, [`now`](Clock::now) moves with that clock.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    /// The wall clock when this value was made; later times are this plus what Tokio's clock has moved, so that
    /// they never go back and follow a paused clock.
    origin: Timestamp,
    started: Instant,
    /// Moved once for each random number.
    seed: AtomicU64,
    /// How many milliseconds were waited for without waiting, if waits take no time.
    skipped: Option<AtomicU64>,
}

impl Clock {
    /// The machine's clock and a random seed.
    pub fn system() -> Self {
        #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let origin = Timestamp(0).after(since_epoch);
        Self::starting_at(origin, fastrand::u64(..))
    }

    /// A clock that starts at `origin` and whose random numbers repeat for the same `seed`: for tests.
    pub fn starting_at(origin: Timestamp, seed: u64) -> Self {
        Self(Arc::new(Inner { origin, started: Instant::now(), seed: AtomicU64::new(seed), skipped: None }))
    }

    /// As [`starting_at`](Self::starting_at), but [`sleep`](Self::sleep) takes no time: it moves the clock instead.
    pub(crate) fn skipping(origin: Timestamp, seed: u64) -> Self {
        let (started, seed) = (Instant::now(), AtomicU64::new(seed));
        Self(Arc::new(Inner { origin, started, seed, skipped: Some(AtomicU64::new(0)) }))
    }

    /// The present moment. Never goes back within one clock.
    pub fn now(&self) -> Timestamp {
        let skipped = self.0.skipped.as_ref().map_or(0, |skipped| skipped.load(Ordering::Relaxed));
        self.0.origin.after(self.0.started.elapsed()).after(Duration::from_millis(skipped))
    }

    /// A random number, different at each call.
    pub fn random(&self) -> u64 {
        let seed = self.0.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        fastrand::Rng::with_seed(seed).u64(..)
    }

    /// Waits. Cancel safe: dropping the future ends the wait.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0.skipped {
            None => tokio::time::sleep(duration).await,
            Some(skipped) => {
                let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                skipped.fetch_add(millis, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish()
    }
}
