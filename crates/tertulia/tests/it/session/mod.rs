//! Typed sessions.

mod codecs;
mod edited;
mod enumerate;
mod expiry;
mod fixtures;
mod guards;
mod live;
mod live_random;
mod logs;
mod logs_model;
mod migrations;
mod mutations;
mod promises;
mod queued;
mod scenarios;
mod sizes;
mod updates;
mod watched;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tertulia::session::{Loaded, Store};
use tertulia::storage::{Batch, CommitId, LogWrite, Storage, Write};
use tertulia::{Clock, Conversation, Result};

use watched::Watched;

fn conversation() -> Conversation {
    Conversation::new("telegram", "42").unwrap()
}

/// A store with a cache of its own, as another process would have.
fn store<S: Default + Serialize + DeserializeOwned + Send + Sync + 'static>(storage: &Watched) -> Store<S> {
    Store::new(storage.shared(), Clock::system(), "test").unwrap()
}

/// Commits what is to be written, as the turn does.
async fn commit<S: Default + Serialize + DeserializeOwned + Send + Sync + 'static>(
    storage: &Watched,
    mut loaded: Loaded<S>,
) -> Result<()> {
    let writes = loaded.prepare()?;
    if writes.is_empty() {
        loaded.release();
        return Ok(());
    }
    let heads = commit_writes(storage, writes).await?.heads;
    loaded.committed(&heads);
    Ok(())
}

async fn commit_writes(storage: &Watched, writes: Vec<LogWrite>) -> Result<tertulia::storage::Committed> {
    let id = CommitId(fastrand::u64(..));
    storage.commit(Batch::new(id, writes.into_iter().map(Write::Log).collect())).await
}

/// Loads the session of [`conversation`], changes it, commits it.
async fn change<S: Default + Serialize + DeserializeOwned + Send + Sync + 'static>(
    storage: &Watched,
    store: &Store<S>,
    change: impl FnOnce(&mut S),
) -> Result<()> {
    let mut loaded = store.load(&conversation()).await?;
    change(loaded.get_mut());
    commit(storage, loaded).await
}
