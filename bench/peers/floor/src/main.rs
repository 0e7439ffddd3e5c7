//! What the work itself costs, without a runtime round it: a loop with a map, and bare SQLite.

mod checkpoints;
mod memory;
mod payload;
mod sqlite;

use clap::{Parser, ValueEnum};
use measure::Run;

#[derive(Debug, Parser)]
struct Arguments {
    /// Where the counters are kept.
    #[arg(long, value_enum)]
    store: Store,
    #[command(flatten)]
    run: Run,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Store {
    Memory,
    Sqlite,
    /// The steps of runs, in logs on SQLite.
    Checkpoints,
}

fn main() -> anyhow::Result<()> {
    let Arguments { store, run } = Arguments::parse();
    match store {
        Store::Memory => memory::count(&run)?.print(),
        Store::Sqlite => sqlite::count(&run)?.print(),
        Store::Checkpoints => checkpoints::count(&run)?.print(),
    }
}
