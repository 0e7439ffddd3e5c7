//! The calls of the script that commits, without the storage: written down while Tertulia makes them, then made again
//! on a new server, as many at once as there were callers.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use measure::{Run, Stopwatch};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Client, Cmd, Value, cmd};
use tertulia_redis::Redis;
use tokio::task::JoinSet;

use crate::script::Script;
use crate::server::{self, Running, Store};
use crate::{Done, tap};

pub(crate) async fn run(run: &Run) -> anyhow::Result<Done> {
    let recorded = Recorded::of(run).await?;
    let running = Running::start(Store::Redis, run, &[]);
    let mut connection = Client::open(running.url.as_str())?.get_multiplexed_async_connection().await?;
    cmd("SCRIPT").arg("LOAD").arg(&recorded.script).exec_async(&mut connection).await?;
    ensure!(
        call_all(connection.clone(), recorded.before.into()).await? > 0,
        "there is nothing to begin with"
    );

    let cpu = running.cpu();
    let stopwatch = Stopwatch::start();
    let mut tasks = JoinSet::new();
    for calls in recorded.callers {
        tasks.spawn(call_all(connection.clone(), calls.into()));
    }
    let mut sum = 0;
    while let Some(task) = tasks.join_next().await {
        sum += task??;
    }
    let taken = stopwatch.stop();
    Ok(Done { taken, sum, extra: server::cpu_of_each(cpu, running.cpu(), run.updates) })
}

/// Makes calls one after the other and counts them.
async fn call_all(mut connection: MultiplexedConnection, calls: Arc<[Cmd]>) -> anyhow::Result<u64> {
    for call in &*calls {
        match connection.req_packed_command(call).await?.extract_error()? {
            Value::Array(parts) if parts.first() == Some(&Value::Int(0)) => {}
            other => bail!("the script answers {other:?}"),
        }
    }
    Ok(calls.len() as u64)
}

/// The calls that commit a script's batches.
struct Recorded {
    /// The text of the script that is called.
    script: Vec<u8>,
    before: Vec<Cmd>,
    callers: Vec<Vec<Cmd>>,
}

impl Recorded {
    async fn of(run: &Run) -> anyhow::Result<Self> {
        let running = Running::start(Store::Redis, run, &["--appendfsync", "no"]);
        let (port, heard) = tap::open(running.server.port()).await?;
        let storage = Redis::connect(&format!("redis://127.0.0.1:{port}")).await?;
        let Script { before, callers } = Script::new(run)?;
        let (first, shares) = (before.len(), callers.len());
        // One after the other, so that what was heard is in this order. The callers take turns.
        for batch in before {
            commit(&storage, batch).await?;
        }
        let mut callers: Vec<_> = callers.into_iter().map(Vec::into_iter).collect();
        for index in 0..run.updates as usize {
            let batch = callers[index % shares].next().context("the callers have too few batches")?;
            commit(&storage, batch).await?;
        }
        let Calls { script, calls } = Calls::of(&heard.take())?;
        ensure!(calls.len() == first + run.updates as usize, "{} calls were made", calls.len());
        let mut calls = calls.into_iter();
        let before = calls.by_ref().take(first).collect();
        let mut callers: Vec<Vec<Cmd>> = (0..shares).map(|_| Vec::new()).collect();
        for (index, call) in calls.enumerate() {
            callers[index % shares].push(call);
        }
        Ok(Self { script, before, callers })
    }
}

async fn commit(storage: &Redis, batch: tertulia::storage::Batch) -> tertulia::Result<()> {
    tertulia::storage::Storage::commit(storage, batch).await.map(drop)
}

/// The calls of one script among commands.
struct Calls {
    script: Vec<u8>,
    calls: Vec<Cmd>,
}

impl Calls {
    /// The calls in what a client said. The first is made twice: by hash, and, the server not knowing that one, with
    /// the script's text.
    fn of(said: &[u8]) -> anyhow::Result<Self> {
        let (mut rest, mut found) = (said, Self { script: Vec::new(), calls: Vec::new() });
        let mut unknown = None;
        while !rest.is_empty() {
            let words = command(&mut rest).context("a command cannot be read")?;
            match words[0] {
                b"EVALSHA" => {
                    let mut call = Cmd::new();
                    for word in words {
                        call.arg(word);
                    }
                    if found.script.is_empty() {
                        unknown = Some(call);
                    } else {
                        found.calls.push(call);
                    }
                }
                b"EVAL" => {
                    found.script = words[1].to_vec();
                    found.calls.push(unknown.take().context("a script was not called by its hash first")?);
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Takes a command off what a client said: an array of strings.
fn command<'a>(said: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let count = number(said, b'*')?;
    (0..count)
        .map(|_| {
            let length = number(said, b'$')?;
            let (word, rest) = said.split_at_checked(length)?;
            *said = rest.strip_prefix(b"\r\n")?;
            Some(word)
        })
        .collect()
}

fn number(said: &mut &[u8], sign: u8) -> Option<usize> {
    let end = said.windows(2).position(|pair| pair == b"\r\n")?;
    let line = said[..end].strip_prefix(&[sign])?;
    let number = std::str::from_utf8(line).ok()?.parse().ok()?;
    *said = &said[end + 2..];
    Some(number)
}
