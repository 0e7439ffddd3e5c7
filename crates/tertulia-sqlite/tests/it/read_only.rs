//! Reading beside a process that writes.

use tertulia::error::Kind;
use tertulia::storage::{LogWrite, Storage};
use tertulia_sqlite::Sqlite;

use crate::rig::{assert_nobodys, commit, expect_error, log, read_log, run};

#[test]
fn a_reader_sees_what_the_writer_commits() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Sqlite::open(&path).await.unwrap();
        let reader = Sqlite::open_read_only(&path).await.unwrap();
        assert_eq!(read_log(&reader, &log("1")).await.unwrap(), None);
        for i in 1..=3 {
            commit(&writer, i, vec![LogWrite::new(log("1")).append("entry").into()]).await.unwrap();
            let page = read_log(&reader, &log("1")).await.unwrap().unwrap();
            assert_eq!(page.entries.len() as u64, i);
        }
    });
}

#[test]
fn a_reader_is_woken_by_what_the_writer_commits() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Sqlite::open(&path).await.unwrap();
        let reader = Sqlite::open_read_only(&path).await.unwrap();
        let key = log("1");
        let waiting = reader.changed(&key, None);
        let committed = commit(&writer, 1, vec![LogWrite::new(log("1")).base("news").into()]);
        let (woken, committed) = tokio::join!(waiting, committed);
        assert_eq!(woken.unwrap(), committed.unwrap().heads[0]);
    });
}

#[test]
fn a_reader_takes_no_commits_and_no_address() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Sqlite::open(&path).await.unwrap();
        let reader = Sqlite::open_read_only(&path).await.unwrap();
        let write = LogWrite::new(log("1")).base("news").into();
        expect_error(commit(&reader, 1, vec![write]).await, Kind::Invalid, &["a.db", "reading only"]);
        expect_error(reader.set_address("here"), Kind::Invalid, &["a.db", "reading only"]);
        assert_eq!(read_log(&writer, &log("1")).await.unwrap(), None);
    });
}

#[test]
fn a_reader_does_not_make_a_database() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        expect_error(Sqlite::open_read_only(&path).await, Kind::Invalid, &["a.db", "does not exist"]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    });
}

#[test]
fn a_reader_opens_what_nobody_writes_to() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Sqlite::open(&path).await.unwrap();
        commit(&writer, 1, vec![LogWrite::new(log("1")).base("old news").into()]).await.unwrap();
        writer.close().await;
        let reader = Sqlite::open_read_only(&path).await.unwrap();
        let page = read_log(&reader, &log("1")).await.unwrap().unwrap();
        assert_eq!(page.base.as_deref(), Some(&b"old news"[..]));
        assert_nobodys(&path).await;
    });
}
