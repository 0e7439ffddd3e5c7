//! The same behind a pooler that gives out connections by the transaction.

use tertulia::storage::Limits;
use tertulia_testkit::Subject;
use tertulia_testkit::conformance::Time;

use crate::rig::{subject, suites_pooler};

async fn open(limits: Limits) -> Subject {
    subject(suites_pooler().postgres_url(), limits).await
}

tertulia_testkit::suites!(Time::Real, open);
