//! Batches committed through the storage, by as many callers at once as the case has slots.

use measure::{Run, Stopwatch};
use tertulia::storage::{Batch, Storage};
use tokio::task::JoinSet;

use crate::Done;
use crate::script::Script;
use crate::server::{self, Running, Store};

pub(crate) async fn run(store: Store, run: &Run) -> anyhow::Result<Done> {
    let running = Running::start(store, run, &[]);
    let storage = server::open(store, &running.url).await?;
    let Script { before, callers } = Script::new(run)?;
    for batch in before {
        storage.commit(batch).await?;
    }
    let cpu = running.cpu();
    let stopwatch = Stopwatch::start();
    let mut tasks = JoinSet::new();
    for batches in callers {
        let storage = storage.clone();
        tasks.spawn(async move { commit(&*storage, batches).await });
    }
    let mut sum = 0;
    while let Some(task) = tasks.join_next().await {
        sum += task??;
    }
    let taken = stopwatch.stop();
    Ok(Done { taken, sum, extra: server::cpu_of_each(cpu, running.cpu(), run.updates) })
}

/// Commits a caller's batches one after the other and counts them.
async fn commit(storage: &dyn Storage, batches: Vec<Batch>) -> tertulia::Result<u64> {
    let mut sum = 0;
    for batch in batches {
        storage.commit(batch).await?;
        sum += 1;
    }
    Ok(sum)
}
