//! Files of every schema version open in this program and go on.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tertulia::storage::{
    Appended, CommitId, Expect, Expire, From, ItemId, ListQuery, LogWrite, Names, Offset, Page, QueueEntry,
    QueueWrite, Read, Revision, SeenId, SeenQuery, Storage,
};
use tertulia::{Clock, Key, Name, Shard, Timestamp};
use tertulia_sqlite::{Sqlite, SqliteOptions};

use crate::rig::{commit, log, queue, read_log, read_queue, run};

/// When the files were written, to the minute.
const WRITTEN: Timestamp = Timestamp(1_700_000_000_000);
const DAY: Duration = Duration::from_hours(24);

fn fixture(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/schema-{version}.sqlite"))
}

fn number(number: i64) -> ItemId {
    ItemId::Number(Name::from_static("telegram"), number)
}

fn hash(byte: u8) -> ItemId {
    ItemId::Bytes(Name::from_static("http"), [byte; 16])
}

fn lease() -> Key {
    Key::ShardLog(Shard(3), Name::from_static("lease"))
}

async fn open(path: &std::path::Path, now: Timestamp) -> Sqlite {
    SqliteOptions::new().clock(Clock::starting_at(now, 1)).open(path).await.unwrap()
}

/// A copy of the fixture, opened so long after it was written.
async fn opened(version: u32, after: Duration) -> (TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::copy(fixture(version), &path).unwrap();
    let storage = open(&path, WRITTEN.after(after)).await;
    (folder, storage)
}

/// Every version that a file may have; the last is the present one.
const VERSIONS: [u32; 3] = [1, 2, 3];

/// Writes the fixture of the present version. Once a version was released its file is never written again.
#[test]
#[ignore = "makes the file that the other tests read"]
fn write_the_fixture() {
    run(|| async {
        let path = fixture(VERSIONS[VERSIONS.len() - 1]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        let storage = open(&path, WRITTEN).await;
        let plain = LogWrite::new(log("plain")).base("grüße").append("one").append("two").append("three");
        let writes = vec![
            plain.into(),
            LogWrite::new(log("large")).base(vec![7; 2_000]).into(),
            LogWrite { first: Some(Offset(40)), ..LogWrite::new(log("fork")).append("forty") }.into(),
            LogWrite::new(log("brief")).base("brief").expire(Expire::After(Duration::from_mins(1))).into(),
            LogWrite::new(log("long")).base("long").expire(Expire::After(3_650 * DAY)).into(),
            LogWrite::new(log("gone")).append("gone").into(),
            LogWrite::new(lease()).base("owner").into(),
            QueueWrite::new(queue())
                .append(Some(number(i64::MAX)), "first")
                .append(Some(number(-1)), "second")
                .append(Some(hash(9)), "third")
                .append(None, "fourth")
                .into(),
        ];
        commit(&storage, 1, writes).await.unwrap();
        let writes = vec![
            LogWrite::new(log("plain")).append("four").trim(Offset(1)).into(),
            LogWrite::new(log("gone")).delete().into(),
            QueueWrite::new(queue())
                .discard(Offset(1), CommitId(1))
                .replace(Offset(2), Revision(CommitId(1)), "third again")
                .into(),
        ];
        commit(&storage, u64::MAX, writes).await.unwrap();
        storage.close().await;
        std::fs::remove_file(path.with_extension("sqlite.lock")).unwrap();
    });
}

/// Offset, revision, birth, id and bytes.
type Entry = (u64, u64, u64, Option<ItemId>, &'static [u8]);

/// The queue's entries. In version 1 a revision was a number that was counted up, and stands for the birth of an entry
/// that was not replaced since.
fn entries(version: u32) -> [Entry; 3] {
    let [first, third, fourth] = match version {
        1 => [(0, 0), (1, 1), (0, 0)],
        _ => [(1, 1), (u64::MAX, 1), (1, 1)],
    };
    [
        (0, first.0, first.1, Some(number(i64::MAX)), b"first"),
        (2, third.0, third.1, Some(hash(9)), b"third again"),
        (3, fourth.0, fourth.1, None, b"fourth"),
    ]
}

async fn assert_entries(storage: &Sqlite, version: u32) {
    let page = read_queue(storage, &queue()).await.unwrap().unwrap();
    let found: Vec<_> = page
        .entries
        .iter()
        .map(|entry| {
            let QueueEntry { offset, born, revision, id, bytes } = entry;
            (offset.0, revision.0.0, born.0, id.clone(), &bytes[..])
        })
        .collect();
    assert_eq!(found, entries(version));
    assert_eq!((page.head.end.0, page.head.count, page.head.bytes), (4, 3, 22));
    assert_eq!((page.head.etag.version, page.head.incarnation.0), (1, 1));
}

async fn everything_is_read(version: u32) {
    let (_folder, storage) = opened(version, DAY).await;
    let plain = read_log(&storage, &log("plain")).await.unwrap().unwrap();
    assert_eq!(plain.base.unwrap(), "grüße");
    assert_eq!((plain.first, plain.entries), (Offset(1), vec!["two".into(), "three".into(), "four".into()]));
    assert_eq!((plain.head.etag.version, plain.head.etag.commit.0), (2, u64::MAX));
    assert_eq!((plain.head.incarnation.0, plain.head.base_version, plain.head.entry_bytes), (1, 1, 15));
    let large = read_log(&storage, &log("large")).await.unwrap().unwrap();
    assert_eq!(large.base.unwrap(), vec![7; 2_000]);
    let fork = read_log(&storage, &log("fork")).await.unwrap().unwrap();
    assert_eq!((fork.base, fork.first, fork.entries), (None, Offset(40), vec!["forty".into()]));
    let long = read_log(&storage, &log("long")).await.unwrap().unwrap();
    let left = long.head.expires_in.unwrap();
    assert!(left.abs_diff(3_649 * DAY) < Duration::from_mins(2), "{left:?}");
    assert_eq!(read_log(&storage, &log("brief")).await.unwrap(), None);
    assert_eq!(read_log(&storage, &log("gone")).await.unwrap(), None);
    let lease = read_log(&storage, &lease()).await.unwrap().unwrap();
    assert_eq!(lease.base.unwrap(), "owner");
    assert_entries(&storage, version).await;
    let query = ListQuery { names: Names::Exactly(Name::from_static("log")), ..ListQuery::default() };
    assert_eq!(storage.list(&query).await.unwrap().keys.len(), 4);
}

#[test]
fn everything_in_a_file_of_any_version_is_read() {
    run(|| async {
        for version in VERSIONS {
            everything_is_read(version).await;
        }
    });
}

#[test]
fn a_file_of_any_version_is_read_as_it_is_by_who_only_reads() {
    run(|| async {
        for version in VERSIONS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.db");
            std::fs::copy(fixture(version), &path).unwrap();
            let reader = Sqlite::open_read_only(&path).await.unwrap();
            assert_entries(&reader, version).await;
            let last = Read::new(queue()).from(From::Last(1));
            let page = reader.read(&[last]).await.unwrap().remove(0).unwrap();
            assert_eq!(page.and_then(Page::into_queue).unwrap().entries[0].bytes, "fourth");
            drop(reader);
            assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(fixture(version)).unwrap());
        }
    });
}

#[test]
fn entries_of_any_version_are_replaced_and_discarded_by_the_birth_that_is_read() {
    run(|| async {
        for version in VERSIONS {
            let (folder, storage) = opened(version, DAY).await;
            let [first, third, _] = entries(version)
                .map(|(_, revision, born, ..)| (Revision(CommitId(revision)), CommitId(born)));
            let replace =
                QueueWrite::new(queue()).replace(Offset(0), first.0, "1").replace(Offset(2), third.0, "3");
            commit(&storage, 3, vec![replace.into()]).await.unwrap();
            storage.close().await;
            let storage = open(&folder.path().join("a.db"), WRITTEN.after(DAY)).await;
            let page = read_queue(&storage, &queue()).await.unwrap().unwrap();
            assert_eq!(
                page.entries[..2].iter().map(|entry| entry.born).collect::<Vec<_>>(),
                [first.1, third.1]
            );
            let discard =
                QueueWrite::new(queue()).discard(Offset(0), first.1).discard(Offset(2), CommitId(3));
            commit(&storage, 4, vec![discard.into()]).await.unwrap();
            let page = read_queue(&storage, &queue()).await.unwrap().unwrap();
            assert_eq!(page.entries.iter().map(|entry| entry.offset.0).collect::<Vec<_>>(), [2, 3]);
        }
    });
}

async fn ids(storage: &Sqlite) -> Vec<SeenId> {
    storage.seen(&SeenQuery::default()).await.unwrap().ids
}

fn seen(id: ItemId, left: Duration) -> SeenId {
    SeenId { queue: queue(), id, left }
}

/// Before version 3 the shard was not stored, and without it an id is no use to another storage.
#[test]
fn ids_in_a_file_are_given_where_their_shard_is_stored() {
    run(|| async {
        for version in VERSIONS {
            let (folder, storage) = opened(version, DAY).await;
            let path = folder.path().join("fixture.db");
            std::fs::copy(fixture(version), &path).unwrap();
            let reader = Sqlite::open_read_only(&path).await.unwrap();
            assert_eq!(ids(&reader).await, [], "by now, they are forgotten");
            let mut expected = match version {
                1 | 2 => vec![],
                _ => [number(-1), number(i64::MAX), hash(9)].map(|id| seen(id, DAY)).to_vec(),
            };
            let near = |found: Vec<SeenId>| -> Vec<SeenId> {
                let round = |left: Duration| Duration::from_hours((left.as_secs() + 1_800) / 3_600);
                found.into_iter().map(|seen| SeenId { left: round(seen.left), ..seen }).collect()
            };
            assert_eq!(near(ids(&storage).await), expected, "version {version}");
            let write = QueueWrite::new(queue()).append(Some(number(7)), "new").see(number(8), DAY);
            commit(&storage, 3, vec![write.into()]).await.unwrap();
            let more = [seen(number(7), 2 * DAY), seen(number(8), DAY)];
            expected.splice(usize::from(version == 3)..usize::from(version == 3), more);
            assert_eq!(near(ids(&storage).await), expected, "version {version}, written on");
        }
    });
}

async fn is_written_on(version: u32) {
    let (_folder, storage) = opened(version, DAY).await;
    let append = QueueWrite::new(queue())
        .append(Some(number(-1)), "again")
        .append(Some(number(i64::MAX)), "again")
        .append(Some(hash(9)), "again")
        .append(Some(hash(8)), "fifth");
    let writes = vec![
        append.into(),
        LogWrite::new(log("plain")).append("five").into(),
        LogWrite::new(log("brief")).expect(Expect::Absent).append("anew").into(),
        LogWrite::new(log("large")).base("now small").into(),
    ];
    let committed = commit(&storage, 3, writes).await.unwrap();
    let appended = [Appended::Seen, Appended::Seen, Appended::Seen, Appended::At(Offset(4))];
    assert_eq!(committed.appended, appended);
    let plain = read_log(&storage, &log("plain")).await.unwrap().unwrap();
    assert_eq!((plain.head.end, plain.head.etag.version, plain.entries.len()), (Offset(5), 3, 4));
    let brief = read_log(&storage, &log("brief")).await.unwrap().unwrap();
    assert_eq!((brief.base, brief.head.incarnation.0), (None, 3));
    let large = read_log(&storage, &log("large")).await.unwrap().unwrap();
    assert_eq!(large.base.unwrap(), "now small");
}

#[test]
fn a_file_of_any_version_is_written_on() {
    run(|| async {
        for version in VERSIONS {
            is_written_on(version).await;
        }
    });
}

#[test]
fn ids_in_a_file_of_any_version_are_forgotten_after_48_hours() {
    run(|| async {
        for version in VERSIONS {
            let (_folder, storage) = opened(version, Duration::from_hours(49)).await;
            let append =
                QueueWrite::new(queue()).append(Some(number(-1)), "again").append(Some(hash(9)), "again");
            let committed = commit(&storage, 3, vec![append.into()]).await.unwrap();
            assert_eq!(committed.appended, [Appended::At(Offset(4)), Appended::At(Offset(5))]);
            let anew: Vec<_> = ids(&storage).await.into_iter().map(|seen| (seen.queue, seen.id)).collect();
            assert_eq!(anew, [(queue(), number(-1)), (queue(), hash(9))], "with their shards");
        }
    });
}
