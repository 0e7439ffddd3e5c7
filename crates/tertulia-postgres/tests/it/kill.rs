//! The server is killed under load, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Head, LogWrite, Read, Storage};
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::servers::Server;

use crate::rig::{commit, log, read_log, run, schema};

const KILLS: usize = 10;
pub(crate) const WRITERS: u64 = 16;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_doubled_when_the_server_is_killed() {
    run(async || {
        let written = under_load(KILLS, |server| {
            server.kill();
            server.restart();
        });
        written.await;
    });
}

#[test]
fn nothing_is_lost_or_doubled_when_connections_are_ended() {
    run(async || {
        let written = under_load(3 * KILLS, |server| {
            server.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tertulia'",
            );
        });
        written.await;
    });
}

/// Does this to a server again and again while it is written to, and looks at what is there afterwards.
async fn under_load(times: usize, harm: fn(&Server)) {
    let server = Arc::new(Server::postgres());
    let options = PostgresOptions::new().schema(schema()).time_limit(Duration::from_secs(20));
    let storage = options.connect(&server.postgres_url()).await.unwrap();
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| tokio::spawn(write(storage.clone(), n, stop.clone(), written.clone())))
        .collect();
    for _ in 0..times {
        let goal = written.load(Ordering::Relaxed) + 100;
        while written.load(Ordering::Relaxed) < goal {
            tokio::task::yield_now().await;
        }
        let server = server.clone();
        tokio::task::spawn_blocking(move || harm(&server)).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut sums = [0; 3];
    for (n, writer) in writers.into_iter().enumerate() {
        let (acknowledged, unavailable, unknown) = writer.await.unwrap();
        let entries = read_log(&storage, &log(&n.to_string())).await.unwrap().unwrap().entries;
        let expected: Vec<_> = (0..acknowledged).map(|n: u64| n.to_string()).collect();
        assert!(entries.iter().eq(expected.iter()), "log {n} has what was acknowledged, once");
        sums = [sums[0] + acknowledged, sums[1] + unavailable, sums[2] + unknown];
    }
    println!("{} acknowledged, {} unavailable, {} unknown", sums[0], sums[1], sums[2]);
    assert!(sums[0] >= 100 * times as u64, "{} were acknowledged", sums[0]);
}

/// Appends 0, 1, 2... each as often as it takes, and expects nothing: what was said to have failed must not be there.
pub(crate) async fn write(
    storage: Postgres,
    log_number: u64,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
) -> (u64, u64, u64) {
    let key = log(&log_number.to_string());
    let (mut next, mut unavailable, mut unknown) = (0, 0, 0);
    let mut ids = (0..).map(|n| n * WRITERS + log_number);
    while !stop.load(Ordering::Relaxed) {
        let id = ids.next().unwrap();
        let write = LogWrite::new(key.clone()).append(next.to_string());
        match commit(&storage, id, vec![write.into()]).await {
            Ok(_) => {
                next += 1;
                written.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.kind() == Kind::Unavailable => unavailable += 1,
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unknown, "{error}");
                unknown += 1;
                let head = loop {
                    match storage.read(&[Read::head(key.clone())]).await {
                        Ok(mut pages) => break pages.remove(0).unwrap().map(|page| page.head()),
                        Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{error}"),
                    }
                };
                if head.is_some_and(|head: Head| head.etag().commit.0 == id) {
                    next += 1;
                }
            }
        }
    }
    (next, unavailable, unknown)
}
