//! The same behind a pooler that gives out connections by the transaction.

use tertulia::storage::Limits;
use tertulia_testkit::Subject;
use tertulia_testkit::conformance::Time;

use crate::rig::{subject, suites_pooler};

async fn open(limits: Limits) -> Subject {
    subject(suites_pooler().postgres_url(), limits).await
}

tertulia_testkit::conformance!(Time::Real, open);
tertulia_testkit::sessions!(Time::Real, open);

mod graphs {
    use super::{Time, open};

    tertulia_testkit::graphs!(Time::Real, open);
}

mod streams {
    use super::{Time, open};

    tertulia_testkit::streams!(Time::Real, open);
}

mod parallel {
    use super::{Time, open};

    tertulia_testkit::parallel!(Time::Real, open);
}
