//! Sessions as arguments of handlers: whose they are, how they are held, and how they join the turn's batch.

mod guard;
mod kept;
mod options;
mod slot;

pub use guard::Session;
pub(super) use kept::{Flush, Kept, Opened, SessionType, name_sessions};
pub use options::SessionOptions;
