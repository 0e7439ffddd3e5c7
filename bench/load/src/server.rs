//! The server under load: started on a free port, watched, and killed at the end.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::Arguments;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);
/// Linux counts the CPU time of a process in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// The servers there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// Tertulia's.
    Tertulia,
    /// The crate `durable-streams`.
    Electric,
    /// The npm package `@durable-streams/server`.
    Node,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    // Where it keeps its files, if the caller gave no folder.
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts it and waits until it takes connections.
    pub(crate) fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        // Between this and the server's start another process could take the port: then the start fails.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = if arguments.run.dir.is_none() { Some(tempfile::tempdir()?) } else { None };
        let files = folder.as_ref().map(TempDir::path).or(arguments.run.dir.as_deref());
        let files = files.context("there is no folder")?;
        let (program, rest) = arguments.program.split_first().context("--program is missing")?;
        let mut command = Command::new(program);
        command.args(rest).current_dir(files).stdin(Stdio::null()).stdout(Stdio::null());
        let port = address.port().to_string();
        match arguments.server {
            Kind::Tertulia => {
                let storage = if arguments.durable { "sqlite:streams.db" } else { "memory:" };
                command.args(["--listen", &address.to_string(), "--storage", storage]);
            }
            Kind::Electric => {
                let durability = if arguments.durable { "wal" } else { "memory" };
                command.args(["--port", &port, "--durability", durability, "--data-dir"]).arg(files);
            }
            Kind::Node => {
                command.arg(&port).args(arguments.durable.then_some(files));
            }
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child, address, _folder: folder };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            ensure!(started.elapsed() < PATIENCE, "the server takes no connections");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Begins to watch it.
    pub(crate) fn watch(&self) -> anyhow::Result<Watch<'_>> {
        Ok(Watch { server: self, cpu: self.cpu()?, started: Instant::now() })
    }

    /// CPU time of all its threads until now, user and system.
    fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in brackets, may hold blanks; user and system time are the 12th and 13th field behind it.
        let fields = stat.rsplit_once(')').context("the process has no name")?.1;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(TICK * ticks.sum::<Result<u32, _>>()?)
    }

    /// The most memory it has had, in bytes.
    fn peak_memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        Ok(peak.context("the peak of its memory is not told")?.trim().parse::<u64>()? * 1024)
    }
}

/// A server that is watched.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    server: &'a Server,
    cpu: Duration,
    pub(crate) started: Instant,
}

/// What was seen of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) wall: Duration,
    /// CPU time of the server.
    pub(crate) cpu: Duration,
    /// The most memory it has had since its start, in bytes.
    pub(crate) memory: u64,
}

impl Watch<'_> {
    pub(crate) fn stop(self) -> anyhow::Result<Seen> {
        let wall = self.started.elapsed();
        Ok(Seen { wall, cpu: self.server.cpu()? - self.cpu, memory: self.server.peak_memory()? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
