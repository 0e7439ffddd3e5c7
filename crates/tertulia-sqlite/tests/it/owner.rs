//! One process at a time has a database open for writing.

use tertulia::error::Kind;
use tertulia::storage::LogWrite;
use tertulia_sqlite::Sqlite;

use crate::rig::{Process, assert_nobodys, commit, database, expect_error, log, run, say};

#[test]
fn a_second_opener_is_told_the_process_and_the_address_of_the_first() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let first = Sqlite::open(&path).await.unwrap();
        let pid = format!("process {}", std::process::id());
        let text = expect_error(Sqlite::open(&path).await, Kind::Unavailable, &["a.db", &pid]).to_string();
        assert!(!text.contains("reached"), "{text}");
        first.set_address("http://127.0.0.1:7700").unwrap();
        let names = ["a.db", &pid, "http://127.0.0.1:7700"];
        expect_error(Sqlite::open(&path).await, Kind::Unavailable, &names);
        commit(&first, 1, vec![LogWrite::new(log("1")).base("still mine").into()]).await.unwrap();
    });
}

#[test]
fn the_owner_is_read_from_the_lock_file() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        assert_eq!(Sqlite::owner(&path).unwrap(), None);
        let storage = Sqlite::open(&path).await.unwrap();
        let owner = Sqlite::owner(&path).unwrap().unwrap();
        assert_eq!((owner.pid, owner.address), (std::process::id(), None));
        storage.set_address("a very long address").unwrap();
        storage.set_address("short").unwrap();
        let owner = Sqlite::owner(&path).unwrap().unwrap();
        assert_eq!(owner.address.as_deref(), Some("short"));
        assert!(owner.started.0 > 1_600_000_000_000, "{owner:?}");
        expect_error(storage.set_address("two\nlines"), Kind::Invalid, &["one line"]);
        storage.close().await;
        assert_nobodys(&path).await;
    });
}

#[test]
fn nobody_owns_a_database_in_a_directory_that_is_not_there() {
    assert_eq!(Sqlite::owner("/no such directory/a.db").unwrap(), None);
}

#[test]
fn every_spelling_of_a_path_has_the_same_lock() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let _first = Sqlite::open(&path).await.unwrap();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        let roundabout = folder.path().join("deep/../a.db");
        expect_error(Sqlite::open(&roundabout).await, Kind::Unavailable, &["is in use by process"]);
        #[cfg(unix)]
        {
            let link = folder.path().join("link.db");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            expect_error(Sqlite::open(&link).await, Kind::Unavailable, &["is in use by process"]);
        }
    });
}

#[test]
fn the_lock_goes_with_the_process_that_is_killed() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut process = Process::start("owner::open_and_wait", &path);
        assert_eq!(process.hear(), "open");
        let owner = Sqlite::owner(&path).unwrap().unwrap();
        assert_eq!((owner.pid, owner.address.as_deref()), (process.id(), Some("here")));
        let pid = format!("process {}", process.id());
        expect_error(Sqlite::open(&path).await, Kind::Unavailable, &["a.db", &pid, "here"]);
        process.kill();
        assert_nobodys(&path).await;
        Sqlite::open(&path).await.unwrap();
    });
}

#[test]
#[ignore = "run by `the_lock_goes_with_the_process_that_is_killed`, as a process of its own"]
fn open_and_wait() {
    let Some(path) = database() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let storage = Sqlite::open(path).await.unwrap();
        storage.set_address("here").unwrap();
        say("open");
        std::future::pending::<()>().await;
    });
}
