//! The rules that every storage holds, and what all that is built on it promises there.

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

tertulia_testkit::suites!(Time::Real, open);

/// The same over a cluster, where a batch reaches one shard.
mod cluster {
    use super::{Limits, Subject, Time, open_at};
    use crate::rig;

    async fn open(limits: Limits) -> Subject {
        open_at(rig::cluster_url(rig::cluster()), limits).await
    }

    tertulia_testkit::suites!(Time::Real, open);
}
