//! Two handles to one store, as two processes have them.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tertulia::Key;
use tertulia::storage::{Etag, Expire, From, LogWrite, Offset, Page, QueueWrite, Read, Storage, Write};
use tertulia_redis::Redis;
use tertulia_testkit::{Played, count_through_both};

use crate::rig::{self, commit, log, queue};

async fn two() -> (Redis, Redis) {
    let url = rig::url(rig::shared());
    let one = rig::options().connect(&url).await.unwrap();
    (one, rig::options().connect(&url).await.unwrap())
}

async fn etag(store: &Redis, key: &Key) -> Option<Etag> {
    let page = store.read(&[Read::head(key.clone())]).await.unwrap().remove(0).unwrap();
    page.map(|page| page.head().etag())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_made_elsewhere_wake_who_waits() {
    let (here, there) = two().await;
    let writes: [Write; 6] = [
        LogWrite::new(log("a")).base("x").into(),
        LogWrite::new(log("a")).append("x").into(),
        LogWrite::new(log("a")).delete().into(),
        LogWrite::new(log("a")).append("x").into(),
        QueueWrite::new(queue("inbox")).append(None, "x").into(),
        QueueWrite::new(queue("inbox")).append(None, "y").into(),
    ];
    for write in writes {
        let key = write.key().clone();
        let seen = etag(&here, &key).await;
        let waiting = tokio::spawn({
            let (here, key) = (here.clone(), key.clone());
            async move { here.changed(&key, seen).await }
        });
        tokio::task::yield_now().await;
        commit(&there, [write]).await.unwrap();
        let head =
            tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap().unwrap();
        assert_eq!(head.map(|head| head.etag()), etag(&there, &key).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_set_elsewhere_wakes_who_waits() {
    let server = rig::server(&[]);
    let url = rig::url(&server);
    let here = rig::options().connect(&url).await.unwrap();
    let there = rig::options().connect(&url).await.unwrap();
    let hour = Expire::After(Duration::from_hours(1));
    commit(&there, [LogWrite::new(log("a")).base("x").expire(hour).into()]).await.unwrap();
    let seen = etag(&here, &log("a")).await;
    let waiting = tokio::spawn({
        let here = here.clone();
        async move { here.changed(&log("a"), seen).await }
    });
    // Until it listens; what it looks for after that cannot be told from outside.
    while rig::admin::<Vec<String>>(server.port(), &["PUBSUB", "SHARDCHANNELS"]).is_empty() {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let soon = Expire::After(Duration::from_millis(50));
    commit(&there, [LogWrite::new(log("a")).expire(soon).into()]).await.unwrap();
    let head = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap().unwrap();
    assert_eq!(head, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_written_elsewhere_is_followed_without_a_gap() {
    const ENTRIES: u64 = 500;
    let (here, there) = two().await;
    let writing = tokio::spawn(async move {
        for i in 0..ENTRIES {
            commit(&there, [LogWrite::new(log("a")).append(i.to_string()).into()]).await.unwrap();
        }
    });
    let (mut seen, mut next, mut count) = (None, From::Start, 0);
    while count < ENTRIES {
        let key = log("a");
        let changed = tokio::time::timeout(Duration::from_secs(10), here.changed(&key, seen));
        seen = changed.await.expect("woken").unwrap().map(|head| head.etag());
        let mut pages = here.read(&[Read::new(log("a")).from(next)]).await.unwrap();
        let Some(page) = pages.remove(0).unwrap().and_then(Page::into_log) else { continue };
        assert_eq!(page.first, Offset(count));
        count += page.entries.len() as u64;
        next = From::At(page.head.incarnation, page.next());
    }
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_through_two_handles_are_exact() {
    let played = Played::new(0, 1_600);
    let (here, there) = two().await;
    let took = count_through_both([Arc::new(here), Arc::new(there)], played.rounds).await;
    println!("{} increments in {took:?}", played.rounds);
}

/// Tells of each command that a server gets: when, by its clock in seconds, and what.
fn monitored(port: u16) -> impl Iterator<Item = (f64, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"MONITOR\r\n").unwrap();
    // The first line says that it begins.
    BufReader::new(stream).lines().skip(1).map(|line| {
        let line = line.unwrap();
        let (time, command) = line.trim_start_matches('+').split_once(' ').unwrap();
        (time.parse().unwrap(), command.to_owned())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_asks_less_than_once_a_second() {
    let server = rig::server(&[]);
    let store = rig::options().connect(&rig::url(&server)).await.unwrap();
    let mut asked = monitored(server.port());
    let waiting: Vec<_> = (0..20)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move { store.changed(&log(&i.to_string()), None).await })
        })
        .collect();
    // What they need to begin is behind one of the first pings, and then nothing is between a ping and the next.
    let quiet = tokio::task::spawn_blocking(move || {
        let mut pings = Vec::new();
        let mut others = 0;
        while pings.len() < 10 {
            let (time, command) = asked.next().expect("the server goes on");
            if !command.contains("\"PING\"") {
                others += 1;
                continue;
            }
            if let Some(before) = pings.last()
                && others == 0
            {
                return Some(time - before);
            }
            pings.push(time);
            others = 0;
        }
        None
    });
    let quiet = quiet.await.unwrap().expect("between two pings nothing is asked");
    assert!(quiet > 1.0, "it pings again after {quiet} s");
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
}
