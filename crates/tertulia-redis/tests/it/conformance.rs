//! The rules that every storage holds, and what sessions, streams and runs promise on it.

use std::sync::Arc;

use tertulia::storage::{Limits, Storage};
use tertulia_redis::RedisOptions;
use tertulia_testkit::Subject;
use tertulia_testkit::conformance::Time;

use crate::rig;

async fn open(limits: Limits) -> Subject {
    open_at(rig::url(rig::shared()), limits).await
}

async fn open_at(url: String, limits: Limits) -> Subject {
    let again = move || {
        let (options, url) = (RedisOptions::new().limits(limits), url.clone());
        async move { Arc::new(options.connect(&url).await.expect("the server is there")) as Arc<dyn Storage> }
    };
    Subject::new(again().await).reopen(again)
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

/// The same over a cluster, where a batch reaches one shard.
mod cluster {
    use super::{Limits, Subject, Time, open_at};
    use crate::rig;

    async fn open(limits: Limits) -> Subject {
        open_at(rig::cluster_url(rig::cluster()), limits).await
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
}
