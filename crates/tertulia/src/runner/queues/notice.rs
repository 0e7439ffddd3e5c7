//! What was changed in the queues behind a runner's back.

use crate::Shard;
use crate::runner::Ticket;
use crate::storage::Offset;

/// Something that was changed in the queues of a runner that may be running.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a runner that runs is to be told"]
pub enum Notice {
    /// An update was appended to this shard's inbox.
    Update(Shard),
    /// A call with this ticket was appended to this shard's outbox.
    Call(Shard, Ticket),
    /// This entry of this shard's inbox is no longer parked: it may run, or it is gone.
    Unparked(Shard, Offset),
}
