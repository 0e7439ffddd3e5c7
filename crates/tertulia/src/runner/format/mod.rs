//! The stored shapes of queue entries: updates received, calls to make, and dead letters.
//!
//! Every record starts with a version byte; each kind has versions of its own, and is written in the least that holds
//! what it has to say. Numbers are little-endian; a text is its length in two bytes, then
//! UTF-8; a body is the rest of the record.

mod dead;
mod fields;
mod inbox;
mod journal;
mod once;
mod options;
mod outbox;
mod sent;
mod ticket;

pub use dead::{DeadKind, DeadRecord};
pub use inbox::{Begun, InboxRecord, Mark, Released};
pub use journal::{Found, FoundState, How, JournalCall, JournalRecord, JournalUpdate, Saved, Taken};
pub(super) use journal::{Segment, decode_segments, encode_segments};
pub use once::OnceRecord;
pub(super) use outbox::MAX_JOIN;
pub use outbox::{CallState, OutboxRecord};
pub use sent::SentRecord;
pub use ticket::Ticket;

/// How much of an error text is kept.
const MAX_ERROR: usize = 2000;
/// What any of these records adds to the body that it holds, at most.
pub(super) const RESERVED: usize = 4096;

#[cfg(test)]
mod tests;
