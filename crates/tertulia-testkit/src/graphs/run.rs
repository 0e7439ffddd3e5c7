//! Runs one case in a runtime of its own, in one write mode.

use tertulia::session::WriteMode;
use tertulia::storage::Limits;

use super::Setting;
use crate::Subject;
use crate::conformance::{self, Time};

/// Runs a case on two threads in real time, whatever time the storage keeps.
pub fn threads(
    mode: WriteMode,
    time: Time,
    open: impl AsyncFnOnce(Limits) -> Subject,
    case: impl AsyncFnOnce(&Setting<'_>),
) {
    conformance::threads(time, open, async |subject| case(&Setting::new(subject, mode)).await);
}

/// Runs a case in the storage's time: a paused one is moved by the case.
pub fn timed(
    mode: WriteMode,
    time: Time,
    open: impl AsyncFnOnce(Limits) -> Subject,
    case: impl AsyncFnOnce(&Setting<'_>),
) {
    conformance::timed(time, open, async |subject| case(&Setting::new(subject, mode)).await);
}
