//! The end of the last handle, and futures that are dropped half way.

use tertulia::storage::LogWrite;
use tertulia_sqlite::Sqlite;
use tokio::task::JoinSet;

use crate::rig::{assert_nobodys, commit, log, read_log, run};

#[test]
fn the_last_handle_ends_the_writer_and_releases_the_lock() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        for id in 0..20 {
            let first = Sqlite::open(&path).await.unwrap();
            let second = first.clone();
            commit(&first, id, vec![LogWrite::new(log("1")).append("entry").into()]).await.unwrap();
            drop(first);
            assert!(Sqlite::owner(&path).unwrap().is_some());
            let page = read_log(&second, &log("1")).await.unwrap().unwrap();
            assert_eq!(page.entries.len() as u64, id + 1);
            drop(second);
            assert_nobodys(&path).await;
            // The writer closed the file after everybody else, or its log would still be there.
            assert!(!folder.path().join("a.db-wal").exists());
        }
    });
}

#[test]
fn what_was_queued_before_the_last_handle_went_is_answered_and_written() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let storage = Sqlite::open(&path).await.unwrap();
        let mut commits = JoinSet::new();
        for id in 0..500 {
            let storage = storage.clone();
            let write = LogWrite::new(log("1")).append(format!("{id}")).into();
            commits.spawn(async move { commit(&storage, id, vec![write]).await });
        }
        storage.close().await;
        while let Some(committed) = commits.join_next().await {
            committed.unwrap().unwrap();
        }
        assert_nobodys(&path).await;
        let storage = Sqlite::open(&path).await.unwrap();
        assert_eq!(read_log(&storage, &log("1")).await.unwrap().unwrap().entries.len(), 500);
    });
}

#[test]
fn a_commit_dropped_half_way_is_applied_whole_or_not_at_all() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let storage = Sqlite::open(&path).await.unwrap();
        let mut commits = JoinSet::new();
        for id in 0..400 {
            let storage = storage.clone();
            let entry = format!("{id}");
            let writes = vec![
                LogWrite::new(log("left")).append(entry.clone()).into(),
                LogWrite::new(log("right")).append(entry).into(),
            ];
            commits.spawn(async move { commit(&storage, id, writes).await });
        }
        for _ in 0..100 {
            commits.join_next().await.unwrap().unwrap().unwrap();
        }
        commits.abort_all();
        let mut answered = 100;
        while let Some(ended) = commits.join_next().await {
            answered += usize::from(ended.is_ok());
        }
        // Batches are written in order, so this one is behind all that were queued.
        commit(&storage, 1_000, vec![LogWrite::new(log("last")).base("last").into()]).await.unwrap();
        let left = read_log(&storage, &log("left")).await.unwrap().unwrap().entries;
        let right = read_log(&storage, &log("right")).await.unwrap().unwrap().entries;
        assert_eq!(left, right);
        assert!((answered..=400).contains(&left.len()), "{answered} answered, {} there", left.len());
    });
}
