//! Takes notice of what was changed in the queues behind the runner's back.

use std::time::Duration;

use super::Inbox;
use crate::Shard;
use crate::runner::{Call, Handler, Notice};

impl<H: Handler> Inbox<H> {
    /// Reads what was changed, for as long as it takes.
    pub(super) async fn look(&mut self, notice: Notice) {
        match notice {
            Notice::Update(shard) => self.refill_for_sure(&[shard]).await,
            Notice::Call(shard, ticket) => {
                self.find_calls(shard, |call| call.ticket == ticket).await;
            }
            Notice::Unparked(shard, offset) => {
                let start = self.core.index.unpark(shard, offset);
                self.core.start(start);
            }
        }
    }

    async fn find_calls(&self, shard: Shard, wanted: impl Fn(&Call) -> bool) {
        // What an earlier process left there is being read to its end: this call too, which must not be queued twice.
        if self.core.outbox.is_unread(shard) {
            return;
        }
        let mut wait = Duration::from_millis(50);
        while let Err(error) = self.core.read_calls(shard, &wanted).await {
            tracing::warn!(%error, "the outbox cannot be read, trying again");
            self.core.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }
}
