//! Streams: append-only, read by offset, followed live, resumed after any disconnect.
//!
//! | to | |
//! |---|---|
//! | make, find, list, stop, delete | [`Streams`] |
//! | append, close | [`Stream::append`], [`Stream::write`] |
//! | read from a place on | [`Stream::read`], which gives a [`Page`] |
//! | follow | [`Stream::tail`], which catches up and then waits |
//!
//! A stream is a log of its conversation, with its last entries in memory before it: appending costs a copy of the
//! entry, wakes its readers, and is stored together with what else has come. A reader holds a [`Cursor`], which is
//! good for one stream and refused by every other, and after a restart too.

mod attempt;
mod block;
mod branches;
mod cursor;
mod delete;
mod drive;
mod event;
mod events;
mod fork;
mod format;
mod id;
mod live;
mod load;
mod meta;
mod options;
mod page;
mod producers;
mod read;
mod rebase;
mod refused;
mod room;
mod seal;
mod shelves;
mod state;
#[allow(clippy::module_inception, reason = "the module is about streams, this file about one of them")]
mod stream;
mod streams;
mod tail;
mod watch;
mod window;

pub use cursor::{BranchId, Cursor, From};
pub use event::{Event, EventKind};
pub use events::Events;
pub use id::StreamId;
pub use meta::Origin;
pub use options::{
    Append, Appended, CreateOptions, End, Expiry, ForkFrom, Limit, Producer, StreamsOptions, Visible,
};
pub use page::Page;
pub use refused::{Lost, Refused, Resync};
pub use stream::{Info, Stream};
pub use streams::{Created, Streams};
pub use tail::{Followed, Tail};

/// The guide, whose code has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/streams.md")]
struct Guide;
