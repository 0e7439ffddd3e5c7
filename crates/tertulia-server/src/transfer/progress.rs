//! How far an export or import is: a line to stderr each second.

use std::time::Duration;

use tokio::time::Instant;

use super::line::Totals;
use crate::output;

pub(super) struct Progress {
    done: &'static str,
    pub(super) totals: Totals,
    began: Instant,
    said: Instant,
}

impl Progress {
    pub(super) fn new(done: &'static str) -> Self {
        let now = Instant::now();
        Self { done, totals: Totals::default(), began: now, said: now }
    }

    /// Something was added to the totals.
    pub(super) fn moved(&mut self) {
        if self.said.elapsed() >= Duration::from_secs(1) {
            self.said = Instant::now();
            output::note(self.text());
        }
    }

    /// What was done in all.
    pub(super) fn total(&self) -> String {
        format!("{}, in {:.1} s", self.text(), self.began.elapsed().as_secs_f64())
    }

    fn text(&self) -> String {
        let Totals { logs, queues, entries, bytes, ids } = self.totals;
        let megabytes = bytes as f64 / 1e6;
        format!(
            "{} {logs} logs and {queues} queues, {entries} entries, {megabytes:.1} MB, {ids} ids",
            self.done
        )
    }
}
