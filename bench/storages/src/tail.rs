//! How long an event takes from the call that appends it through one handle to a reader at the tail of another, which
//! shares nothing with it but the server, as two processes would; then what both say to the server while nothing
//! happens.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use measure::{Run, Stopwatch};
use tertulia::Conversation;
use tertulia::stream::{CreateOptions, Followed, From, StreamId, Streams};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::Done;
use crate::script;
use crate::server::{self, Running, Store};

/// Bytes of an event.
const EVENT: usize = 100;
/// How long after the reader got an event the next one comes: it waits again by then.
const REST: Duration = Duration::from_millis(2);
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(10);

pub(crate) async fn run(store: Store, run: &Run) -> anyhow::Result<Done> {
    let more: &[&str] = match store {
        Store::Redis => &[],
        Store::Postgres => &["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=top"],
    };
    let running = Running::start(store, run, more);
    let here = Streams::over(server::open(store, &running.url).await?);
    let there = Streams::over(server::open(store, &running.url).await?);
    let id = StreamId::new(Conversation::new("bench", "tail")?, "main")?;
    let stream = here.create(&id, CreateOptions::default()).await?.stream();
    let followed = there.get(&id).await?.context("the stream is not there")?;

    let (sender, mut got) = mpsc::unbounded_channel();
    let reader: JoinHandle<anyhow::Result<()>> = tokio::spawn(async move {
        let mut tail = followed.tail(From::Start);
        loop {
            let Some(Followed::Page(page)) = tail.next().await? else { bail!("the stream ended") };
            let now = Instant::now();
            page.entries().try_for_each(|_| sender.send(now))?;
        }
    });
    let stopwatch = Stopwatch::start();
    let mut latencies = Vec::with_capacity(run.updates as usize);
    for _ in 0..run.updates {
        let made = Instant::now();
        stream.append(Bytes::from_static(script::filling(EVENT))).await?;
        let Some(had) = got.recv().await else {
            return Err(reader.await?.err().context("the reader ended")?);
        };
        latencies.push(had - made);
        tokio::time::sleep(REST).await;
    }
    let taken = stopwatch.stop();
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let mut extra = vec![("p50_ms", at(0.5)), ("p99_ms", at(0.99))];

    let before = asked(store, &running)?;
    tokio::time::sleep(IDLE).await;
    // Counting them is one.
    let commands = asked(store, &running)?.saturating_sub(before + 1);
    extra.push(("idle_per_second", commands as f64 / IDLE.as_secs_f64()));
    reader.abort();
    Ok(Done { taken, sum: latencies.len() as u64, extra })
}

/// How many commands or statements the server was given.
fn asked(store: Store, running: &Running) -> anyhow::Result<u64> {
    match store {
        Store::Redis => {
            let said = running.server.tell_redis(&["INFO", "stats"])?;
            let count = said.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
            Ok(count.context("INFO tells no commands")?.trim().parse()?)
        }
        Store::Postgres => {
            running.server.psql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public");
            let count = running.server.psql("SELECT sum(calls) FROM public.pg_stat_statements");
            Ok(count.parse()?)
        }
    }
}
