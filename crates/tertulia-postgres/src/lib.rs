//! Keeps Tertulia's logs and queues in PostgreSQL 15 or newer: the storage for several processes and machines.
//!
//! ```no_run
//! use tertulia_postgres::Postgres;
//!
//! # async fn connect() -> tertulia::Result<()> {
//! let storage = Postgres::connect("postgres://bot:secret@db.example/bot?sslmode=verify-full").await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Postgres`] is the storage, [`PostgresOptions`] says how it connects.
//! - Batches that wait together are written in one transaction: heads are locked in the order of their keys, each batch
//!   is decided in memory, and the winners are written at once. See `writer`.
//! - Nothing hangs on a connection's session, so that it works behind a pooler that gives out connections by the
//!   transaction; only to hear at once of what other processes changed does it need a connection of its own.
//! - Reads go to the same server as writes, never to a replica.

mod connection;
mod error;
mod handoff;
mod hearing;
mod install;
mod keys;
mod options;
mod postgres;
mod reader;
mod rows;
mod schema;
mod sweep;
mod tls;
mod url;
mod values;
mod writer;

pub use options::PostgresOptions;
pub use postgres::Postgres;
