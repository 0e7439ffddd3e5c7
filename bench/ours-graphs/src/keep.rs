//! What a case keeps its runs in.

use std::path::PathBuf;

use anyhow::Context;
use measure::Run;
use tertulia::Clock;
use tertulia::graph::{Graph, Options, Runs};
use tertulia::session::{State, WriteMode};
use tertulia::storage::Memory;
use tertulia_sqlite::Sqlite;

/// The runs of a graph, kept as the case has it.
pub(crate) async fn runs<S: State>(graph: &Graph<S>, run: &Run) -> anyhow::Result<Runs<S>> {
    Ok(match run.case.as_str() {
        "graph-counter" | "graph-chat" => Runs::ephemeral(graph),
        "graph-counter-memory" => Runs::new(graph, Memory::new()),
        "graph-counter-behind" => {
            let options = Options { mode: WriteMode::FIRE_AND_FORGET, ..Options::default() };
            Runs::with(graph, open(run).await?, Clock::system(), options)
        }
        _ => Runs::new(graph, open(run).await?),
    })
}

/// The case's database.
pub(crate) async fn open(run: &Run) -> anyhow::Result<Sqlite> {
    let dir: PathBuf = run.dir.clone().context("--dir is missing: it is the folder for the database")?;
    Ok(Sqlite::open(dir.join("graphs.db")).await?)
}
