//! Storages that are servers, under the batches that turns make: committed through Tertulia, and written by the same
//! script or by bare statements. The servers are this program's own.

mod commits;
mod group;
mod pgbench;
mod replay;
mod script;
mod server;
mod tables;
mod tail;
mod tap;

use clap::{Parser, ValueEnum};
use measure::{Report, Run, Taken};

use crate::server::Store;

#[derive(Debug, Parser)]
enum Arguments {
    /// Fails, and says why, if the server of a store is not installed.
    Needs {
        #[arg(value_enum)]
        store: Store,
    },
    /// Runs a case.
    Run(Options),
}

#[derive(Debug, clap::Args)]
struct Options {
    /// The server.
    #[arg(long, value_enum)]
    store: Store,
    /// Who writes.
    #[arg(long, value_enum)]
    by: By,
    #[command(flatten)]
    run: Run,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Tertulia,
    /// The commits' own scripts or statements, called without a storage round them.
    Bare,
    /// PostgreSQL's own benchmark.
    Pgbench,
}

/// What a run found out.
#[derive(Debug)]
struct Done {
    taken: Taken,
    /// How many batches are there, as the server tells.
    sum: u64,
    /// Figures of the case's own.
    extra: Vec<(&'static str, f64)>,
}

fn main() -> anyhow::Result<()> {
    let Options { store, by, run } = match Arguments::parse() {
        Arguments::Needs { store } => return server::find(store),
        Arguments::Run(options) => options,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match (by, store) {
            (By::Tertulia, _) if run.case.ends_with("-tail") => tail::run(store, &run).await,
            (By::Tertulia, _) => commits::run(store, &run).await,
            (By::Bare, Store::Redis) => replay::run(&run).await,
            (By::Bare, Store::Postgres) => group::run(&run).await,
            (By::Pgbench, _) => pgbench::run(&run).await,
        }
    })?;
    let peer = match (by, store) {
        (By::Tertulia, Store::Redis) => "tertulia-redis",
        (By::Tertulia, Store::Postgres) => "tertulia-postgres",
        (By::Bare, Store::Redis) => "bare-redis",
        (By::Bare, Store::Postgres) => "bare-postgres",
        (By::Pgbench, _) => "pgbench",
    };
    let mut report = Report::new(peer, &run, done.taken, done.sum);
    for (name, value) in done.extra {
        report = report.with(name, value);
    }
    report.print()
}
