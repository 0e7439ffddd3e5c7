//! Everything that one call of the driver found out, and its files.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::case::Group;
use crate::chart;
use crate::machine::Machine;
use crate::markdown;
use crate::measurement::{Failure, Measurement};
use crate::prepare::LeftOut;
use crate::selection::Selection;
use crate::summary::Summary;
use crate::table;

/// The content of a group's JSON file.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    #[serde(skip)]
    group: Group,
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    /// A tenth of the updates: not to be quoted.
    pub(crate) quick: bool,
    pub(crate) cases: Vec<Summary>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) failures: Vec<Failure>,
}

impl Results {
    /// What was found out in the cases of a group; `None` if none of them was selected.
    pub(crate) fn of(
        group: Group,
        measurement: &Measurement,
        selection: &Selection,
        left_out: &[LeftOut],
        machine: &Machine,
    ) -> Option<Self> {
        let cases: Vec<_> = selection.cases.iter().filter(|(case, _)| case.group == group).collect();
        if cases.is_empty() {
            return None;
        }
        let Measurement { runs, failures, rounds, quick, .. } = measurement;
        let is_of_group = |name: &str| cases.iter().any(|(case, _)| case.name == name);
        let failures = failures.iter().filter(|failure| is_of_group(failure.case)).cloned().collect();
        Some(Self {
            group,
            machine: machine.clone(),
            rounds: *rounds,
            quick: *quick,
            cases: cases
                .iter()
                .filter_map(|(case, peers)| Summary::of(case, peers, runs, case.size(*quick)))
                .collect(),
            left_out: left_out.iter().filter(|out| out.is_of(group)).cloned().collect(),
            failures,
        })
    }

    /// The tables, as a terminal shows them.
    pub(crate) fn text(&self) -> String {
        match self.group {
            Group::Bots => table::render(self),
            Group::Sessions | Group::Streams | Group::Graphs | Group::Storages => markdown::render(self),
        }
    }

    /// Writes the group's files: all runs, a chart, and but for bots the tables.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let mut files =
            vec![("json", serde_json::to_string_pretty(self)? + "\n"), ("svg", chart::render(self))];
        if self.group != Group::Bots {
            files.push(("md", self.text()));
        }
        for (kind, text) in files {
            let path = folder.join(self.group.files()).with_extension(kind);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            eprintln!("wrote {}", path.display());
        }
        Ok(())
    }
}
