//! Runs updates: ordered per key, concurrent across keys, nothing lost.
//!
//! `source -> inbox -> sequence -> handler -> one batch -> outbox`. The batch that carries an update's effects is
//! the batch that removes it from the inbox, so a crash leaves it either whole in the inbox or wholly applied.

mod burst;
mod cancel;
mod commit;
mod core;
mod delivery;
mod desk;
mod early;
mod feed;
mod format;
mod handle;
mod handler;
mod inbox;
mod index;
mod intake;
mod isolate;
pub mod journal;
mod limit;
mod lost;
mod meter;
mod names;
mod once;
mod options;
mod outbox;
mod panics;
mod queues;
mod release;
mod retry;
mod riders;
mod sequence;
mod source;
mod start;
mod taken;
mod turn;
mod wait;
mod watch;
mod worker;

pub use delivery::{CallOptions, Delivery};
pub use early::Early;
pub use format::{
    Begun, CallState, DeadKind, DeadRecord, InboxRecord, Mark, OnceRecord, OutboxRecord, Released,
    SentRecord, Ticket,
};
pub use handle::{Handle, Unfinished};
pub use handler::{Burst, Ending, Handler, HandlerResult, Keys};
pub use index::{Depth, Stats};
pub use intake::{Intake, Receipt};
pub use journal::Journal;
pub use names::{DEAD, INBOX, JOURNAL, OUTBOX, PROCESS, SENT};
pub use options::{AfterRetries, Options};
pub use outbox::CallStats;
pub use queues::{EntryId, Listing, Notice, Query, dead, parked};
pub use source::{Call, Incoming, Paced, Referred, RetryAfter, Sender, Source, Step, Wait};
pub use start::Runner;
pub use turn::{About, Contribute, Turn};
pub use wait::Awaited;
