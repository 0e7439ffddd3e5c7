//! What the parameters of a URL do. Those of TLS are in `tls.rs`, the schema's in the suites.

use std::net::SocketAddr;

use tertulia::error::Kind;
use tertulia::storage::{Read, Storage};
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::proxy::{Proxy, Then, Way};
use tokio::net::TcpListener;

use crate::rig::{expect_error, log, pooler, run, schema, server};

#[test]
fn a_schema_that_is_set_in_code_stands_before_the_url() {
    run(async || {
        let (in_url, in_code) = (schema(), schema());
        let url = format!("{}?schema={in_url}", server().postgres_url());
        let name = |storage: Postgres| storage.properties().name;
        assert!(name(Postgres::connect(&url).await.unwrap()).ends_with(&in_url));
        assert!(
            name(PostgresOptions::new().schema(&in_code).connect(&url).await.unwrap()).ends_with(&in_code)
        );
    });
}

#[tokio::test(start_paused = true)]
async fn each_server_has_connect_timeout_to_let_us_in() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let one = Postgres::connect(&format!("postgres://u@{at}/db?connect_timeout=0.3")).await;
    expect_error(one, Kind::Unavailable, &[&at.to_string(), "within 300ms"]);
    let two = Postgres::connect(&format!("postgres://u@{at},{at}/db?connect_timeout=0.3")).await;
    expect_error(two, Kind::Unavailable, &["within 600ms"]);
    let usual = Postgres::connect(&format!("postgres://u@{at}/db")).await;
    expect_error(usual, Kind::Unavailable, &["within 10s"]);
}

#[test]
fn an_answer_takes_no_longer_than_time_limit() {
    run(async || {
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], server().port()))).unwrap();
        let schema = schema();
        let url = format!("postgres://postgres@{}/postgres?schema={schema}&time_limit=3", proxy.address());
        // Made before, since that may well take longer.
        Postgres::connect(&format!("{}?schema={schema}", server().postgres_url())).await.unwrap();
        let storage = Postgres::connect(&url).await.unwrap();
        proxy.at(Way::Up, b"read_pages", Then::Silence);
        expect_error(storage.read(&[Read::head(log("a"))]).await, Kind::Unavailable, &["within 3s"]);
    });
}

#[test]
fn as_many_connections_read_as_readers_says() {
    run(async || {
        for readers in [1, 3] {
            let schema = schema();
            let url = format!(
                "{}?schema={schema}&readers={readers}&application_name={schema}",
                server().postgres_url()
            );
            let storage = Postgres::connect(&url).await.unwrap();
            let read = [Read::head(log("a"))];
            let reads = (0..20).map(|_| storage.read(&read));
            futures_util::future::try_join_all(reads).await.unwrap();
            let count = format!(
                "SELECT count(*) FROM pg_stat_activity
                WHERE application_name = '{schema}' AND query LIKE '%read_pages%'"
            );
            assert_eq!(server().psql(&count), readers.to_string());
        }
    });
}

#[test]
fn the_listener_is_connected_to_direct_url() {
    run(async || {
        let schema = schema();
        let direct = server().postgres_url().replace("postgres@", "postgres:hunter2@");
        let url = format!(
            "{}?schema={schema}&direct_url={direct}?application_name={schema}",
            pooler().postgres_url()
        );
        let storage = Postgres::connect(&url).await.unwrap();
        assert!(!format!("{storage:?} {:?}", storage.properties()).contains("hunter2"));
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{schema}' AND query LIKE 'LISTEN%'"
        );
        while server().psql(&count) != "1" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        // An outright wrong one is told, and not passed over because everything else works.
        let wrong = format!("{}?direct_url=redis://:hunter2@h", pooler().postgres_url());
        let error = expect_error(Postgres::connect(&wrong).await, Kind::Invalid, &["direct_url"]);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    });
}
