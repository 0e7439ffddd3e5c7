//! A disk without room takes nothing and loses nothing.

use tertulia::error::Kind;
use tertulia::storage::LogWrite;
use tertulia_sqlite::{Sqlite, SqliteOptions};

use crate::rig::{commit, expect_error, log, read_log, run};

/// Room for the tables and some entries.
const MAX_BYTES: u64 = 256 << 10;
const ENTRY: [u8; 8_000] = [b'x'; 8_000];

/// Appends to the log until there is no room, and gives how many entries went in.
async fn fill(storage: &Sqlite, id: &str) -> u64 {
    for n in 0..1_000 {
        let write = LogWrite::new(log(id)).append(ENTRY.to_vec()).into();
        match commit(storage, n, vec![write]).await {
            Ok(_) => {}
            refused => {
                expect_error(refused, Kind::Unavailable, &["full"]);
                assert!(n > 5, "only {n} entries had room");
                return n;
            }
        }
    }
    panic!("8 MB had room in {MAX_BYTES} bytes");
}

#[test]
fn without_room_a_batch_is_unavailable_and_leaves_no_trace() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = SqliteOptions::new().max_bytes(MAX_BYTES);
        let storage = options.clone().open(&path).await.unwrap();
        commit(&storage, 1, vec![LogWrite::new(log("neighbour")).base("mine").into()]).await.unwrap();
        let entries = fill(&storage, "big").await;
        let writes = vec![
            LogWrite::new(log("neighbour")).base("yours").append("one").into(),
            LogWrite::new(log("new")).base("made").into(),
            LogWrite::new(log("big")).append(ENTRY.to_vec()).into(),
        ];
        expect_error(commit(&storage, 2, writes).await, Kind::Unavailable, &["full"]);
        // As it stands in memory, and as it stands in the file.
        let mut storage = Some(storage);
        for reopen in [false, true] {
            if reopen {
                storage.take().unwrap().close().await;
            }
            let storage = match &mut storage {
                Some(storage) => &*storage,
                none => &*none.insert(options.clone().open(&path).await.unwrap()),
            };
            let neighbour = read_log(storage, &log("neighbour")).await.unwrap().unwrap();
            assert_eq!(neighbour.base.as_deref(), Some(&b"mine"[..]));
            assert_eq!((neighbour.head.etag.version, neighbour.entries.len()), (1, 0));
            assert_eq!(read_log(storage, &log("new")).await.unwrap(), None);
            let big = read_log(storage, &log("big")).await.unwrap().unwrap();
            assert_eq!((big.head.end.0, big.entries.len() as u64), (entries, entries));
        }
    });
}

#[test]
fn what_needs_no_room_is_written_while_there_is_none() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new().max_bytes(MAX_BYTES);
        let storage = options.open(folder.path().join("a.db")).await.unwrap();
        commit(&storage, 1, vec![LogWrite::new(log("neighbour")).base("one").into()]).await.unwrap();
        fill(&storage, "big").await;
        commit(&storage, 2, vec![LogWrite::new(log("neighbour")).base("two").into()]).await.unwrap();
        let neighbour = read_log(&storage, &log("neighbour")).await.unwrap().unwrap();
        assert_eq!(neighbour.base.as_deref(), Some(&b"two"[..]));
    });
}

#[test]
fn a_deleted_log_makes_room() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new().max_bytes(MAX_BYTES);
        let storage = options.open(folder.path().join("a.db")).await.unwrap();
        let entries = fill(&storage, "old").await;
        commit(&storage, 1, vec![LogWrite::new(log("old")).delete().into()]).await.unwrap();
        assert_eq!(read_log(&storage, &log("old")).await.unwrap(), None);
        // The space is freed after the delete is answered, by the thread that writes, as soon as it has a moment.
        let mut written = 0;
        for attempt in 0.. {
            assert!(attempt < 10_000, "{written} of {entries} entries had room again");
            let write = LogWrite::new(log("new")).append(ENTRY.to_vec()).into();
            match commit(&storage, 100 + attempt, vec![write]).await {
                Ok(_) => written += 1,
                refused => drop(expect_error(refused, Kind::Unavailable, &["full"])),
            }
            if written == entries {
                break;
            }
        }
        let new = read_log(&storage, &log("new")).await.unwrap().unwrap();
        assert_eq!(new.entries.len() as u64, entries);
    });
}
