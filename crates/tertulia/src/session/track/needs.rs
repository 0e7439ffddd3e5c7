//! What versions need of the logs inside them.

use std::collections::BTreeMap;

use super::TrackHome;
use super::version::{self, View};
use crate::Result;
use crate::storage::{LogWrite, Offset};

/// What some versions need of the logs inside them, as it is found in what was written of these versions.
#[derive(Debug, Default)]
pub(crate) struct Needs(BTreeMap<u64, Option<u64>>);

impl Needs {
    /// A version was written whole.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn whole(&mut self, whole: &[u8]) -> Result<()> {
        for view in version::views(whole)? {
            self.add(view.number, lowest(&view));
        }
        Ok(())
    }

    /// A version was written as a change of one that has been looked at: it needs of that, and what it appended.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn change(&mut self, change: &[u8]) -> Result<()> {
        for one in version::moves(change)? {
            self.add(one.number, (one.count > 0).then_some(one.offset));
        }
        Ok(())
    }

    /// The first record of a log that is needed; `None` if the log is, and none of its records.
    fn add(&mut self, number: u64, offset: Option<u64>) {
        let lowest = self.0.entry(number).or_default();
        *lowest = (*lowest).into_iter().chain(offset).min();
    }

    /// What to write when other versions are gone and these are left: the first records go that only those needed. It holds as
    /// long as no version is written. Logs stay, be they empty, so that one who still has an old version is told that its
    /// items are gone, and not that they are damaged.
    pub(crate) fn without(&self, gone: &Self, home: &TrackHome) -> Vec<LogWrite> {
        let trim = |(number, needed): (&u64, &Option<u64>)| {
            let left = self.0.get(number).copied().flatten().unwrap_or(u64::MAX);
            needed.filter(|needed| *needed < left)?;
            Some(LogWrite::new(home.log_key(*number)?).trim(Offset(left)))
        };
        gone.0.iter().filter_map(trim).collect()
    }
}

/// The offset of the first item that a version has.
fn lowest(view: &View) -> Option<u64> {
    (view.start < view.end).then(|| view.runs.offset_of(view.start)).flatten()
}
