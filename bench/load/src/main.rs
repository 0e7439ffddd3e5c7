//! Starts a server of Durable Streams, loads it over HTTP/1.1 on loopback, and prints what it did as one line of JSON.
//!
//! Requests are bytes made before the clock starts, sent over connections that stay open; of an answer only what is
//! needed is read. The server has the machine to itself but for this program, which takes one thread, and a second one
//! where a producer keeps a pace beside its readers.

mod append;
mod connection;
mod event;
mod fanout;
mod replay;
mod server;

use anyhow::bail;
use clap::Parser;
use measure::{Report, Run, Taken};

use server::{Seen, Server};

#[derive(Debug, Parser)]
struct Arguments {
    /// Which server it is, and so what its command line looks like.
    #[arg(long, value_enum)]
    server: server::Kind,
    /// The server's program, and what comes before the arguments of its kind.
    #[arg(long = "program", required = true)]
    program: Vec<std::path::PathBuf>,
    /// Has the server keep its streams over a loss of power.
    #[arg(long)]
    durable: bool,
    /// The peer's name, repeated in the report.
    #[arg(long)]
    peer: String,
    #[command(flatten)]
    run: Run,
}

/// What a load found out.
#[derive(Debug)]
struct Done {
    /// How many of the updates that were asked for were made: a slow server is not waited for.
    updates: u64,
    seen: Seen,
    /// Whether the server has, or gave, what was sent.
    right: bool,
    /// Figures of the load's own.
    extra: Vec<(&'static str, f64)>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let server = Server::start(&arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = &arguments.run;
    let done = runtime.block_on(async {
        match run.case.as_str() {
            "http-append-1" | "http-append-16" | "http-append-many" => append::run(&server, run).await,
            "http-replay-bytes" => replay::run(&server, run, replay::BYTES).await,
            "http-replay-json" => replay::run(&server, run, replay::JSON).await,
            "http-fanout" | "http-tail" => fanout::run(&server, run).await,
            other => bail!("there is no case {other:?}"),
        }
    })?;
    // The figures are those of the updates made, as if just these had been asked for.
    let made = Run { updates: done.updates.max(1), ..run.clone() };
    let taken = Taken { wall: done.seen.wall, cpu: done.seen.cpu, written: None };
    let sum = if done.right { made.updates } else { 0 };
    let mut report = Report::new(&arguments.peer, &made, taken, sum)
        .with("rss_mb", done.seen.memory as f64 / 1e6)
        .with("made", done.updates)
        .asked(run.updates);
    for (name, value) in done.extra {
        report = report.with(name, value);
    }
    report.print()
}
