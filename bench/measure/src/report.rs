//! The one line of JSON a peer prints.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Run, Taken};

/// What a peer measured. Print it once, as the only line on standard output.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    peer: String,
    case: String,
    updates: u64,
    seconds: f64,
    cpu_us_per_update: f64,
    updates_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    written_bytes_per_update: Option<f64>,
    sum_ok: bool,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Report {
    /// The report of a run. `sum` is the sum of all chats' counters after it: every update counts one.
    pub fn new(peer: &str, run: &Run, taken: Taken, sum: u64) -> Self {
        let (updates, seconds) = (run.updates as f64, taken.wall.as_secs_f64());
        Self {
            peer: peer.to_owned(),
            case: run.case.clone(),
            updates: run.updates,
            seconds,
            cpu_us_per_update: taken.cpu.as_secs_f64() * 1e6 / updates,
            updates_per_second: updates / seconds,
            written_bytes_per_update: None,
            sum_ok: sum == run.updates,
            extra: Map::new(),
        }
    }

    /// Adds the bytes written for each update, for a case that has a database.
    pub fn written(mut self, taken: Taken) -> Self {
        self.written_bytes_per_update = taken.written.map(|bytes| bytes as f64 / self.updates as f64);
        self
    }

    /// Says how many updates were asked for, if the figures are those of the fewer that were made.
    pub fn asked(mut self, updates: u64) -> Self {
        self.updates = updates;
        self
    }

    /// Adds a field of the peer's own, such as a version or a count worth knowing.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Prints the line.
    ///
    /// # Errors
    /// If it cannot be encoded.
    pub fn print(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}
