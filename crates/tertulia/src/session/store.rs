//! The store of one session type: loads sessions, from its cache or from the storage.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cache::{Cache, CacheStats};
use super::codec;
use super::entry::Entry;
use super::format::Base;
use super::loaded::Loaded;
use crate::storage::{Head, Limits, LogPage, Page, Read, Storage};
use crate::{Clock, Conversation, Error, Key, Name, Result};

/// The most bytes of a session type's name.
const MAX_NAME: usize = 64;

/// What a session can be: any type that serde can write and read back, with a value to begin with.
pub trait State: Default + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<S: Default + Serialize + DeserializeOwned + Send + Sync + 'static> State for S {}

/// How a [`Store`] keeps its sessions in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The most bytes of decoded sessions that are kept, about: 64 MiB.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

/// Loads the sessions of one type. Cheap to clone; clones share one cache.
///
/// The cache is right while this store is the only one that writes these sessions. Where there are others, what
/// it holds may be outdated; the expectations of a [`Loaded`] let no such value be written, and
/// [`is_current`](Store::is_current) tells before anything is written.
pub struct Store<S>(Arc<Inner<S>>);

struct Inner<S> {
    storage: Arc<dyn Storage>,
    clock: Clock,
    name: Name,
    limits: Limits,
    cache: Cache<S>,
}

impl<S: State> Store<S> {
    /// A store of the sessions called `name`, which are logs called `session/<name>`.
    ///
    /// The name stands for the type in what is stored: keep it when the type is renamed or moved.
    ///
    /// # Errors
    /// `Invalid` if the name is empty, longer than 64 bytes, or holds `/` or a control character.
    pub fn new(storage: Arc<dyn Storage>, clock: Clock, name: &str) -> Result<Self> {
        Self::with(storage, clock, name, Options::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with(storage: Arc<dyn Storage>, clock: Clock, name: &str, options: Options) -> Result<Self> {
        if name.is_empty() || name.len() > MAX_NAME || name.contains('/') {
            return Err(Error::invalid(format!(
                "session name `{}` must have 1 to {MAX_NAME} bytes and no `/`",
                name.escape_debug()
            )));
        }
        let limits = storage.properties().limits;
        let name = Name::new(format!("session/{name}"))?;
        let cache = Cache::new(options.cache_bytes);
        Ok(Self(Arc::new(Inner { storage, clock, name, limits, cache })))
    }

    /// The session of `conversation`: from the cache, else from the storage. One that is not stored is the type's
    /// default, in memory only.
    ///
    /// # Errors
    /// `Corrupt` if what is stored cannot be read; it is left as it is. `Unavailable` if the storage cannot be
    /// asked: that never counts as a session that is not there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn load(&self, conversation: &Conversation) -> Result<Loaded<S>> {
        if let Some(entry) = self.0.cache.take(conversation) {
            return Ok(Loaded::new(self.clone(), conversation.clone(), entry, true));
        }
        let entry = self.read(conversation).await?;
        Ok(Loaded::new(self.clone(), conversation.clone(), Box::new(entry), false))
    }

    /// Whether a session is still as it was loaded. Needed only before something is told from a value of the
    /// cache that is not going to be written, where others write too.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn is_current(&self, loaded: &Loaded<S>) -> Result<bool> {
        let key = self.key(loaded.conversation());
        let mut pages = self.0.storage.read(&[Read::head(key)]).await?;
        let page = pages.pop().ok_or_else(|| Error::internal("storage answered no read"))??;
        let etag = page.map(|page| page.head().etag());
        Ok(etag == loaded.etag())
    }

    async fn read(&self, conversation: &Conversation) -> Result<Entry<S>> {
        let key = self.key(conversation);
        let mut pages = self.0.storage.read(&[Read::new(key.clone())]).await?;
        let page = pages.pop().ok_or_else(|| Error::internal("storage answered no read"))??;
        match page.and_then(Page::into_log) {
            None => Ok(Entry { value: S::default(), shadow: Vec::new(), head: None, next_log: 1 }),
            Some(page) => read_page(&page).map_err(|error| error.context(&key)),
        }
    }

    /// How often the cache helped.
    pub fn cache_stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// The storage.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.0.storage
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The name of the sessions' logs: `session/<name>`.
    pub fn name(&self) -> &Name {
        &self.0.name
    }
}

impl<S> Store<S> {
    /// The key of a session.
    pub fn key(&self, conversation: &Conversation) -> Key {
        Key::Log(conversation.clone(), self.0.name.clone())
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(super) fn put_back(&self, conversation: &Conversation, entry: Box<Entry<S>>) {
        self.0.cache.put(conversation, entry);
    }
}

fn read_page<S: State>(page: &LogPage) -> Result<Entry<S>> {
    let bytes = page.base.as_deref().ok_or_else(|| Error::corrupt("the session has no base"))?;
    let base = Base::decode(bytes).map_err(|e| Error::corrupt(e.to_string()).with_source(e))?;
    let value = codec::decode(base.state)
        .map_err(|e| Error::corrupt(format!("the state does not fit its type: {e}")).with_source(e))?;
    Ok(Entry { value, shadow: base.state.to_vec(), head: Some(page.head), next_log: base.next_log })
}

/// The log's head of a write, of those that a commit gave.
pub(super) fn log_head(head: &Option<Head>) -> Option<crate::storage::LogHead> {
    head.and_then(|head| head.log())
}

impl<S> Clone for Store<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> fmt::Debug for Store<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("name", &self.0.name).field("cache", &self.0.cache).finish()
    }
}
