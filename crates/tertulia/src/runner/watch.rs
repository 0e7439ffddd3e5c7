//! The watchdog: says when a turn runs for long, and when none comes to an end.

use std::sync::Arc;

use super::Handler;
use super::core::Core;

/// How often it looks until a turn has run for too long.
const LOOKS: u32 = 4;

impl<H: Handler> Core<H> {
    /// Looks at what runs until it is aborted, and keeps the gauges.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            self.clock.sleep(self.options.stalled / LOOKS).await;
            let found = self.index.look(LOOKS);
            for arrived in found.long {
                let about = &arrived.about;
                let seconds = self.options.stalled.as_secs();
                tracing::warn!(
                    conversation = %about.conversation,
                    update = ?about.update,
                    attempt = about.attempt,
                    "a handler has run for {seconds} s"
                );
                self.meter.stalled.increment(1);
            }
            if found.stuck > 0 {
                tracing::warn!(
                    ready = found.stuck,
                    running = self.index.running(),
                    "no turn has ended for a while though updates are ready: are all slots taken, or does a handler block its thread?"
                );
                self.meter.stalled.increment(1);
            }
            self.stats();
        }
    }
}
