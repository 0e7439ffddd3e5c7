//! Databases that are not ours to use, and what is said of them.

use tertulia::error::Kind;
use tertulia::storage::{Durability, Storage};
use tertulia_postgres::{Postgres, PostgresOptions};

use crate::rig::{expect_error, run, schema, server};

#[test]
fn a_newer_schema_is_refused_by_its_version() {
    run(async || {
        let (url, schema) = (server().postgres_url(), schema());
        let options = PostgresOptions::new().schema(&schema);
        options.clone().connect(&url).await.unwrap().close().await;
        server().psql(&format!("UPDATE {schema}.meta SET version = 99"));
        expect_error(options.connect(&url).await, Kind::Invalid, &[&schema, "99"]);
    });
}

#[test]
fn a_schema_of_somebody_elses_is_refused() {
    run(async || {
        let (url, schema) = (server().postgres_url(), schema());
        server().psql(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.logs (n int)"));
        let options = PostgresOptions::new().schema(&schema);
        expect_error(options.clone().connect(&url).await, Kind::Invalid, &[&schema]);
        server().psql(&format!("CREATE TABLE {schema}.meta (n int)"));
        expect_error(options.connect(&url).await, Kind::Invalid, &[&schema]);
    });
}

#[test]
fn a_store_that_is_not_there_is_not_made_where_an_existing_one_is_wanted() {
    run(async || {
        let (url, schema) = (server().postgres_url(), schema());
        let options = PostgresOptions::new().schema(&schema);
        expect_error(options.clone().existing().connect(&url).await, Kind::Invalid, &["no store", &schema]);
        let made = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'");
        assert_eq!(server().psql(&made), "0");
        options.clone().connect(&url).await.unwrap();
        options.existing().connect(&url).await.unwrap();
    });
}

#[test]
fn a_missing_right_is_named() {
    run(async || {
        let url = server().postgres_url().replace("postgres@", "guest:opensesame@");
        let schema = schema();
        let options = PostgresOptions::new().schema(&schema);
        expect_error(
            options.clone().connect(&url).await,
            Kind::Invalid,
            &[&schema, "permission", "right to CREATE"],
        );
        // Who may use what is there needs no right to make it.
        options.clone().connect(&server().postgres_url()).await.unwrap().close().await;
        server().psql(&format!(
            "GRANT USAGE ON SCHEMA {schema} TO guest;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO guest;
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO guest"
        ));
        let storage = options.connect(&url).await.unwrap();
        let write = tertulia::storage::LogWrite::new(crate::rig::log("a")).append("a");
        crate::rig::commit(&storage, 1, vec![write.into()]).await.unwrap();
    });
}

#[test]
fn a_wrong_password_is_refused_and_not_repeated() {
    run(async || {
        let url = server().postgres_url().replace("postgres@", "guest:hunter2@");
        let error = expect_error(Postgres::connect(&url).await, Kind::Invalid, &["guest"]);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    });
}

#[test]
fn who_is_refused_later_waits_until_that_is_put_right() {
    run(async || {
        server().psql("CREATE ROLE passing SUPERUSER LOGIN");
        let url = server().postgres_url().replace("postgres@", "passing@");
        let storage = PostgresOptions::new().schema(schema()).connect(&url).await.unwrap();
        let write = async |id| {
            let write = tertulia::storage::LogWrite::new(crate::rig::log("a")).append("a");
            crate::rig::commit(&storage, id, vec![write.into()]).await
        };
        write(1).await.unwrap();
        server().psql(
            "ALTER ROLE passing NOLOGIN;
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'passing'",
        );
        let read = [tertulia::storage::Read::head(crate::rig::log("a"))];
        expect_error(storage.read(&read).await, Kind::Unavailable, &["passing"]);
        expect_error(write(2).await, Kind::Unavailable, &["passing"]);
        server().psql("ALTER ROLE passing LOGIN");
        write(3).await.unwrap();
    });
}

#[test]
fn a_password_is_not_printed() {
    run(async || {
        let url = server().postgres_url().replace("postgres@", "postgres:hunter2@");
        let options = PostgresOptions::new().schema(schema()).direct_url(&url);
        assert!(!format!("{options:?}").contains("hunter2"));
        let storage = options.connect(&url).await.unwrap();
        let printed = format!("{storage:?} {:?}", storage.properties());
        assert!(!printed.contains("hunter2") && printed.contains("127.0.0.1"), "{printed}");
    });
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    run(async || {
        let port = tertulia_testkit::servers::free_port();
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        expect_error(Postgres::connect(&url).await, Kind::Unavailable, &[&port.to_string()]);
        let url = format!("postgres://postgres@127.0.0.1:{}/nowhere", server().port());
        expect_error(Postgres::connect(&url).await, Kind::Invalid, &["nowhere"]);
    });
}

/// As a standby does; where the URL names several, the one that writes is looked for.
#[test]
fn a_server_that_only_reads_is_unavailable() {
    run(async || {
        server().psql(
            "CREATE ROLE reader SUPERUSER LOGIN; ALTER ROLE reader SET default_transaction_read_only = on",
        );
        let url = server().postgres_url().replace("postgres@", "reader@");
        let read_only = PostgresOptions::new().schema(schema()).connect(&url).await;
        expect_error(read_only, Kind::Unavailable, &["127.0.0.1"]);
    });
}

#[test]
fn many_may_make_the_schema_at_once() {
    run(async || {
        let (url, schema) = (server().postgres_url(), schema());
        let connect = || PostgresOptions::new().schema(&schema).connect(&url);
        let all = futures_util::future::join_all((0..8).map(|_| connect())).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
    });
}

#[test]
fn it_promises_what_the_server_does() {
    run(async || {
        let url = server().postgres_url();
        let kept = Durability { process_kill: true, power_loss: true, failover: false };
        let storage = PostgresOptions::new().schema(schema()).connect(&url).await.unwrap();
        assert_eq!(storage.properties().durability, kept);
        let hasty = format!("{url}?options=-c%20synchronous_commit%3Doff");
        let storage = PostgresOptions::new().schema(schema()).connect(&hasty).await.unwrap();
        assert_eq!(storage.properties().durability, Durability { power_loss: false, ..kept });
    });
}
