//! Tertulia keeps conversations: the state of each one, the order of what happens in it, and what is said.
//!
//! The layers, lowest first; a layer never names one above it:
//! - `error`, `key`, `clock`: what everything shares.
//! - [`storage`]: logs and queues in shards, written by batches that apply whole or not at all.
//! - [`session`]: typed state per conversation, written as what changed.
//! - [`stream`]: what is being said, append-only, read by offset and followed live.
//! - [`runner`]: updates in order per key, concurrent across keys, nothing lost.
//! - [`blocking`]: waits for all that in a program that is not asynchronous.
//! - [`bot`]: joins them for the author of a bot.

pub mod blocking;
pub mod bot;
mod clock;
pub mod error;
pub mod graph;
mod key;
pub mod runner;
pub mod session;
pub mod storage;
pub mod stream;

pub use clock::{Clock, Timestamp};
pub use error::{Error, Result};
pub use key::{Conversation, Key, MAX_PART, Name, Shard};
pub use session::{Log, Sessions};
