//! The journal: what each committed turn of a conversation was and did, kept in its own batch.
//!
//! A journal is the log `journal` of its conversation, an entry for each turn that had any effect. It falls into
//! **segments**, each of which can be read without those before it: a turn that meets a log of a session for the first
//! time in its segment, or finds it changed by something else than the journal's turns, brings it along as it was. What
//! is trimmed is whole segments.

mod keeper;
mod open;
mod options;
mod play;
mod read;
mod record;
mod script;

pub(super) use self::keeper::{Keeper, Kept};
pub use self::options::Journal;
pub use self::play::{Played, play};
pub use self::read::{Turns, read};
pub(super) use self::record::{Draft, call, update};
pub(super) use self::script::Script;
pub use self::script::Strayed;
pub use super::format::{Found, FoundState, How, JournalCall, JournalRecord, JournalUpdate, Saved, Taken};
