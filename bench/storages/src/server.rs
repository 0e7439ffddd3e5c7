//! The servers: started for a run, gone with it, and asked what CPU they took.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use measure::Run;
use tertulia::storage::Storage;
use tertulia_postgres::Postgres;
use tertulia_redis::Redis;
use tertulia_testkit::servers::{self, Server};

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    Redis,
    Postgres,
}

/// Whether the server's program is there.
///
/// # Errors
/// If not, with what was looked for.
pub(crate) fn find(store: Store) -> anyhow::Result<()> {
    let program = match store {
        Store::Redis => PathBuf::from("redis-server"),
        Store::Postgres => servers::postgres_program("postgres"),
    };
    let found = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
    let found = found.with_context(|| format!("{} is not installed", program.display()))?;
    anyhow::ensure!(found.success(), "{} --version failed: {found}", program.display());
    Ok(())
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) url: String,
}

impl Running {
    /// Starts one with the settings of the case; `more` come after them.
    pub(crate) fn start(store: Store, run: &Run, more: &[&str]) -> Self {
        match store {
            Store::Redis => {
                let always: &[&str] =
                    if run.case.starts_with("redis-always") { &["--appendfsync", "always"] } else { &[] };
                let server = Server::redis_with("redis-server", &[always, more].concat());
                Self { url: format!("redis://127.0.0.1:{}", server.port()), server }
            }
            Store::Postgres => {
                let server = Server::postgres_with(more);
                Self { url: server.postgres_url(), server }
            }
        }
    }

    /// CPU time of the server's processes so far, user and system; `None` where the system does not tell.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let main = self.server.pid()?;
        let mut ticks = Ticks::of(main)?;
        let mut sum = ticks.own + ticks.ended;
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that just ended is counted as ended the next time.
            let Some(child) = Ticks::of(pid) else { continue };
            if child.parent == main {
                ticks = child;
                sum += ticks.own;
            }
        }
        // Linux counts in hundredths of a second here.
        Some(Duration::from_millis(sum * 10))
    }
}

/// What Linux counts for a process.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    parent: u32,
    own: u64,
    /// Of children that have ended.
    ended: u64,
}

impl Ticks {
    fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before it may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: number(11)? + number(12)?,
            ended: number(13)? + number(14)?,
        })
    }
}

/// CPU time of the children of this process that have ended.
pub(crate) fn ended_children() -> Option<Duration> {
    Ticks::of(std::process::id()).map(|ticks| Duration::from_millis(ticks.ended * 10))
}

/// Connects to the store.
pub(crate) async fn open(store: Store, url: &str) -> anyhow::Result<Arc<dyn Storage>> {
    Ok(match store {
        Store::Redis => Arc::new(Redis::connect(url).await?),
        Store::Postgres => Arc::new(Postgres::connect(url).await?),
    })
}

/// The server's CPU of each batch between two looks, in microseconds.
pub(crate) fn cpu_of_each(
    before: Option<Duration>,
    after: Option<Duration>,
    batches: u64,
) -> Vec<(&'static str, f64)> {
    let taken = before.zip(after).map(|(before, after)| (after - before).as_secs_f64());
    taken.map(|taken| ("server_cpu_us", taken * 1e6 / batches as f64)).into_iter().collect()
}
