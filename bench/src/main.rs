//! Runs the peers side by side, in turn, and compares the medians.

mod case;
mod chart;
mod machine;
mod markdown;
mod measurement;
mod number;
mod peer;
mod prepare;
mod results;
mod selection;
mod summary;
mod table;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::case::Group;
use crate::machine::Machine;
use crate::measurement::Measurement;
use crate::results::Results;
use crate::selection::Selection;

/// Runs the peers side by side, in turn, and compares the medians.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Run these peers, families, cases or groups of cases (bots, sessions, streams, graphs, storages) alone; several are separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// How many times each peer runs each case [default: 3, or 1 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: Option<u32>,
    /// Run a tenth of the updates: shows that everything works, measures little.
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    run(&Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("bench: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 3 });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let results = folder.join("results");
    std::fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;

    let mut selection = Selection::of(&arguments.only)?;
    let prepared = prepare::prepare(folder, &mut selection)?;
    let machine = Machine::look();
    let mut measurement = Measurement::new(&results, arguments.quick, rounds, &selection);
    measurement.run(&selection, &prepared.programs);

    for group in Group::ALL {
        let found = Results::of(group, &measurement, &selection, &prepared.left_out, &machine);
        if let Some(found) = found {
            print!("{}", found.text());
            found.write(&results)?;
        }
    }
    Ok(if measurement.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
