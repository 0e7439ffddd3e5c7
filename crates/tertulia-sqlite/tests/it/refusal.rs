//! Files and places that are not ours are left alone.

use std::path::Path;

use rusqlite::Connection;
use tertulia::error::Kind;
use tertulia_sqlite::Sqlite;

use crate::rig::{expect_error, run};

/// Both ways to open it are `Invalid`, name these things and leave every byte as it was.
async fn expect_refused(path: &Path, names: &[&str]) {
    let before = std::fs::read(path).unwrap();
    expect_error(Sqlite::open(path).await, Kind::Invalid, names);
    expect_error(Sqlite::open_read_only(path).await, Kind::Invalid, names);
    assert_eq!(std::fs::read(path).unwrap(), before);
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(files.count(), 1, "a file was made beside it");
}

#[test]
fn a_file_that_is_no_database_is_refused_untouched() {
    run(|| async {
        for content in [&b"x"[..], b"SQLite format 3\0", &[7; 10_000]] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("notes.txt");
            std::fs::write(&path, content).unwrap();
            expect_refused(&path, &[path.to_str().unwrap(), "not a Tertulia database"]).await;
        }
    });
}

#[test]
fn a_database_of_another_application_is_refused_untouched() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photos.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE photos (name TEXT); PRAGMA user_version = 1").unwrap();
        drop(other);
        expect_refused(&path, &[path.to_str().unwrap(), "not a Tertulia database"]).await;
    });
}

#[test]
fn a_newer_schema_is_refused_untouched() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        Sqlite::open(&path).await.unwrap().close().await;
        std::fs::remove_file(folder.path().join("a.db.lock")).unwrap();
        let newer = Connection::open(&path).unwrap();
        newer.pragma_update(None, "user_version", 1_000).unwrap();
        drop(newer);
        expect_refused(&path, &[path.to_str().unwrap(), "schema version 1000", "up to 3"]).await;
    });
}

#[test]
fn an_empty_file_becomes_a_database() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        Sqlite::open(&path).await.unwrap().close().await;
        Sqlite::open_read_only(&path).await.unwrap();
    });
}

#[test]
fn a_missing_directory_is_named() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("a.db");
        let names = [path.to_str().unwrap(), "missing: "];
        expect_error(Sqlite::open(&path).await, Kind::Invalid, &names);
        expect_error(Sqlite::open_read_only(&path).await, Kind::Invalid, &names);
        expect_error(Sqlite::open("").await, Kind::Invalid, &["does not name a file"]);
    });
}

#[test]
fn a_directory_in_the_place_of_the_file_is_named() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let names = [folder.path().file_name().unwrap().to_str().unwrap()];
        expect_error(Sqlite::open(folder.path()).await, Kind::Invalid, &names);
        expect_error(Sqlite::open_read_only(folder.path()).await, Kind::Invalid, &names);
    });
}

#[test]
#[cfg(unix)]
fn a_directory_without_permission_is_named() {
    use std::os::unix::fs::PermissionsExt;
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
        // The superuser is refused nothing there, but in a directory of the kernel.
        let path = match std::fs::write(closed.join("probe"), "") {
            Err(_) => closed.join("a.db"),
            Ok(()) if Path::new("/proc/self").exists() => "/proc/self/a.db".into(),
            Ok(()) => return,
        };
        expect_error(Sqlite::open(&path).await, Kind::Invalid, &["a.db"]);
    });
}
