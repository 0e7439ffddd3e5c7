//! A schema of an older version is brought up to date: whole, once, and with nobody half way through.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use tertulia::Result;
use tertulia::error::Kind;
use tertulia::storage::LogWrite;
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::servers::Server;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use crate::fixtures::load;
use crate::rig::{commit, expect_error, log, read_log, run, schema, server};

/// What a schema consists of, a line for each thing, in the words of the server.
const CATALOG: &str = "
SELECT 'column ' || concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.attstorage, a.attidentity, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'SCHEMA'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT 'relation ' || concat_ws(' ', relname, relkind, relpersistence, reloptions)
FROM pg_class WHERE relnamespace = 'SCHEMA'::regnamespace
UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'SCHEMA'
UNION ALL SELECT 'constraint ' || concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'SCHEMA'::regnamespace
UNION ALL SELECT 'sequence ' || concat_ws(' ', sequencename, data_type, start_value, min_value, max_value, increment_by,
    cycle, cache_size)
FROM pg_sequences WHERE schemaname = 'SCHEMA'
UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'SCHEMA'::regnamespace
UNION ALL SELECT 'function ' || replace(pg_get_functiondef(oid), E'\\n', ' ')
FROM pg_proc WHERE pronamespace = 'SCHEMA'::regnamespace
UNION ALL SELECT 'version ' || version FROM SCHEMA.meta";

fn catalog(server: &Server, schema: &str) -> BTreeSet<String> {
    let lines = server.psql(&CATALOG.replace("SCHEMA", schema));
    lines.lines().map(|line| line.replace(schema, "SCHEMA")).collect()
}

/// How a program calls the functions, and what they give.
fn functions(schema: &str) -> BTreeSet<String> {
    let lines = server().psql(&format!(
        "SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ') ' || pg_get_function_result(oid)
        FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace"
    ));
    lines.lines().map(str::to_owned).collect()
}

/// A connection of the test's own.
async fn client(server: &Server) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.postgres_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Opens a store, meanwhile.
fn opening(server: &Server, schema: &str) -> JoinHandle<Result<Postgres>> {
    let (url, options) = (server.postgres_url(), PostgresOptions::new().schema(schema));
    tokio::spawn(async move { options.connect(&url).await })
}

/// Until so many wait for a lock of a kind, which a condition on `pg_locks` names.
async fn until_waiting(client: &Client, count: i64, what: &str) {
    let sql = format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND {what}");
    while client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) < count {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_schema_brought_up_to_date_is_what_a_new_one_is() {
    run(async || {
        let (url, new, old) = (server().postgres_url(), schema(), load(server(), 1));
        assert!(catalog(server(), &old).contains("version 1"));
        for schema in [&new, &old] {
            PostgresOptions::new().schema(schema).connect(&url).await.unwrap();
        }
        assert_eq!(catalog(server(), &old), catalog(server(), &new));
    });
}

/// It goes on as before, but that it frees no rows any more, which the newer program does for all.
#[test]
fn a_program_of_version_1_finds_what_it_calls() {
    run(async || {
        let schema = load(server(), 1);
        let before = functions(&schema);
        PostgresOptions::new().schema(&schema).connect(&server().postgres_url()).await.unwrap();
        let now = functions(&schema);
        let gone: Vec<_> =
            before.difference(&now).map(|function| function.split('(').next().unwrap()).collect();
        assert_eq!(gone, ["sweep"]);
    });
}

#[test]
fn many_may_bring_it_up_to_date_at_once() {
    run(async || {
        let server = Server::postgres_with(&["fsync=off"]);
        let schema = load(&server, 1);
        let holder = client(&server).await;
        holder
            .batch_execute(&format!("BEGIN; LOCK TABLE {schema}.seen IN ROW EXCLUSIVE MODE"))
            .await
            .unwrap();
        let all: Vec<_> = (0..8).map(|_| opening(&server, &schema)).collect();
        // One is half way, and the others wait for it.
        until_waiting(&holder, 1, "locktype = 'relation'").await;
        until_waiting(&holder, 7, "locktype = 'advisory'").await;
        holder.batch_execute("COMMIT").await.unwrap();
        for opened in join_all(all).await {
            opened.unwrap().unwrap();
        }
        assert_eq!(server.psql(&format!("SELECT version FROM {schema}.meta")), "2");
    });
}

#[test]
fn a_server_that_is_killed_meanwhile_has_the_old_version_whole() {
    run(async || {
        let server = Arc::new(Server::postgres());
        let schema = load(&server, 1);
        let before = catalog(&server, &schema);
        let holder = client(&server).await;
        // All but the last statement is done then.
        holder.batch_execute(&format!("BEGIN; LOCK TABLE {schema}.meta IN SHARE MODE")).await.unwrap();
        let opened = opening(&server, &schema);
        until_waiting(&holder, 1, "locktype = 'relation'").await;
        let killed = server.clone();
        tokio::task::spawn_blocking(move || {
            killed.kill();
            killed.restart();
        })
        .await
        .unwrap();
        expect_error(opened.await.unwrap(), Kind::Unavailable, &[&schema]);
        assert_eq!(catalog(&server, &schema), before);
        let storage = opening(&server, &schema).await.unwrap().unwrap();
        assert!(read_log(&storage, &log("plain")).await.unwrap().is_some());
        assert_eq!(server.psql(&format!("SELECT version FROM {schema}.meta")), "2");
    });
}

/// The way of a group of batches of version 1: it locks and loads, then writes.
#[test]
fn who_is_half_way_through_a_commit_is_waited_for() {
    run(async || {
        let schema = load(server(), 1);
        let old = client(server()).await;
        let lock = format!(
            "BEGIN; SELECT {schema}.begin_to_write(1, 1);
            SELECT * FROM {schema}.lock_logs('{{57}}', '{{test:plain}}', '{{log}}')"
        );
        old.batch_execute(&lock).await.unwrap();
        let opened = opening(server(), &schema);
        until_waiting(&old, 1, &format!("relation = '{schema}.logs'::regclass")).await;
        assert_eq!(server().psql(&format!("SELECT version FROM {schema}.meta")), "1");
        let write = format!(
            "SELECT {schema}.append_entries('{{1}}', '{{4}}', ARRAY['five'::bytea]);
            SELECT {schema}.put_logs('{{1}}', '{{57}}', '{{test:plain}}', '{{log}}', '{{3}}', '{{7}}', '{{1}}',
                '{{1}}', '{{7}}', '{{1}}', '{{5}}', '{{19}}', '{{NULL}}', '{{f}}', '{{NULL}}'); COMMIT"
        );
        old.batch_execute(&write).await.unwrap();
        let storage = opened.await.unwrap().unwrap();
        let page = read_log(&storage, &log("plain")).await.unwrap().unwrap();
        assert_eq!(page.entries, ["two", "three", "four", "five"]);
    });
}

#[test]
fn a_missing_right_to_bring_it_up_to_date_is_named() {
    run(async || {
        let schema = load(server(), 1);
        let before = catalog(server(), &schema);
        server().psql(&format!(
            "GRANT USAGE ON SCHEMA {schema} TO guest;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO guest"
        ));
        let url = server().postgres_url().replace("postgres@", "guest:opensesame@");
        let refused = PostgresOptions::new().schema(&schema).connect(&url).await;
        expect_error(refused, Kind::Invalid, &[&schema, "from version 1 to 2", "needs to own"]);
        assert_eq!(catalog(server(), &schema), before);
    });
}

/// A version to come may take a function away. Who knows only that one loses nothing and waits to be replaced.
#[test]
fn a_program_that_a_newer_one_left_behind_is_told() {
    run(async || {
        let schema = schema();
        let storage = PostgresOptions::new().schema(&schema).connect(&server().postgres_url()).await.unwrap();
        let write = async |id| commit(&storage, id, vec![LogWrite::new(log("a")).append("a").into()]).await;
        write(1).await.unwrap();
        for function in ["put_logs", "read_pages"] {
            server().psql(&format!("ALTER ROUTINE {schema}.{function} RENAME TO newer"));
            let error = match function {
                "put_logs" => write(2).await.map(drop),
                _ => read_log(&storage, &log("a")).await.map(drop),
            };
            expect_error(error, Kind::Unavailable, &["newer program", function]);
            server().psql(&format!("ALTER ROUTINE {schema}.newer RENAME TO {function}"));
        }
        write(3).await.unwrap();
        assert_eq!(read_log(&storage, &log("a")).await.unwrap().unwrap().entries.len(), 2);
    });
}
