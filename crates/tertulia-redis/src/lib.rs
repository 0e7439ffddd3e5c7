//! Keeps Tertulia's logs and queues in Redis or Valkey: a storage that several machines share.
//!
//! ```no_run
//! use tertulia_redis::Redis;
//!
//! # async fn open() -> tertulia::Result<()> {
//! let storage = Redis::connect("redis://localhost").await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Redis`] is the storage, [`RedisOptions`] says how to connect to it.
//! - A batch is one call of a script, which looks at everything before it writes anything. Redis runs one script at a
//!   time, so a batch is seen whole or not at all.
//! - What was acknowledged survives what the server's settings say: with `appendfsync always` a power loss, with
//!   `everysec` the death of the server alone. A failover to a replica may lose the last commits; the storage notices
//!   and says how many ([`Redis::lost`]).

mod address;
mod answer;
mod error;
mod link;
mod list;
mod listen;
mod lost;
mod names;
mod nodes;
mod options;
mod reach;
mod records;
mod script;
mod seen;
mod start;
mod store;
mod url;
mod wire;

pub use options::{RedisOptions, Wait};
pub use store::Redis;
