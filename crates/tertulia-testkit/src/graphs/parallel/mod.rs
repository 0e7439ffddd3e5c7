//! Actions that run others, wherever runs are kept.
//!
//! A case is a plain function of where that is, and plays in both write modes. Where it speaks of a crash it drops all that is
//! in memory in the middle of a step, and goes on with other runs there.

#![allow(clippy::unwrap_used, reason = "a case is a test: it fails by panicking")]

pub mod failures;
pub mod keeping;
mod late;
mod listed;
pub mod loops;
pub mod shapes;
mod story;

use tertulia::storage::Limits;

use super::Flow;
use crate::Subject;
use crate::conformance::{self, Time};

/// Runs one case on an empty store, in the storage's time.
pub fn timed(time: Time, open: impl AsyncFnOnce(Limits) -> Subject, case: impl AsyncFnOnce(Flow)) {
    let flow = |subject: &Subject| match subject.saver() {
        Some(saver) => Flow::Saver(saver),
        None => Flow::Storage(subject.storage()),
    };
    conformance::timed(time, open, async |subject| case(flow(subject)).await);
}
