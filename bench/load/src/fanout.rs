//! Readers at the tail of one stream, to which events are appended at a pace.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use measure::Run;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Done;
use crate::append::{create, target};
use crate::connection::{Connection, get, request};
use crate::event::{Numbers, array, event};
use crate::server::Server;

/// From one event to the next: 1,000 a second.
const PACE: Duration = Duration::from_millis(1);
/// How long the readers may take for what is left when the last event is in.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn run(server: &Server, run: &Run) -> anyhow::Result<Done> {
    let (address, events) = (server.address, run.updates);
    create(&mut Connection::open(address).await?, &target(0), "application/json").await?;
    let epoch = Instant::now();
    let mut readers = JoinSet::new();
    for _ in 0..run.slots {
        let mut connection = Connection::open(address).await?;
        let head = connection.begin(&get(&format!("{}?offset=-1&live=sse", target(0)))).await?;
        ensure!(head.status == 200, "a reader was answered {}", head.status);
        // The first control event says that it is at the tail.
        connection.more().await?;
        readers.spawn(read(connection, events, epoch));
    }

    let watch = server.watch()?;
    let producer = std::thread::spawn(move || produce(address, events, epoch));
    let mut latencies = Vec::new();
    let paced = PACE * u32::try_from(events)?;
    let collected = async {
        while let Some(reader) = readers.join_next().await {
            latencies.extend(reader??);
        }
        anyhow::Ok(())
    };
    timeout(paced * 4 + PATIENCE, collected).await.context("the readers did not get everything")??;
    let seen = watch.stop()?;
    let posts = producer.join().map_err(|_| anyhow::anyhow!("the producer panicked"))??;

    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize] as f64 / 1e6;
    let extra = vec![
        ("p50_ms", at(0.5)),
        ("p99_ms", at(0.99)),
        ("delivered_per_second", latencies.len() as f64 / seen.wall.as_secs_f64()),
        ("posts_per_second", posts as f64 / seen.wall.as_secs_f64()),
    ];
    let right = latencies.len() as u64 == events * run.slots as u64;
    Ok(Done { updates: events, seen, right, extra })
}

/// Reads all events; gives how many ns after it was made each one came. They must come in order.
async fn read(mut connection: Connection, events: u64, epoch: Instant) -> anyhow::Result<Vec<u64>> {
    let (mut numbers, mut latencies) = (Numbers::default(), Vec::with_capacity(events as usize));
    let (mut last, mut ordered) = (0, true);
    while (latencies.len() as u64) < events {
        let piece = connection.more().await?;
        let now = epoch.elapsed().as_nanos() as u64;
        numbers.of(piece, |made| {
            ordered &= made > last;
            last = made;
            latencies.push(now.saturating_sub(made));
        });
    }
    ensure!(ordered, "a reader got events out of order, or twice");
    Ok(latencies)
}

/// Appends events, each numbered with the ns at which it was made. Those that have become due while a request was under
/// way are sent in one; gives how many requests that took.
fn produce(server: SocketAddr, events: u64, epoch: Instant) -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(server).await?;
        let (started, mut sent, mut posts, mut last) = (Instant::now(), 0, 0, 0);
        while sent < events {
            let due = started + PACE * u32::try_from(sent)?;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let there = (started.elapsed().as_nanos() / PACE.as_nanos()) as u64 + 1;
            let count = there.min(events) - sent;
            let batch: Vec<Vec<u8>> = (0..count)
                .map(|_| {
                    last = (epoch.elapsed().as_nanos() as u64).max(last + 1);
                    event(last)
                })
                .collect();
            let post = request("POST", &target(0), "application/json", &array(&batch));
            let head = connection.call(&post, |_| {}).await?;
            ensure!(matches!(head.status, 200 | 204), "an append was answered {}", head.status);
            sent += count;
            posts += 1;
        }
        Ok(posts)
    })
}
