//! The command line of a peer: which case to run and how large.

use std::path::PathBuf;
use std::time::Duration;

/// One run, as the driver asks for it. Flatten it into a peer's own arguments.
#[derive(Clone, Debug, clap::Args)]
pub struct Run {
    /// The case's name, repeated in the report.
    #[arg(long)]
    pub case: String,
    /// How many updates to run, at least one.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub updates: u64,
    /// How many chats they are dealt to, in turn, at least one.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub chats: u64,
    /// How many updates may be handled at a time.
    #[arg(long, default_value_t = 500)]
    pub slots: usize,
    /// How long each handler waits before it counts, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub sleep_ms: u64,
    /// An empty folder for the case's database, if it has one.
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// How long the steps of a case of graphs may take together: a slow disk gets fewer than were asked for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Run {
    /// The same run with as many updates as fit into 2 s, if `made` of them took so long: as many in each chat, at
    /// least two.
    pub fn affordable(&self, made: u64, took: Duration) -> Self {
        let fit = PATIENCE.as_secs_f64() / took.as_secs_f64() * made as f64;
        let in_each = ((fit as u64).min(self.updates) / self.chats / 2 * 2).max(2);
        Self { updates: in_each * self.chats, ..self.clone() }
    }

    /// The chat of the update with this index: the chats take turns.
    pub fn chat(&self, index: u64) -> u64 {
        index % self.chats
    }

    /// How long each handler waits, if it waits at all.
    pub fn sleep(&self) -> Option<Duration> {
        (self.sleep_ms > 0).then(|| Duration::from_millis(self.sleep_ms))
    }
}
