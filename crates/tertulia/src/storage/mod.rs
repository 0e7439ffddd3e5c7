//! The contract under everything: logs and queues in shards, written by batches that apply whole or not at all.
//!
//! [`Storage`] is what an engine implements. It knows bytes, etags, ids and deadlines; every protocol rule lives
//! above it. [`decide`] holds the rules of a batch once, for every engine that can load heads and write. [`Behind`]
//! commits log writes in the background, over any engine.

mod batch;
mod behind;
mod commit;
mod conflict;
mod contract;
mod decide;
mod head;
mod hub;
mod limits;
mod memory;
mod page;
mod parameters;
mod seen;

pub(crate) use commit::{commit_logs, commit_made};

pub use batch::{Append, Batch, Expect, Expire, ItemId, LogWrite, QueueWrite, Removal, Which, Write};
pub use behind::{Behind, BehindStats, Failure, Outcome, Pending, Queued};
pub use conflict::{Conflict, Full, Gone, Mismatch};
pub use contract::{BoxFuture, Durability, IntoStorage, Properties, Scope, Storage};
pub use decide::{Change, Decision, LogChange, QueueChange, State, decide};
pub use head::{CommitId, EntryHead, Etag, Head, LogHead, Offset, QueueHead, Revision};
pub use hub::{Hub, Watch};
pub use limits::Limits;
pub use memory::Memory;
pub use page::{
    Appended, Base, Committed, Cursor, From, ListQuery, Listed, Listing, LogPage, Names, Page, QueueEntry,
    QueuePage, Read,
};
pub use parameters::Parameters;
pub use seen::{SEEN_FOR, See, SeenId, SeenPage, SeenQuery};
