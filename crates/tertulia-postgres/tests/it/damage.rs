//! Rows that cannot be understood are reported, and not written over.

use tertulia::error::Kind;
use tertulia::storage::{LogWrite, Storage};
use tertulia_postgres::{Postgres, PostgresOptions};

use crate::rig::{commit, expect_error, log, read_log, run, schema, server};

/// A store with the logs `a` and `b`, and what was then done to it.
async fn damaged(sql: &str) -> Postgres {
    let schema = schema();
    let storage = PostgresOptions::new().schema(&schema).connect(&server().postgres_url()).await.unwrap();
    let write = |id| LogWrite::new(log(id)).base(vec![7; 2_000]).append("one").append("two");
    commit(&storage, 1, vec![write("a").into(), write("b").into()]).await.unwrap();
    let a = format!("(SELECT id FROM {schema}.logs WHERE conversation = 'test:a')");
    server().psql(&sql.replace("{schema}", &schema).replace("{a}", &a));
    storage
}

#[test]
fn a_head_that_contradicts_itself_is_corrupt() {
    run(async || {
        let storage = damaged("UPDATE {schema}.logs SET first = next + 1 WHERE id = {a}").await;
        expect_error(read_log(&storage, &log("a")).await, Kind::Corrupt, &["test:a"]);
        let write = |id| LogWrite::new(log(id)).append("three");
        // Neighbours of the same group and the same call are left alone.
        let (a, b) = tokio::join!(
            commit(&storage, 2, vec![write("a").into()]),
            commit(&storage, 3, vec![write("b").into()])
        );
        expect_error(a, Kind::Corrupt, &["test:a"]);
        b.unwrap();
        assert_eq!(read_log(&storage, &log("b")).await.unwrap().unwrap().entries.len(), 3);
    });
}

#[test]
fn a_missing_entry_is_corrupt() {
    run(async || {
        let storage = damaged("DELETE FROM {schema}.entries WHERE log = {a} AND place = 0").await;
        expect_error(read_log(&storage, &log("a")).await, Kind::Corrupt, &["test:a", "entry 0"]);
        assert!(read_log(&storage, &log("b")).await.unwrap().is_some());
    });
}

#[test]
fn a_missing_or_shortened_base_is_corrupt() {
    run(async || {
        let storage = damaged("DELETE FROM {schema}.bases WHERE log = {a}").await;
        expect_error(read_log(&storage, &log("a")).await, Kind::Corrupt, &["test:a", "base"]);
        let storage = damaged("UPDATE {schema}.bases SET bytes = 'short' WHERE log = {a}").await;
        expect_error(read_log(&storage, &log("a")).await, Kind::Corrupt, &["test:a", "5 bytes", "2000"]);
        assert!(storage.properties().name.contains("127.0.0.1"));
    });
}
