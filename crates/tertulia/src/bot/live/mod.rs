//! Replies that are seen as they are said: one stream that is at once the message of a platform, the SSE stream and the
//! chat of a page, and that goes on after a crash with what the handler says when it runs again.
//!
//! [`reply`] is what a handler holds; [`index`] is where readers find what is being said in a conversation; [`shows`] makes
//! the stream one message of a platform; [`format`](mod@format) is what is stored.

mod format;
mod index;
mod reply;
mod shows;

pub use self::format::LiveEntry;
pub use self::index::Lives;
pub(super) use self::index::stop_lives;
pub use self::reply::Live;
pub(super) use self::shows::Shows;
