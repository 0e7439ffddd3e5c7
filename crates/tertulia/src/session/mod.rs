//! Sessions: typed state per conversation, loaded when first used and written only if it changed, as what changed.
//!
//! [`Sessions`] is the interface for programs without a bot: load, change, compare-and-set, retry. Underneath,
//! [`Store`] loads a session as a [`Loaded`], which owns the value, tells what to write, and goes back to the
//! cache once that is committed. Dropping it instead is the rollback.

mod cache;
mod codec;
mod entry;
mod format;
mod loaded;
mod sessions;
mod store;

pub use cache::CacheStats;
pub use loaded::Loaded;
pub use sessions::{IntoStorage, Sessions, View};
pub use store::{Options, State, Store};
