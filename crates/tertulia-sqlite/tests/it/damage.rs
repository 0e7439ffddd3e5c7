//! What cannot be understood is reported and left as it is.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use tertulia::error::Kind;
use tertulia::storage::{LogWrite, QueueWrite};
use tertulia_sqlite::Sqlite;

use crate::rig::{commit, expect_error, log, queue, read_log, read_queue, run};

/// A database with a log of each size, a queue, and a healthy log, after `sql` was run on it.
async fn damaged(sql: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let storage = Sqlite::open(&path).await.unwrap();
    let writes = vec![
        LogWrite::new(log("small")).base("base").append("one").append("two").append("three").into(),
        LogWrite::new(log("large")).base(vec![b'x'; 5_000]).into(),
        LogWrite::new(log("healthy")).base("base").into(),
        QueueWrite::new(queue()).append(None, "item").into(),
    ];
    commit(&storage, 1, writes).await.unwrap();
    storage.close().await;
    let changed = Connection::open(&path).unwrap().execute(sql, ()).unwrap();
    assert_eq!(changed, 1, "{sql}");
    (folder, path)
}

/// Every row of the tables that hold a log's or a queue's head.
fn rows(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut all = Vec::new();
    for table in ["logs", "queues"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY id")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            all.push(format!("{:?}", (0..columns).map(|i| row.get_ref(i).unwrap()).collect::<Vec<_>>()));
        }
    }
    all
}

#[test]
fn a_log_whose_head_makes_no_sense_is_corrupt_and_never_overwritten() {
    run(|| async {
        for damage in ["first = 9", "version = -1", "base_version = 5", "deadline = -7", "next = -3"] {
            let sql = format!("UPDATE logs SET {damage} WHERE conversation = 'test:small'");
            let (_folder, path) = damaged(&sql).await;
            let before = rows(&path);
            let storage = Sqlite::open(&path).await.unwrap();
            expect_error(read_log(&storage, &log("small")).await, Kind::Corrupt, &["test:small"]);
            for write in [
                LogWrite::new(log("small")).append("four"),
                LogWrite::new(log("small")).base("anew"),
                LogWrite::new(log("small")).delete(),
            ] {
                let refused = commit(&storage, 2, vec![write.into()]).await;
                expect_error(refused, Kind::Corrupt, &["test:small"]);
            }
            storage.close().await;
            assert_eq!(rows(&path), before, "{damage}");
        }
    });
}

#[test]
fn a_batch_beside_a_corrupt_log_is_committed() {
    run(|| async {
        let (_folder, path) = damaged("UPDATE logs SET first = 9 WHERE conversation = 'test:small'").await;
        let storage = Sqlite::open(&path).await.unwrap();
        let bad = commit(&storage, 2, vec![LogWrite::new(log("small")).append("four").into()]);
        let good = commit(&storage, 3, vec![LogWrite::new(log("healthy")).append("one").into()]);
        let (bad, good) = tokio::join!(bad, good);
        expect_error(bad, Kind::Corrupt, &["test:small"]);
        good.unwrap();
        let healthy = read_log(&storage, &log("healthy")).await.unwrap().unwrap();
        assert_eq!(healthy.entries, ["one"]);
    });
}

#[test]
fn a_queue_whose_head_makes_no_sense_is_corrupt_and_never_overwritten() {
    run(|| async {
        for damage in ["count = 9", "version = -1", "next = -1"] {
            let (_folder, path) = damaged(&format!("UPDATE queues SET {damage}")).await;
            let before = rows(&path);
            let storage = Sqlite::open(&path).await.unwrap();
            expect_error(read_queue(&storage, &queue()).await, Kind::Corrupt, &["inbox"]);
            let refused = commit(&storage, 2, vec![QueueWrite::new(queue()).append(None, "two").into()]);
            expect_error(refused.await, Kind::Corrupt, &["inbox"]);
            storage.close().await;
            assert_eq!(rows(&path), before, "{damage}");
        }
    });
}

#[test]
fn a_missing_entry_is_corrupt_for_its_log_alone() {
    run(|| async {
        let (_folder, path) = damaged("DELETE FROM entries WHERE offset = 1").await;
        let storage = Sqlite::open(&path).await.unwrap();
        expect_error(read_log(&storage, &log("small")).await, Kind::Corrupt, &["test:small", "entry 1"]);
        assert!(read_log(&storage, &log("healthy")).await.unwrap().is_some());
    });
}

#[test]
fn a_torn_base_is_corrupt() {
    run(|| async {
        for (sql, id) in [
            ("UPDATE logs SET base = x'00' WHERE conversation = 'test:small'", "small"),
            ("UPDATE logs SET base = NULL WHERE conversation = 'test:small'", "small"),
            ("UPDATE bases SET bytes = x'00'", "large"),
            ("DELETE FROM bases", "large"),
        ] {
            let (_folder, path) = damaged(sql).await;
            let storage = Sqlite::open(&path).await.unwrap();
            expect_error(read_log(&storage, &log(id)).await, Kind::Corrupt, &[id]);
        }
    });
}

#[test]
fn pages_of_garbage_are_corrupt_and_left_as_they_are() {
    run(|| async {
        let (_folder, path) = damaged("UPDATE queues SET version = 1").await;
        let mut bytes = std::fs::read(&path).unwrap();
        // The first page holds the tables' definitions; without it the file would not be ours.
        bytes[4096..].fill(0xee);
        std::fs::write(&path, &bytes).unwrap();
        let reader = Sqlite::open_read_only(&path).await.unwrap();
        expect_error(read_log(&reader, &log("small")).await, Kind::Corrupt, &["malformed"]);
        drop(reader);
        expect_error(Sqlite::open(&path).await, Kind::Corrupt, &["malformed"]);
        assert!(std::fs::read(&path).unwrap() == bytes);
    });
}
