//! teloxide with its dialogues in memory, fed from memory, on either tokio runtime.

mod bot;
mod get_me;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use measure::Run;
use tokio::runtime::Builder;

#[derive(Debug, Parser)]
struct Arguments {
    /// The tokio runtime to run on.
    #[arg(long, value_enum)]
    runtime: Runtime,
    #[command(flatten)]
    run: Run,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    Current,
    Multi,
}

fn main() -> anyhow::Result<()> {
    let Arguments { runtime, run } = Arguments::parse();
    let (name, mut builder) = match runtime {
        Runtime::Current => ("teloxide-current", Builder::new_current_thread()),
        Runtime::Multi => ("teloxide-multi", Builder::new_multi_thread()),
    };
    let runtime = builder.enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(bot::count(name, &run))?.print()
}
