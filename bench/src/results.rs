//! Everything that one call of the driver found out, and its files.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::chart;
use crate::machine::Machine;
use crate::measurement::{Failure, Measurement};
use crate::prepare::LeftOut;
use crate::selection::Selection;
use crate::summary::Summary;

/// The content of `bench.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    /// A tenth of the updates: not to be quoted.
    pub(crate) quick: bool,
    pub(crate) cases: Vec<Summary>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) failures: Vec<Failure>,
}

impl Results {
    pub(crate) fn new(
        measurement: Measurement,
        selection: &Selection,
        left_out: Vec<LeftOut>,
        machine: Machine,
    ) -> Self {
        let Measurement { runs, failures, rounds, quick, .. } = measurement;
        let cases = selection.cases.iter();
        let cases =
            cases.filter_map(|(case, peers)| Summary::of(case, peers, &runs, case.size(quick))).collect();
        Self { machine, rounds, quick, cases, left_out, failures }
    }

    /// Writes `bench.json` and `bench.svg`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        for (name, text) in [("bench.json", json), ("bench.svg", chart::render(self))] {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            eprintln!("wrote {}", path.display());
        }
        Ok(())
    }
}
