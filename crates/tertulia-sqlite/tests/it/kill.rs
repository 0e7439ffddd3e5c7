//! A process that writes under load is killed again and again.

use std::collections::{BTreeMap, BTreeSet};

use tertulia::storage::{ItemId, LogWrite, QueueWrite};
use tertulia::{Key, Name};
use tertulia_sqlite::Sqlite;

use crate::rig::{Process, commit, database, log, queue, read_log, read_queue, run, say};

/// Callers at once. Each has two logs of its own.
const CALLERS: u64 = 8;

/// A caller's logs: each of its batches appends the same to both, and to the queue that all share.
fn logs(caller: u64) -> [Key; 2] {
    [log(&format!("{caller} left")), log(&format!("{caller} right"))]
}

/// What a caller's `n`th batch appends, longer than a page now and then.
fn entry(caller: u64, n: u64) -> String {
    let length = if n.is_multiple_of(7) { 9_000 } else { 700 };
    format!("{caller} {n} {:length$}", "")
}

fn number(caller: u64, n: u64) -> i64 {
    (n * CALLERS + caller).cast_signed()
}

#[test]
fn nothing_that_was_answered_is_missing_after_a_kill_and_no_batch_is_torn() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut answered: BTreeMap<u64, u64> = BTreeMap::new();
        for round in 0..5 {
            let mut process = Process::start("kill::write_until_killed", &path);
            let mut said: Vec<String> = (0..200 + 150 * round).map(|_| process.hear()).collect();
            said.extend(process.kill());
            for line in said {
                let (caller, n) = line.split_once(' ').unwrap();
                let (caller, n): (u64, u64) = (caller.parse().unwrap(), n.parse().unwrap());
                let last = answered.entry(caller).or_default();
                *last = (*last).max(n + 1);
            }
            let storage = Sqlite::open(&path).await.unwrap();
            check(&storage, &answered).await;
            storage.close().await;
        }
        assert_eq!(answered.len() as u64, CALLERS);
    });
}

async fn check(storage: &Sqlite, answered: &BTreeMap<u64, u64>) {
    let mut ids = BTreeSet::new();
    for caller in 0..CALLERS {
        let [left, right] = logs(caller);
        let left = read_log(storage, &left).await.unwrap().map_or(Vec::new(), |page| page.entries);
        let right = read_log(storage, &right).await.unwrap().map_or(Vec::new(), |page| page.entries);
        assert!(left == right, "caller {caller}: {} and {} entries", left.len(), right.len());
        let acknowledged = answered.get(&caller).copied().unwrap_or(0);
        assert!(left.len() as u64 >= acknowledged, "caller {caller}: {} of {acknowledged}", left.len());
        for (n, bytes) in (0..).zip(&left) {
            assert!(bytes == entry(caller, n).as_bytes(), "caller {caller}: entry {n} is another one");
            ids.insert(number(caller, n));
        }
    }
    let page = read_queue(storage, &queue()).await.unwrap().unwrap();
    let queued = page.entries.into_iter().map(|entry| match entry.id {
        Some(ItemId::Number(_, number)) => number,
        id => panic!("{id:?}"),
    });
    let queued: Vec<i64> = queued.collect();
    assert_eq!(queued.len(), ids.len());
    assert_eq!(queued.into_iter().collect::<BTreeSet<_>>(), ids);
}

#[test]
#[ignore = "run by `nothing_that_was_answered_is_missing_after_a_kill_and_no_batch_is_torn`"]
fn write_until_killed() {
    let Some(path) = database() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let storage = Sqlite::open(path).await.unwrap();
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..CALLERS {
            callers.spawn(write(storage.clone(), caller));
        }
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
    });
}

async fn write(storage: Sqlite, caller: u64) {
    let [left, right] = logs(caller);
    let there = read_log(&storage, &left).await.unwrap();
    for n in there.map_or(0, |page| page.head.end.0).. {
        let id = ItemId::Number(Name::from_static("kill"), number(caller, n));
        let writes = vec![
            LogWrite::new(left.clone()).append(entry(caller, n)).into(),
            QueueWrite::new(queue()).append(Some(id), "").into(),
            LogWrite::new(right.clone()).append(entry(caller, n)).into(),
        ];
        commit(&storage, number(caller, n).cast_unsigned(), writes).await.unwrap();
        say(&format!("{caller} {n}"));
    }
}
