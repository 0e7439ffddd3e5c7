//! How the sessions of one type are kept.

use std::sync::Arc;

use super::{Codec, Expiry, Migrations};

/// How the sessions of a type are kept.
///
/// ```
/// # use std::time::Duration;
/// # use serde::{Deserialize, Serialize};
/// use tertulia::session::{Expiry, Options};
/// use tertulia::{Clock, Sessions, storage::Memory};
///
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Cart { items: Vec<String> }
/// # fn main() -> tertulia::Result<()> {
/// let options = Options { expiry: Expiry::Sliding(Duration::from_secs(86_400)), ..Options::default() };
/// let carts = Sessions::<Cart>::with(Memory::new(), Clock::system(), "cart", options)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// The most bytes of decoded sessions that are kept in memory, about: 64 MiB.
    pub cache_bytes: usize,
    /// How many items of each [`Log`](super::Log) are loaded with its session, at least 1: 256.
    pub log_tail: usize,
    /// The most bytes of a session's state, encoded, without the items of its logs: as many as the storage takes,
    /// 32 MiB with those of this project. A larger one is not written.
    pub max_bytes: usize,
    /// When sessions expire: never.
    pub expiry: Expiry,
    /// When a save returns: once it is durable.
    pub mode: WriteMode,
    /// How what an older program stored becomes what this one expects: as it is.
    pub migrations: Migrations,
    /// What happens when a [`Guard`](super::Guard) is dropped with a change that was neither saved nor discarded:
    /// a warning.
    pub unsaved: Unsaved,
    /// What records go through on their way to the storage, in this order: none.
    pub codecs: Vec<Arc<dyn Codec>>,
}

impl Options {
    /// Has records go through `codec` as well, after those that were given before: compress, then encrypt.
    #[must_use]
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.codecs.push(Arc::new(codec));
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            log_tail: 256,
            max_bytes: usize::MAX,
            expiry: Expiry::Never,
            mode: WriteMode::Transactional,
            migrations: Migrations::new(),
            unsaved: Unsaved::Warn,
            codecs: Vec::new(),
        }
    }
}

/// When saving a session returns, and what a crash can lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// Once what was changed is as durable as the storage promises. A crash loses nothing that was saved.
    #[default]
    Transactional,
    /// Once it is queued. One writer for each conversation commits what is queued in order, joining what came
    /// meanwhile; loads see what is queued. A crash, or a runtime that ends without
    /// [`flush`](super::Sessions::flush), loses what was saved last: of each conversation a suffix, never something
    /// in between. A failure, such as another process having written the session first, drops what was queued of that
    /// conversation and is given by the next call that loads or saves it, or by `flush`.
    ///
    /// A handler of a bot loses nothing either way: its update leaves the inbox in the batch that carries its
    /// sessions, after what it saved before.
    FireAndForget {
        /// The most bytes queued, of all conversations; a save waits while they are reached. 16 MiB are plenty.
        max_bytes: usize,
    },
}

impl WriteMode {
    /// Fire-and-forget with up to 16 MiB queued.
    pub const FIRE_AND_FORGET: Self = Self::FireAndForget { max_bytes: 16 << 20 };
}

/// What happens when a change is lost because its [`Guard`](super::Guard) was neither saved nor discarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsaved {
    /// It is logged as a warning and counted.
    #[default]
    Warn,
    /// It is logged, counted, and panics: for tests.
    Panic,
}
