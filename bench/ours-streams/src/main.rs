//! Tertulia's streams in memory, without HTTP: appends, a reader at the tail, reads, and the memory they take.

mod append;
mod memory;
mod read;
mod streams;
mod wake;

use anyhow::bail;
use clap::Parser;
use measure::{Report, Run, Taken};

#[derive(Debug, Parser)]
struct Arguments {
    /// How many threads append.
    #[arg(long, default_value_t = 1)]
    threads: u64,
    #[command(flatten)]
    run: Run,
}

/// What a case found out.
#[derive(Debug)]
struct Done {
    taken: Taken,
    /// How many of the updates are there, as the streams tell.
    sum: u64,
    /// Figures of the case's own.
    extra: Vec<(&'static str, f64)>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { threads, run } = &Arguments::parse();
    let done = match run.case.as_str() {
        "stream-append" | "stream-append-one" => append::run(run, *threads)?,
        "stream-wake" => wake::run(run)?,
        "stream-read" => read::run(run)?,
        "stream-memory" => memory::retained(run)?,
        "stream-bound" => memory::bound(run)?,
        other => bail!("there is no case {other:?}"),
    };
    let peer = if *threads == 1 { "tertulia-streams" } else { "tertulia-streams-2" };
    let mut report = Report::new(peer, run, done.taken, done.sum);
    for (name, value) in done.extra {
        report = report.with(name, value);
    }
    report.print()
}
