//! The rules that every storage holds, and what all that is built on it promises there.

use tertulia::storage::Limits;
use tertulia_testkit::Subject;
use tertulia_testkit::conformance::Time;

use crate::rig::{subject, suites};

async fn open(limits: Limits) -> Subject {
    subject(suites().postgres_url(), limits).await
}

tertulia_testkit::suites!(Time::Real, open);
