//! The suites of the runner and of turns on a storage that answers late: others see what is stored well before the
//! process that stored it knows. A case that takes the one for the other fails here each time, and elsewhere once in a
//! thousand runs.

use std::sync::Arc;
use std::time::Duration;

use tertulia::Clock;
use tertulia::storage::{Limits, Memory};
use tertulia_testkit::conformance::Time;
use tertulia_testkit::{Call, Fault, Faulty, Subject};

async fn open(limits: Limits) -> Subject {
    let memory = Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES);
    let late = Faulty::new(Arc::new(memory));
    late.always(Call::Commit, Fault::DelayAnswer(Duration::from_millis(20)));
    Subject::new(Arc::new(late))
}

mod runner {
    use super::{Time, open};

    tertulia_testkit::runner!(Time::Paused, open);
}

mod turns {
    use super::{Time, open};

    tertulia_testkit::turns!(Time::Paused, open);
}
