//! Committing, reading and reopening.

use tertulia::storage::{Batch, CommitId, LogWrite, QueueWrite, Read, Storage};
use tertulia::{Conversation, Key, Name, Shard};
use tertulia_sqlite::Sqlite;

fn log(id: &str) -> Key {
    Key::Log(Conversation::new("test", id).expect("a short id"), Name::from_static("log"))
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let storage = Sqlite::open(&path).await.unwrap();
    let queue = Key::Queue(Shard(3), Name::from_static("inbox"));
    let writes = vec![
        LogWrite::new(log("1")).base("hello").append("one").append("two").into(),
        QueueWrite::new(queue.clone()).append(None, "item").into(),
    ];
    storage.commit(Batch::new(CommitId(7), writes)).await.unwrap();
    let reads = [Read::new(log("1")), Read::new(queue), Read::new(log("2"))];
    let before = storage.read(&reads).await.unwrap();
    let before: Vec<_> = before.into_iter().map(|page| page.unwrap()).collect();
    assert!(before[0].is_some() && before[1].is_some() && before[2].is_none());
    drop(storage);
    let storage = Sqlite::open(&path).await.unwrap();
    let after = storage.read(&reads).await.unwrap();
    let after: Vec<_> = after.into_iter().map(|page| page.unwrap()).collect();
    assert_eq!(before, after);
}
