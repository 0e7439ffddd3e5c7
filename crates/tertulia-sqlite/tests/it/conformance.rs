//! The rules that every storage holds, and what all that is built on it promises there.

use std::sync::Arc;

use tertulia::storage::{Limits, Storage};
use tertulia_sqlite::SqliteOptions;
use tertulia_testkit::Subject;
use tertulia_testkit::conformance::Time;

async fn open(limits: Limits) -> Subject {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("conformance.db");
    let options = SqliteOptions::new().limits(limits);
    let again = move || {
        let (options, path) = (options.clone(), path.clone());
        async move { Arc::new(options.open(path).await.expect("the database opens")) as Arc<dyn Storage> }
    };
    Subject::new(again().await).reopen(again).keep(folder)
}

tertulia_testkit::suites!(Time::Real, open);
