//! Stores of every older version open in this program and go on.

use std::time::Duration;

use tertulia::Name;
use tertulia::storage::{
    Appended, CommitId, Expect, ListQuery, LogWrite, Names, Offset, QueueEntry, QueueWrite, Revision,
    SeenQuery, Storage,
};
use tertulia_postgres::{Postgres, PostgresOptions};

use crate::fixtures::{DAY, hash, lease, load, number, queue};
use crate::rig::{commit, log, read_log, read_queue, run, server};

/// Every version before the present one.
const OLDER: [u32; 1] = [1];

/// A store of an older version, opened by this program.
async fn opened(version: u32) -> (String, Postgres) {
    let schema = load(server(), version);
    let storage = PostgresOptions::new().schema(&schema).existing().connect(&server().postgres_url()).await;
    (schema, storage.unwrap())
}

async fn everything_is_read(version: u32) {
    let (_, storage) = opened(version).await;
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
    assert!(left.abs_diff(3_650 * DAY) < Duration::from_mins(10), "{left:?}");
    assert_eq!(read_log(&storage, &log("brief")).await.unwrap(), None);
    assert_eq!(read_log(&storage, &log("gone")).await.unwrap(), None);
    assert_eq!(read_log(&storage, &lease()).await.unwrap().unwrap().base.unwrap(), "owner");
    let page = read_queue(&storage, &queue()).await.unwrap().unwrap();
    let entry = |offset, revision, id, bytes: &'static str| {
        let (born, revision) = (CommitId(1), Revision(CommitId(revision)));
        QueueEntry { offset: Offset(offset), born, revision, id, bytes: bytes.into() }
    };
    let entries = [
        entry(0, 1, Some(number(i64::MAX)), "first"),
        entry(2, u64::MAX, Some(hash(9)), "third again"),
        entry(3, 1, None, "fourth"),
    ];
    assert_eq!(page.entries, entries);
    assert_eq!((page.head.end.0, page.head.count, page.head.bytes), (4, 3, 22));
    let query = ListQuery { names: Names::Exactly(Name::from_static("log")), ..ListQuery::default() };
    assert_eq!(storage.list(&query).await.unwrap().keys.len(), 4);
}

#[test]
fn everything_in_a_store_of_any_version_is_read() {
    run(async || {
        for version in OLDER {
            everything_is_read(version).await;
        }
    });
}

async fn is_written_on(version: u32) {
    let (_, storage) = opened(version).await;
    let append = QueueWrite::new(queue())
        .append(Some(number(-1)), "again")
        .append(Some(hash(9)), "again")
        .append(Some(hash(8)), "fifth")
        .remove(Offset(2), Revision(CommitId(u64::MAX)));
    let writes = vec![
        append.into(),
        LogWrite::new(log("plain")).append("five").into(),
        LogWrite::new(log("brief")).expect(Expect::Absent).append("anew").into(),
        LogWrite::new(log("large")).base("now small").into(),
    ];
    let committed = commit(&storage, 3, writes).await.unwrap();
    assert_eq!(committed.appended, [Appended::Seen, Appended::Seen, Appended::At(Offset(4))]);
    let plain = read_log(&storage, &log("plain")).await.unwrap().unwrap();
    assert_eq!((plain.head.end, plain.head.etag.version, plain.entries.len()), (Offset(5), 3, 4));
    let brief = read_log(&storage, &log("brief")).await.unwrap().unwrap();
    assert_eq!((brief.base, brief.head.incarnation.0), (None, 3));
    let large = read_log(&storage, &log("large")).await.unwrap().unwrap();
    assert_eq!(large.base.unwrap(), "now small");
    let page = read_queue(&storage, &queue()).await.unwrap().unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.offset.0).collect::<Vec<_>>(), [0, 3, 4]);
    let ids = storage.seen(&SeenQuery::default()).await.unwrap().ids;
    let ids: Vec<_> = ids.into_iter().map(|seen| (seen.queue, seen.id)).collect();
    assert_eq!(ids, [(queue(), hash(8))], "version 1 kept no shards of ids");
}

#[test]
fn a_store_of_any_version_is_written_on() {
    run(async || {
        for version in OLDER {
            is_written_on(version).await;
        }
    });
}

#[test]
fn what_a_store_of_any_version_holds_for_nobody_is_freed() {
    run(async || {
        for version in OLDER {
            let (schema, storage) = opened(version).await;
            let count = |table| server().psql(&format!("SELECT count(*) FROM {schema}.{table}"));
            assert_eq!((count("seen"), count("dropped")), ("3".into(), "1".into()));
            server().psql(&format!(
                "UPDATE {schema}.seen SET at = at - 172800000000; SELECT {schema}.sweep(172800000000)"
            ));
            assert_eq!([count("seen"), count("dropped"), count("logs")], ["0", "0", "5"]);
            let again = QueueWrite::new(queue()).append(Some(number(-1)), "again");
            let committed = commit(&storage, 3, vec![again.into()]).await.unwrap();
            assert_eq!(committed.appended, [Appended::At(Offset(4))]);
        }
    });
}
