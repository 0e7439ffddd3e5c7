//! Many callers at once, at odds with each other.

use tertulia::error::Kind;
use tertulia::storage::{CommitId, Conflict, Etag, Expect, LogWrite};
use tertulia_sqlite::Sqlite;
use tokio::task::JoinSet;

use crate::rig::{commit, log, read_log, run};

const CALLERS: u64 = 32;
const ROUNDS: u64 = 50;

/// Adds one to the counter and appends to the caller's own log, until it succeeds; gives how often it did not.
async fn count(storage: &Sqlite, caller: u64, round: u64) -> u64 {
    let id = caller * ROUNDS + round + 1;
    for conflicts in 0.. {
        let page = read_log(storage, &log("counter")).await.unwrap();
        let (expect, value) = page.map_or((Expect::Absent, 0), |page| {
            let text = String::from_utf8(page.base.unwrap().to_vec()).unwrap();
            (Expect::Etag(page.head.etag), text.parse::<u64>().unwrap())
        });
        let writes = vec![
            LogWrite::new(log(&format!("{caller}"))).append(format!("{}", value + 1)).into(),
            LogWrite::new(log("counter")).expect(expect).base(format!("{}", value + 1)).into(),
        ];
        match commit(storage, id, writes).await {
            Ok(_) => return conflicts,
            Err(error) => {
                assert_eq!(error.kind(), Kind::Conflict, "{error}");
                let conflict = error.detail::<Conflict>().unwrap();
                assert_eq!(conflict.failed.len(), 1);
                assert_eq!(conflict.failed[0].key, log("counter"));
            }
        }
    }
    unreachable!("the loop has no end")
}

#[test]
fn concurrent_counters_lose_nothing_and_a_conflict_touches_no_neighbour() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let storage = Sqlite::open(folder.path().join("a.db")).await.unwrap();
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let storage = storage.clone();
            callers.spawn(async move {
                let mut conflicts = 0;
                for round in 0..ROUNDS {
                    conflicts += count(&storage, caller, round).await;
                }
                conflicts
            });
        }
        let conflicts: u64 = callers.join_all().await.into_iter().sum();
        assert!(conflicts > 0, "the callers never met");
        let counter = read_log(&storage, &log("counter")).await.unwrap().unwrap();
        assert_eq!(counter.base.unwrap(), format!("{}", CALLERS * ROUNDS));
        assert_eq!(counter.head.etag.version, CALLERS * ROUNDS);
        // Each value was written once: whoever lost left nothing behind.
        let mut values = Vec::new();
        for caller in 0..CALLERS {
            let own = read_log(&storage, &log(&format!("{caller}"))).await.unwrap().unwrap();
            values.extend(
                own.entries.iter().map(|entry| std::str::from_utf8(entry).unwrap().parse::<u64>().unwrap()),
            );
        }
        values.sort_unstable();
        assert_eq!(values, (1..=CALLERS * ROUNDS).collect::<Vec<_>>());
    });
}

#[test]
fn of_many_who_expect_the_same_etag_one_wins() {
    run(|| async {
        let folder = tempfile::tempdir().unwrap();
        let storage = Sqlite::open(folder.path().join("a.db")).await.unwrap();
        commit(&storage, 1, vec![LogWrite::new(log("1")).base("0").into()]).await.unwrap();
        let expect = Expect::Etag(Etag { version: 1, commit: CommitId(1) });
        let mut callers = JoinSet::new();
        for id in 2..202 {
            let storage = storage.clone();
            let write = LogWrite::new(log("1")).expect(expect).base(format!("{id}")).into();
            callers.spawn(async move { (id, commit(&storage, id, vec![write]).await) });
        }
        let mut won = Vec::new();
        for (id, result) in callers.join_all().await {
            match result {
                Ok(_) => won.push(id),
                Err(error) => assert_eq!(error.kind(), Kind::Conflict, "{error}"),
            }
        }
        let page = read_log(&storage, &log("1")).await.unwrap().unwrap();
        assert_eq!(won, [page.head.etag.commit.0]);
        assert_eq!(page.base.unwrap(), format!("{}", won[0]));
    });
}
