//! A stream of 10 MB, read from its start again and again.

use std::time::Duration;

use anyhow::ensure;
use measure::Run;

use crate::Done;
use crate::append::{create, read, target};
use crate::connection::{Connection, request};
use crate::event::{array, event};
use crate::server::Server;

/// How much the stream holds.
const SIZE: usize = 10_000_000;
/// How much is appended in a request.
const PART: usize = 10_000;
/// A load ends after this time, however many reads are left.
const AT_MOST: Duration = Duration::from_secs(5);

/// What the stream holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    content_type: &'static str,
    json: bool,
}

pub(crate) const BYTES: Content = Content { content_type: "application/octet-stream", json: false };
pub(crate) const JSON: Content = Content { content_type: "application/json", json: true };

pub(crate) async fn run(server: &Server, run: &Run, content: Content) -> anyhow::Result<Done> {
    let mut connection = Connection::open(server.address).await?;
    let target = target(0);
    create(&mut connection, &target, content.content_type).await?;
    let events: Vec<Vec<u8>> = (0..PART as u64 / 100).map(event).collect();
    let part = if content.json { array(&events) } else { events.concat() };
    let append = request("POST", &target, content.content_type, &part);
    for _ in 0..SIZE / PART {
        let head = connection.call(&append, |_| {}).await?;
        ensure!(matches!(head.status, 200 | 204), "an append was answered {}", head.status);
    }

    let mut made = 0;
    let mut bytes = 0;
    let watch = server.watch()?;
    while made < run.updates && watch.started.elapsed() < AT_MOST {
        read(&mut connection, &target, |piece| bytes += piece.len()).await?;
        made += 1;
    }
    let seen = watch.stop()?;
    // In JSON there are a comma or a bracket between the events, and maybe blanks.
    let least = if content.json { SIZE + SIZE / 100 } else { SIZE };
    let read = bytes / made as usize;
    let right = if content.json { (least..least * 2).contains(&read) } else { read == least };
    let rate = (made as usize * SIZE) as f64 / 1e6 / seen.wall.as_secs_f64();
    Ok(Done { updates: made, seen, right, extra: vec![("mb_per_second", rate)] })
}
