//! Tracks against what they promise: every version can be had again, and costs what changed.

mod damage;
mod fixtures;
mod fuzz;
mod logs;
mod plain;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Change, Track, TrackHome};
use crate::session::Options;
use crate::session::store::State;
use crate::storage::{Batch, CommitId, Memory, Storage, Write};
use crate::{Conversation, Key, Log, Name};

/// A state with a number, a text and two logs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Agent {
    count: u32,
    #[serde(default)]
    answer: Option<String>,
    messages: Log<String>,
    calls: Log<u32>,
}

fn key(run: &str) -> Key {
    Key::Log(Conversation::new("test", "1").unwrap(), Name::new(format!("run/{run}")).unwrap())
}

fn storage() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

/// Where a track of the run `1` lies, with so many items of each log.
fn home(storage: &Arc<dyn Storage>, log_tail: usize) -> TrackHome {
    let options = Options { log_tail, ..Options::default() };
    TrackHome::new(Arc::clone(storage), &options, key("1")).unwrap()
}

/// Stores what is to be written of logs, and accepts the change.
async fn store(storage: &Arc<dyn Storage>, track: &mut Track, mut change: Change) {
    let writes: Vec<Write> = change.writes().into_iter().map(Write::Log).collect();
    if !writes.is_empty() {
        let batch = Batch::new(CommitId(fastrand::u64(..)), writes);
        change.committed(&storage.commit(batch).await.unwrap().heads);
    }
    track.accept(change);
}

/// Follows a value from here on; gives what is to be stored of its first version.
async fn begin<S: State>(storage: &Arc<dyn Storage>, home: TrackHome, value: &S) -> (Track, Vec<u8>) {
    let (mut track, change) = Track::begin(home, value).unwrap();
    let whole = change.whole(&track);
    store(storage, &mut track, change).await;
    assert_eq!(track.whole(), whole);
    (track, whole)
}

/// Stores what became of the value, which must be something; gives what is to be stored of it.
async fn step<S: State>(storage: &Arc<dyn Storage>, track: &mut Track, value: &S) -> Bytes {
    let change = track.compare(value).unwrap().expect("the value changed");
    let (record, whole) = (change.record().to_vec(), change.whole(track));
    store(storage, track, change).await;
    assert_eq!(track.whole(), whole);
    record.into()
}
