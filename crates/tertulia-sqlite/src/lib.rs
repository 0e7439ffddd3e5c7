//! Keeps Tertulia's logs and queues in one SQLite file: the embedded storage.
//!
//! ```no_run
//! use tertulia_sqlite::Sqlite;
//!
//! # async fn open() -> tertulia::Result<()> {
//! let storage = Sqlite::open("bot.db").await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Sqlite`] is the storage, [`SqliteOptions`] says how to open it.
//! - One thread writes: it takes what is queued, decides each batch in memory, and commits them together. Reads go
//!   to connections of their own and see the last commit.
//! - One process at a time has the file open for writing, held by a lock on `<path>.lock`. Tools read beside it
//!   ([`Sqlite::open_read_only`]) and find it by [`Sqlite::owner`].

mod answer;
mod error;
mod handoff;
mod lock;
mod options;
mod reader;
mod rows;
mod schema;
mod sqlite;
mod writer;

pub use lock::Owner;
pub use options::{SqliteOptions, Synchronous};
pub use sqlite::Sqlite;
