//! What every library that keeps sessions is asked to do, the same for each of them.
//!
//! A peer implements [`Keeper`] for its client and gives [`run`] a way to open one; [`Arguments`] is its command
//! line. The loops are here, so that no peer has its own.

mod cases;
mod keeper;
mod state;

pub use cases::{Opened, run};
pub use keeper::{Counted, Keeper};
pub use state::{Counts, History, Message, Small};

use std::path::{Path, PathBuf};

use anyhow::Context;
use measure::Run;

/// The command line of a peer.
#[derive(Clone, Debug, clap::Parser)]
pub struct Arguments {
    /// Where the sessions are kept.
    #[arg(long, value_enum)]
    pub store: Store,
    /// Keeps the history in what the library has for histories, if it has something.
    #[arg(long)]
    pub log: bool,
    /// The case.
    #[command(flatten)]
    pub run: Run,
}

/// Where sessions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Store {
    /// In this process.
    Memory,
    /// In a SQLite file, with a write-ahead log and `synchronous=FULL`.
    Sqlite,
}

impl Arguments {
    /// The file for the database of a pass.
    ///
    /// # Errors
    /// If no folder was given.
    pub fn file(&self, counted: bool) -> anyhow::Result<PathBuf> {
        let dir: &Path =
            self.run.dir.as_deref().context("--dir is missing: it is the folder for the database")?;
        Ok(dir.join(if counted { "counted.db" } else { "timed.db" }))
    }

    /// A peer's name: its own, and what it keeps sessions in if that is not memory.
    pub fn peer(&self, name: &str) -> String {
        match self.store {
            Store::Memory => name.to_owned(),
            Store::Sqlite => format!("{name}-sqlite"),
        }
    }
}
