//! How the sessions of one type are kept.

use std::sync::Arc;

use super::{Codec, Expiry, Migrations};

/// How a [`Store`](super::Store) keeps its sessions.
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
            migrations: Migrations::new(),
            unsaved: Unsaved::Warn,
            codecs: Vec::new(),
        }
    }
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
