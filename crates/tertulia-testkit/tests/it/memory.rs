//! The suite on [`Memory`], and what holds of it alone.

use std::sync::Arc;

use tertulia::Clock;
use tertulia::storage::{Limits, Memory};
use tertulia_testkit::Subject;
use tertulia_testkit::conformance::Time;

async fn open(limits: Limits) -> Subject {
    Subject::new(Arc::new(Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES)))
}

tertulia_testkit::conformance!(Time::Paused, open);
