//! A synchronous standby takes over under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tertulia::storage::Storage;
use tertulia_postgres::PostgresOptions;
use tertulia_testkit::servers::Server;

use crate::kill::{WRITERS, write};
use crate::rig::{log, read_log, run, schema};

/// A server, and a standby that has everything before a commit is acknowledged.
fn pair() -> (Server, Server) {
    let primary = Server::postgres();
    let standby = primary.postgres_standby();
    primary.psql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.psql("SELECT pg_reload_conf()");
    while primary.psql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1" {
        std::thread::sleep(Duration::from_millis(10));
    }
    (primary, standby)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_doubled_when_a_synchronous_standby_takes_over() {
    run(async || {
        let (primary, standby) = tokio::task::spawn_blocking(pair).await.unwrap();
        let url =
            format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", primary.port(), standby.port());
        let options = PostgresOptions::new().schema(schema()).time_limit(Duration::from_secs(20));
        let storage = options.connect(&url).await.unwrap();
        assert!(storage.properties().durability.failover);
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let writers: Vec<_> = (0..WRITERS)
            .map(|n| tokio::spawn(write(storage.clone(), n, stop.clone(), written.clone())))
            .collect();
        let more = async || {
            let goal = written.load(Ordering::Relaxed) + 300;
            while written.load(Ordering::Relaxed) < goal {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        more().await;
        let standby = tokio::task::spawn_blocking(move || {
            primary.kill();
            standby.psql("SELECT pg_promote()");
            standby
        });
        let _standby = standby.await.unwrap();
        more().await;
        stop.store(true, Ordering::Relaxed);
        for (n, writer) in writers.into_iter().enumerate() {
            let (acknowledged, _, _) = writer.await.unwrap();
            let entries = read_log(&storage, &log(&n.to_string())).await.unwrap().unwrap().entries;
            let expected: Vec<_> = (0..acknowledged).map(|n: u64| n.to_string()).collect();
            assert!(entries.iter().eq(expected.iter()), "log {n} has what was acknowledged, once");
        }
    });
}
