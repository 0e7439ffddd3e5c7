//! Updates whose entry is gone from the inbox: somebody else has ended them, or the storage has lost them, as one that
//! fails over to a replica does. Those are brought again by the process that still has them.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::format::InboxRecord;
use super::index::{Arrived, Known};
use super::intake::Request;
use super::names::INBOX;
use super::riders::queue;
use super::worker::After;
use super::{About, Handler};
use crate::Shard;
use crate::storage::{Append, Appended};

/// How long after its arrival an update is brought again: half of the time for which its id is known for sure, so that the
/// clocks of processes and storages may differ by as much.
const BROUGHT_AGAIN: Duration = Duration::from_hours(24);

impl<H: Handler> Core<H> {
    /// What to do with an update whose entry is gone. Its id tells why: put into the inbox again, an update that somebody
    /// has ended is seen, and one that was lost is accepted. It then runs behind those that lie there.
    pub(super) async fn gone(&self, arrived: &Arc<Arrived>) -> After {
        let About { conversation, update, arrived: came, body, .. } = &arrived.about;
        if arrived.known == Known::BodyLeftBehind || self.clock.now().since(*came) > BROUGHT_AGAIN {
            return After::Done;
        }
        let bytes = InboxRecord::encode_new(conversation, *came, body);
        let append = Append { id: Some(update.clone()), bytes };
        let writes = || {
            let mut writes = Vec::new();
            queue(&mut writes, arrived.shard, &INBOX).append.push(append.clone());
            writes
        };
        match self.commit_for_sure(writes).await {
            Ok(committed) if matches!(committed.appended[..], [Appended::At(_)]) => {
                tracing::warn!(%conversation, %update, "the storage has lost an update, it is brought again");
                self.meter.lost.increment(1);
                self.read_anew(arrived.shard);
                After::Done
            }
            Ok(_) => After::Done,
            Err(error) => self.postpone(arrived, &error),
        }
    }

    /// Has the inbox of a shard read from its beginning, unless the runner is stopping: then the next start does.
    fn read_anew(&self, shard: Shard) {
        let Some(requests) = self.requests.upgrade() else { return };
        // The inbox may be waiting for room that this very worker is to make.
        self.tasks.spawn(async move { drop(requests.send(Request::Anew(shard)).await) });
    }
}
