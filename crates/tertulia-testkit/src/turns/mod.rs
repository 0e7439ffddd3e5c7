//! What turns of a bot promise on every storage, each a named case: sessions, replies, questions, recorded results, live
//! replies and runs of graphs come to what they would have come to if no process had ever died.
//!
//! A case is a plain function of a [`Setting`], a storage under test with the bots that run over it;
//! [`turns!`](crate::turns!) lists them all, so that each shows as a test of its own for every storage. All go through the
//! public interface. Processes and time are as in [`runner`](mod@crate::runner), which judges what is below.

#![allow(clippy::unwrap_used, reason = "a case is a test: it fails by panicking")]

pub mod answers;
pub mod asking;
pub mod graphs;
mod listed;
pub mod lives;
pub mod messages;
pub mod once;
pub mod passing;
pub mod processes;
pub mod sessions;
mod setting;

use tertulia::storage::Limits;

pub use setting::{Heard, Setting};

use crate::Subject;
use crate::conformance::{self, Time};

/// Runs one case on an empty store, in the storage's time.
pub fn timed(time: Time, open: impl AsyncFnOnce(Limits) -> Subject, case: impl AsyncFnOnce(&Setting<'_>)) {
    conformance::timed(time, open, async |subject| case(&Setting::new(subject)).await);
}
