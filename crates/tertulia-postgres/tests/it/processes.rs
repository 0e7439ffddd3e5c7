//! Two processes on one store, here two handles that share nothing but the server.

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Expect, Head, LogWrite, Read, Storage};
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::servers::Server;
use tertulia_testkit::{Played, count_through_both};
use tokio::time::{Instant, timeout};

use crate::rig::{commit, log, pooler, run, schema, server};

async fn two(url: &str) -> [Postgres; 2] {
    let options = PostgresOptions::new().schema(schema());
    let (a, b) = tokio::join!(options.clone().connect(url), options.connect(url));
    [a.unwrap(), b.unwrap()]
}

async fn sum_is_exact(url: String) {
    let played = Played::new(0, 960);
    let [a, b] = two(&url).await;
    let took = count_through_both([Arc::new(a), Arc::new(b)], played.rounds).await;
    println!("{} increments in {took:?}", played.rounds);
}

#[test]
fn increments_through_both_are_exact() {
    run(|| sum_is_exact(server().postgres_url()));
}

#[test]
fn increments_through_both_are_exact_behind_a_pooler() {
    run(|| sum_is_exact(pooler().postgres_url()));
}

/// Either all of one or all of the other: each expects what the other makes to be absent.
#[test]
fn two_who_expect_each_others_logs_to_be_absent_do_not_both_win() {
    run(async || {
        let [a, b] = two(&server().postgres_url()).await;
        for round in 0..100_u64 {
            let (left, right) = (log(&format!("left {round}")), log(&format!("right {round}")));
            let make = |storage: &Postgres, made: &tertulia::Key, absent: &tertulia::Key, id| {
                let writes = vec![
                    LogWrite::new(made.clone()).append("here").into(),
                    LogWrite::new(absent.clone()).expect(Expect::Absent).into(),
                ];
                let storage = storage.clone();
                async move { commit(&storage, id, writes).await }
            };
            let (one, other) =
                tokio::join!(make(&a, &left, &right, 2 * round), make(&b, &right, &left, 2 * round + 1));
            assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
            let lost = one.err().or(other.err()).unwrap();
            assert_eq!(lost.kind(), Kind::Conflict, "{lost}");
        }
    });
}

/// Appends on one and waits for it on the other; gives how long each took.
async fn tailed(a: &Postgres, b: &Postgres, times: u64) -> Vec<Duration> {
    let key = log("tailed");
    let head = a.read(&[Read::head(key.clone())]).await.unwrap().remove(0).unwrap();
    let mut seen = head.map(|page| page.head().etag());
    let mut took = Vec::new();
    for round in 0..times {
        let wait = b.changed(&key, seen);
        tokio::pin!(wait);
        // It looks, and begins to wait.
        assert!(timeout(Duration::from_millis(20), &mut wait).await.is_err());
        commit(a, round, vec![LogWrite::new(key.clone()).append("news").into()]).await.unwrap();
        let committed = now();
        let head = timeout(Duration::from_secs(20), wait).await.expect("it is heard").unwrap();
        took.push(now() - committed);
        seen = head.map(|head: Head| head.etag());
    }
    took
}

fn now() -> Instant {
    Instant::now()
}

#[test]
fn what_one_appends_wakes_the_other() {
    run(async || {
        let [a, b] = two(&server().postgres_url()).await;
        // The first may come before it listens.
        tailed(&a, &b, 1).await;
        let mut took = tailed(&a, &b, 100).await;
        took.sort_unstable();
        println!("half within {:?}, 99 of 100 within {:?}", took[50], took[98]);
        assert!(took[50] < Duration::from_millis(250), "it is heard, not looked for: {:?}", took[50]);
    });
}

#[test]
fn what_one_appends_wakes_the_other_behind_a_pooler_too() {
    run(async || {
        let [a, b] = two(&pooler().postgres_url()).await;
        tailed(&a, &b, 3).await;
    });
}

#[test]
fn a_direct_address_is_heard_from_behind_a_pooler() {
    run(async || {
        let options = PostgresOptions::new().schema(schema()).direct_url(server().postgres_url());
        let (url, other) = (pooler().postgres_url(), options.clone());
        let (a, b) = tokio::join!(options.connect(&url), other.connect(&url));
        let (a, b) = (a.unwrap(), b.unwrap());
        tailed(&a, &b, 1).await;
        let mut took = tailed(&a, &b, 20).await;
        took.sort_unstable();
        assert!(took[10] < Duration::from_millis(250), "it is heard, not looked for: {:?}", took[10]);
    });
}

/// When, by its clock in seconds, a server that logs all statements was given each, and what it was.
fn statements(server: &Server) -> Vec<(f64, String)> {
    let said = server.said();
    let lines = said.lines().filter_map(|line| line.split_once(" LOG:  "));
    let said = lines.filter_map(|(time, rest)| Some((time.parse().ok()?, rest)));
    said.filter(|(_, rest)| rest.starts_with("statement: ") || rest.starts_with("execute "))
        .map(|(time, rest)| (time, rest.split_once(": ").map_or("", |(_, sql)| sql.trim()).to_owned()))
        .collect()
}

#[test]
fn who_waits_asks_less_than_once_a_second() {
    run(async || {
        let server = Server::postgres_with(&["fsync=off", "log_statement=all", "log_line_prefix=%n "]);
        let options = PostgresOptions::new().schema(schema());
        let storage = options.connect(&server.postgres_url()).await.unwrap();
        let waiting: Vec<_> = (0..20)
            .map(|id| {
                let (storage, key) = (storage.clone(), log(&id.to_string()));
                tokio::spawn(async move { storage.changed(&key, None).await })
            })
            .collect();
        // The connection that listens asks with an empty statement whether it is still there. What the others need to
        // begin comes before the first.
        let (begun, all) = loop {
            let all = statements(&server);
            let asks = || all.iter().enumerate().filter(|(_, (_, sql))| sql.is_empty()).map(|(at, _)| at);
            if let (Some(first), Some(second)) = (asks().next(), asks().nth(1)) {
                break (first, all[..=second].to_vec());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let seconds = all[all.len() - 1].0 - all[begun].0;
        let asked = &all[begun + 1..];
        assert!((asked.len() as f64) < seconds, "in {seconds} s: {asked:?}");
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    });
}
