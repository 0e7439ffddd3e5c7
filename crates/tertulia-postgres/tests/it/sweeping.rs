//! What nobody can see any more is freed, and what somebody can see is not.

use std::time::Duration;

use tertulia::storage::{CommitId, Expire, ItemId, LogWrite, QueueWrite, Revision};
use tertulia::{Key, Name, Shard};
use tertulia_postgres::PostgresOptions;

use crate::rig::{commit, log, read_log, run, schema, server};

fn count(schema: &str, table: &str) -> usize {
    server().psql(&format!("SELECT count(*) FROM {schema}.{table}")).parse().unwrap()
}

/// Tells whether there is more to do.
fn sweep(schema: &str) -> bool {
    server().psql(&format!("SELECT {schema}.sweep(172800000000)")) == "t"
}

#[test]
fn what_a_deleted_log_held_is_freed_soon() {
    run(async || {
        let schema = schema();
        let storage = PostgresOptions::new().schema(&schema).connect(&server().postgres_url()).await.unwrap();
        let kept = LogWrite::new(log("kept")).base(vec![1; 5_000]).append("kept");
        let mut gone = LogWrite::new(log("gone")).base(vec![1; 5_000]);
        gone.append = vec!["gone".into(); 3_000];
        commit(&storage, 1, vec![kept.into(), gone.into()]).await.unwrap();
        assert_eq!((count(&schema, "entries"), count(&schema, "bases")), (3_001, 2));
        commit(&storage, 2, vec![LogWrite::new(log("gone")).delete().into()]).await.unwrap();
        while count(&schema, "dropped") > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((count(&schema, "entries"), count(&schema, "bases")), (1, 1));
        let page = read_log(&storage, &log("kept")).await.unwrap().unwrap();
        assert_eq!((page.entries.len(), page.base.unwrap().len()), (1, 5_000));
    });
}

#[test]
fn an_expired_log_is_freed_and_one_that_is_not_stays() {
    run(async || {
        let schema = schema();
        let storage = PostgresOptions::new().schema(&schema).connect(&server().postgres_url()).await.unwrap();
        let write = |id: &str, after| LogWrite::new(log(id)).append("entry").expire(Expire::After(after));
        let (soon, late) = (write("soon", Duration::from_millis(1)), write("late", Duration::from_hours(1)));
        commit(&storage, 1, vec![soon.into(), late.into()]).await.unwrap();
        while read_log(&storage, &log("soon")).await.unwrap().is_some() {}
        sweep(&schema);
        assert_eq!((count(&schema, "logs"), count(&schema, "entries")), (1, 1));
        assert!(read_log(&storage, &log("late")).await.unwrap().is_some());
    });
}

#[test]
fn ids_are_remembered_for_48_hours_and_no_longer() {
    run(async || {
        let schema = schema();
        let storage = PostgresOptions::new().schema(&schema).connect(&server().postgres_url()).await.unwrap();
        let queue = Key::Queue(Shard(3), Name::from_static("inbox"));
        let id = |n| Some(ItemId::Number(Name::from_static("bot"), n));
        let append = QueueWrite::new(queue.clone()).append(id(1), "old").append(id(2), "young");
        commit(&storage, 1, vec![append.into()]).await.unwrap();
        let hours = |hours: u64| hours * 3_600_000_000;
        let age = |hours_ago, row| {
            server().psql(&format!(
                "UPDATE {schema}.seen SET at = at - {} WHERE id = (SELECT id FROM {schema}.seen ORDER BY id OFFSET {row} LIMIT 1)",
                hours(hours_ago)
            ));
        };
        age(49, 0);
        age(47, 1);
        sweep(&schema);
        assert_eq!(count(&schema, "seen"), 1);
        let append = QueueWrite::new(queue.clone()).append(id(1), "again").append(id(2), "again");
        let committed = commit(&storage, 2, vec![append.into()]).await.unwrap();
        let expected = [
            tertulia::storage::Appended::At(tertulia::storage::Offset(2)),
            tertulia::storage::Appended::Seen,
        ];
        assert_eq!(committed.appended, expected);
        let remove = QueueWrite::new(queue).remove(tertulia::storage::Offset(2), Revision(CommitId(2)));
        commit(&storage, 3, vec![remove.into()]).await.unwrap();
    });
}

#[test]
fn however_many_ids_are_forgotten_together_are_freed_step_by_step() {
    run(async || {
        let schema = schema();
        PostgresOptions::new().schema(&schema).connect(&server().postgres_url()).await.unwrap();
        server().psql(&format!(
            "INSERT INTO {schema}.seen SELECT 1, int8send(n), CASE WHEN n % 3 = 0 THEN {schema}.now_us() ELSE n END
            FROM generate_series(1, 7500) n"
        ));
        let left = [1, 2, 3].map(|_| (sweep(&schema), count(&schema, "seen")));
        assert_eq!(left, [(true, 5_500), (true, 3_500), (false, 2_500)]);
    });
}
