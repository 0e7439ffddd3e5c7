//! Sessions: typed state per conversation, loaded when first used and written only if it changed, as what changed.
//!
//! [`Sessions`] is the interface for programs without a bot:
//!
//! | to | |
//! |---|---|
//! | read | [`get`](Sessions::get) |
//! | change in one go | [`update`](Sessions::update), which tries again if somebody else wrote |
//! | hold, change, save by hand | [`load`](Sessions::load), which gives a [`Guard`] |
//! | read and change as JSON | [`get_json`](Sessions::get_json), [`update_json`](Sessions::update_json) |
//! | list, remove | [`keys`](Sessions::keys), [`delete`](Sessions::delete), [`delete_all`](Sessions::delete_all) |
//!
//! A [`Log`] inside a session is for histories: it is stored on its own and never rewritten. [`Options`] say when sessions
//! expire, how older ones are [migrated](Migrations), whether a save [waits](WriteMode), and what records
//! [go through](Codec). [`Live`] follows a session as JSON, for a page that shows it. In a bot, handlers take a
//! `bot::Session` instead.
//!
//! Underneath, and for who builds something like a bot, [`Store`] loads a session as a [`Loaded`], which owns the value, tells what to write, and goes back to the
//! cache once that is committed. Dropping it instead is the rollback.

mod backing;
mod cache;
mod codec;
mod edit;
mod entry;
mod expiry;
mod format;
mod guard;
mod keeper;
mod keys;
mod live;
mod loaded;
mod log;
pub(crate) mod look;
mod migrate;
mod msgpack;
mod options;
mod queue;
mod read;
mod remove;
mod sessions;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod track;
mod write;

pub use cache::CacheStats;
pub use codec::Codec;
pub use edit::{JsonView, Misfit};
pub use expiry::Expiry;
pub(crate) use format::{SEALED, put_varint, take_varint, varint_len};
pub use guard::Guard;
pub use keys::{Keys, KeysPage};
pub use live::{Live, LiveLog, Operation};
pub use loaded::Loaded;
pub use log::Log;
pub use migrate::{Migrations, TooNew, Tree};
pub use options::{Options, Unsaved, WriteMode};
pub use sessions::{Sessions, View};
pub use store::{State, Store};

/// The guide, whose code has to compile and to run.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/sessions.md")]
struct Guide;
