//! Appends, one event a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use measure::Run;
use tokio::task::JoinSet;

use crate::Done;
use crate::connection::{Connection, get, request};
use crate::event::{Numbers, event};
use crate::server::Server;

/// A load ends after this time, however many updates are left.
const AT_MOST: Duration = Duration::from_secs(5);

pub(crate) async fn run(server: &Server, run: &Run) -> anyhow::Result<Done> {
    let mut connection = Connection::open(server.address).await?;
    for stream in 0..run.chats {
        create(&mut connection, &target(stream), "application/json").await?;
    }
    // Each stream has one request, which is sent again and again.
    let requests =
        (0..run.chats).map(|stream| request("POST", &target(stream), "application/json", &event(stream)));
    let requests: Arc<Vec<Vec<u8>>> = Arc::new(requests.collect());
    let mut connections = Vec::new();
    for _ in 0..run.slots {
        connections.push(Connection::open(server.address).await?);
    }

    let (next, updates) = (Arc::new(AtomicU64::new(0)), run.updates);
    let watch = server.watch()?;
    let started = watch.started;
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (next, requests) = (Arc::clone(&next), Arc::clone(&requests));
        tasks.spawn(async move {
            let mut made = 0;
            while started.elapsed() < AT_MOST {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= updates {
                    break;
                }
                let head = connection.call(&requests[number as usize % requests.len()], |_| {}).await?;
                ensure!(matches!(head.status, 200 | 204), "an append was answered {}", head.status);
                made += 1;
            }
            anyhow::Ok(made)
        });
    }
    let mut made = 0u64;
    while let Some(task) = tasks.join_next().await {
        made += task??;
    }
    let seen = watch.stop()?;

    // The first connection has been idle, and servers close those.
    let mut connection = Connection::open(server.address).await?;
    let mut kept = 0;
    for stream in 0..run.chats {
        let mut numbers = Numbers::default();
        read(&mut connection, &target(stream), |piece| numbers.of(piece, |_| kept += 1)).await?;
    }
    Ok(Done { updates: made, seen, right: kept == made, extra: Vec::new() })
}

pub(crate) fn target(stream: u64) -> String {
    format!("/v1/stream/load/{stream}")
}

/// Creates a stream.
pub(crate) async fn create(
    connection: &mut Connection,
    target: &str,
    content_type: &str,
) -> anyhow::Result<()> {
    let head = connection.call(&request("PUT", target, content_type, b""), |_| {}).await?;
    ensure!(head.status == 201, "a creation was answered {}", head.status);
    Ok(())
}

/// Reads a stream from its start to its end.
pub(crate) async fn read(
    connection: &mut Connection,
    target: &str,
    mut piece: impl FnMut(&[u8]),
) -> anyhow::Result<()> {
    let mut offset = "-1".to_owned();
    loop {
        let head = connection.call(&get(&format!("{target}?offset={offset}")), &mut piece).await?;
        ensure!(head.status == 200, "a read was answered {}", head.status);
        if head.up_to_date {
            return Ok(());
        }
        offset = head.next_offset;
    }
}
