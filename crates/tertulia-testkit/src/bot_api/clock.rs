//! The server's time, which a test can move on.

use std::time::Duration;

use tertulia::{Clock, Timestamp};
use tokio::sync::watch;

/// The machine's time and what was added to it.
#[derive(Debug)]
pub(super) struct Time {
    clock: Clock,
    started: Timestamp,
    frozen: bool,
    /// How much was added. Moved by tests; whoever waits looks again.
    added: watch::Sender<Duration>,
}

impl Time {
    pub(super) fn new(frozen: bool) -> Self {
        let clock = Clock::system();
        let started = clock.now();
        Self { clock, started, frozen, added: watch::Sender::new(Duration::ZERO) }
    }

    pub(super) fn now(&self) -> Timestamp {
        let now = if self.frozen { self.started } else { self.clock.now() };
        now.after(*self.added.borrow())
    }

    /// How long the server has run.
    pub(super) fn since_start(&self, now: Timestamp) -> Duration {
        now.since(self.started)
    }

    pub(super) fn advance(&self, by: Duration) {
        self.added.send_modify(|added| *added = added.saturating_add(by));
    }

    /// Waits until it is `then`. Cancel safe.
    pub(super) async fn sleep_until(&self, then: Timestamp) {
        let mut added = self.added.subscribe();
        loop {
            added.borrow_and_update();
            let left = then.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = self.clock.sleep(left), if !self.frozen => {}
                // The sender is a field of the same value.
                _ = added.changed() => {}
            }
        }
    }
}
