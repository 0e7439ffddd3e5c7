//! Sessions: typed state per conversation, loaded when first used and written only if it changed, as what changed.
//!
//! [`Sessions`] is the interface for programs without a bot: [`update`](Sessions::update) changes a session and tries
//! again if somebody else wrote; [`load`](Sessions::load) gives a [`Guard`] to change and save by hand. A [`Log`] inside
//! a session is for histories: it is stored on its own and never rewritten. [`Options`] say when sessions expire, how
//! older ones are [migrated](Migrations), whether a save [waits](WriteMode), and what records [go through](Codec).
//! [`Live`] follows one session as JSON, for a page that shows it.
//!
//! Underneath, [`Store`] loads a session as a [`Loaded`], which owns the value, tells what to write, and goes back to the
//! cache once that is committed. Dropping it instead is the rollback. Bots build on these two.

mod align;
mod backing;
mod cache;
mod codec;
mod commit;
mod diff;
mod encoding;
mod entry;
mod expiry;
mod format;
mod guard;
mod keeper;
mod keys;
mod live;
mod loaded;
mod log;
mod migrate;
mod msgpack;
mod options;
mod patch;
mod queue;
mod read;
mod remove;
mod sessions;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub use cache::CacheStats;
pub use codec::Codec;
pub use expiry::Expiry;
pub use guard::Guard;
pub use keys::Keys;
pub use live::{Live, LiveLog, Operation};
pub use loaded::Loaded;
pub use log::Log;
pub use migrate::{Migrations, TooNew};
pub use options::{Options, Unsaved, WriteMode};
pub use sessions::{Sessions, View};
pub use store::{State, Store};
pub use tree::Tree;

/// The guide, whose code has to compile and to run.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/sessions.md")]
struct Guide;
