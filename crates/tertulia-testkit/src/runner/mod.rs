//! What the runner promises on every storage, each a named case: that updates are kept, run in order and applied once, and
//! that calls are made, whatever process dies and whatever answer is lost.
//!
//! A case is a plain function of a [`Setting`], a storage under test with the processes that run over it;
//! [`runner!`](crate::runner!) lists them all, so that each shows as a test of its own for every storage. All go through
//! the public interface. A process is killed by dropping it, and the store is opened again for the next one where that can be
//! done. Nothing waits for time to pass: what has to be tried again is tried after milliseconds.

#![allow(clippy::unwrap_used, reason = "a case is a test: it fails by panicking")]

pub mod batch;
pub mod calls;
pub mod dead;
pub mod inbox;
mod listed;
mod platform;
mod setting;
pub mod several;
pub mod stopping;
mod work;

use tertulia::storage::Limits;

pub use platform::Platform;
pub use setting::Setting;
pub use work::{Texts, Work};

use crate::Subject;
use crate::conformance::{self, Time};
pub use crate::process::{Notes, Process};

/// Runs one case on an empty store, in the storage's time.
pub fn timed(time: Time, open: impl AsyncFnOnce(Limits) -> Subject, case: impl AsyncFnOnce(&Setting<'_>)) {
    conformance::timed(time, open, async |subject| case(&Setting::new(subject)).await);
}
