//! Commits whose answers get lost on the way.

use std::net::SocketAddr;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{CommitId, LogWrite, Storage};
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::proxy::{Proxy, Then, Way};

use crate::rig::{commit, log, read_log, run, schema, server};

/// What the writer ends a transaction with, as it goes over the wire.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

fn proxy() -> Proxy {
    Proxy::start(SocketAddr::from(([127, 0, 0, 1], server().port()))).unwrap()
}

async fn connect(proxy: &Proxy, schema: &str, limit: Duration) -> Postgres {
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    PostgresOptions::new().schema(schema).time_limit(limit).connect(&url).await.unwrap()
}

#[test]
fn what_became_of_a_commit_is_found_out_when_its_answer_is_lost() {
    run(async || {
        let proxy = proxy();
        let storage = connect(&proxy, &schema(), Duration::from_secs(20)).await;
        for round in 0..20_u8 {
            proxy.at(Way::Up, COMMIT, Then::LoseAnswer);
            let write = LogWrite::new(log("a")).append(vec![round]);
            commit(&storage, u64::from(round), vec![write.into()]).await.unwrap();
        }
        assert_eq!(proxy.sprung(), 20);
        let page = read_log(&storage, &log("a")).await.unwrap().unwrap();
        assert_eq!(page.entries.concat(), (0..20).collect::<Vec<u8>>(), "each is there once");
    });
}

#[test]
fn a_commit_that_never_arrives_is_made_again() {
    run(async || {
        let proxy = proxy();
        let storage = connect(&proxy, &schema(), Duration::from_secs(5)).await;
        for (round, then) in [Then::Reset, Then::Vanish, Then::Silence].into_iter().enumerate() {
            proxy.at(Way::Up, COMMIT, then);
            let write = LogWrite::new(log("a")).append(vec![b'0' + round as u8]);
            commit(&storage, round as u64, vec![write.into()]).await.unwrap();
            assert_eq!(proxy.sprung(), round as u64 + 1, "{then:?}");
        }
        let page = read_log(&storage, &log("a")).await.unwrap().unwrap();
        assert_eq!(page.entries.concat(), b"012", "each is there once");
    });
}

#[test]
fn a_commit_is_unknown_when_nobody_can_be_asked() {
    run(async || {
        let proxy = proxy();
        let schema = schema();
        let storage = connect(&proxy, &schema, Duration::from_secs(5)).await;
        commit(&storage, 1, vec![LogWrite::new(log("a")).append("first").into()]).await.unwrap();
        // Who is connected stays so, until the answer is lost.
        proxy.refuse(true);
        proxy.at(Way::Up, COMMIT, Then::LoseAnswer);
        let error = commit(&storage, 2, vec![LogWrite::new(log("a")).append("second").into()]).await;
        assert_eq!(error.unwrap_err().kind(), Kind::Unknown);
        let error = commit(&storage, 3, vec![LogWrite::new(log("a")).append("third").into()]).await;
        assert_eq!(error.unwrap_err().kind(), Kind::Unavailable, "nothing could even begin");
        proxy.refuse(false);
        let head = read_log(&storage, &log("a")).await.unwrap().unwrap().head;
        assert!([CommitId(1), CommitId(2)].contains(&head.etag.commit), "the third was not applied");
        commit(&storage, 4, vec![LogWrite::new(log("a")).append("fourth").into()]).await.unwrap();
        assert!(storage.properties().durability.power_loss);
    });
}

#[test]
fn a_reader_does_not_see_that_its_connection_was_lost() {
    run(async || {
        let proxy = proxy();
        let storage = connect(&proxy, &schema(), Duration::from_secs(20)).await;
        commit(&storage, 1, vec![LogWrite::new(log("a")).append("first").into()]).await.unwrap();
        for then in [Then::Reset, Then::Close, Then::LoseAnswer] {
            proxy.now(then);
            assert_eq!(read_log(&storage, &log("a")).await.unwrap().unwrap().entries.len(), 1);
        }
    });
}

#[test]
fn a_transaction_that_was_given_up_can_no_longer_be_committed() {
    run(async || {
        let schema = schema();
        let storage = connect(&proxy(), &schema, Duration::from_secs(20)).await;
        storage.close().await;
        server().psql(&format!(
            "SELECT {schema}.begin_to_write(7, 1); SELECT {schema}.sign(7, 1, 2, 0); SELECT {schema}.sign(7, 2, 3, 0)"
        ));
        // The third was committed; of a fourth nothing is known, and then nothing can be.
        assert_eq!(server().psql(&format!("SELECT {schema}.settle(7, 3, 100)")), "t");
        assert_eq!(server().psql(&format!("SELECT {schema}.settle(7, 4, 100)")), "f");
        server().psql(&format!(
            "DO $$ BEGIN
                PERFORM {schema}.sign(7, 3, 4, 0);
                RAISE 'it was signed';
            EXCEPTION WHEN serialization_failure THEN NULL; END $$"
        ));
        // What comes after it can.
        server().psql(&format!("SELECT {schema}.sign(7, 100, 5, 0)"));
    });
}
