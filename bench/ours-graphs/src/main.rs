//! Tertulia's runs of graphs under the same load as other libraries that run graphs.

mod chat;
mod counter;
mod keep;

use clap::{Parser, ValueEnum};
use measure::Run;

#[derive(Debug, Parser)]
struct Arguments {
    /// Which of Tokio's runtimes runs it.
    #[arg(long, value_enum, default_value = "current")]
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
    let (peer, mut builder) = match runtime {
        Runtime::Current => ("tertulia-graphs", tokio::runtime::Builder::new_current_thread()),
        Runtime::Multi => ("tertulia-graphs-multi", tokio::runtime::Builder::new_multi_thread()),
    };
    builder.enable_all().build()?.block_on(async {
        let report = if run.case.starts_with("graph-chat") {
            chat::chat(peer, &run).await
        } else {
            counter::count(peer, &run).await
        };
        report?.print()
    })
}
