//! The store of one session type: loads sessions, from its cache or from the storage.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backing::Backing;
use super::cache::{Cache, CacheStats, Generation};
use super::entry::Entry;
use super::keeper::Keeper;
use super::loaded::Loaded;
use super::log::{self, Tail};
use super::options::{Options, WriteMode};
use super::queue;
use super::read;
use crate::error::Kind;
use crate::storage::{Behind, BehindStats, Limits, Storage};
use crate::{Clock, Conversation, Error, Key, Name, Result};

/// The most bytes of a session type's name.
const MAX_NAME: usize = 64;

/// More items than a log has.
const ALL: usize = 1 << 40;

/// What a session can be: any type that serde can write and read back, with a value to begin with.
pub trait State: Default + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<S: Default + Serialize + DeserializeOwned + Send + Sync + 'static> State for S {}

/// Loads the sessions of one type. Cheap to clone; clones share one cache.
///
/// The cache is right while this store is the only one that writes these sessions. Where there are others, what
/// it holds may be outdated; the expectations of a [`Loaded`] let no such value be written, and
/// [`is_current`](Store::is_current) tells before anything is written.
pub struct Store<S>(Arc<Inner<S>>);

struct Inner<S> {
    backing: Arc<Backing>,
    clock: Clock,
    name: Name,
    cache: Cache<S>,
    options: Options,
    unsaved: AtomicU64,
    keeper: Option<Keeper>,
    /// Writes what is saved without being waited for.
    behind: Option<Behind>,
}

/// The name of the logs of the sessions called `name`, if they can be called so and kept with these options.
pub(super) fn log_name(name: &str, options: &Options) -> Result<Name> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains('/') {
        return Err(Error::invalid(format!(
            "session name `{}` must have 1 to {MAX_NAME} bytes and no `/`",
            name.escape_debug()
        )));
    }
    options.migrations.check().map_err(|error| error.context(format!("session `{name}`")))?;
    Name::new(format!("session/{name}"))
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
    /// As [`new`](Self::new), and `Invalid` if the versions of the migrations do not rise.
    pub fn with(storage: Arc<dyn Storage>, clock: Clock, name: &str, options: Options) -> Result<Self> {
        let name = log_name(name, &options)?;
        let backing = Arc::new(Backing::new(storage, &options));
        let cache = Cache::new(options.cache_bytes);
        let unsaved = AtomicU64::new(0);
        let keeper = Keeper::new(backing.clone(), clock.clone(), options.expiry);
        let behind = match options.mode {
            WriteMode::Transactional => None,
            WriteMode::FireAndForget { max_bytes } => {
                Some(Behind::new(backing.storage.clone(), clock.clone(), max_bytes))
            }
        };
        Ok(Self(Arc::new(Inner { backing, clock, name, cache, options, unsaved, keeper, behind })))
    }

    /// The session of `conversation`: from the cache, else from the storage. One that is not stored is the type's
    /// default, in memory only. What is queued and not in the cache is waited for, as long as the storage is away; what
    /// made it fail is not told here but by [`flush`](Self::flush).
    ///
    /// # Errors
    /// `Corrupt` if what is stored cannot be read; it is left as it is. `Unavailable` if the storage cannot be
    /// asked: that never counts as a session that is not there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn load(&self, conversation: &Conversation) -> Result<Loaded<S>> {
        self.load_and(conversation, false).await
    }

    /// The same; what made queued saves fail is told, if `tells` says so.
    async fn load_and(&self, conversation: &Conversation, tells: bool) -> Result<Loaded<S>> {
        let (entry, generation) = self.0.cache.take(conversation);
        if let Some(entry) = entry.and_then(|entry| self.if_good(conversation, entry)) {
            return Ok(Loaded::new(self.clone(), conversation.clone(), entry, true, generation));
        }
        // What is queued and not in the cache is read once it is stored; so is what a failure left.
        match self.flush(conversation).await {
            Err(error) if tells => return Err(error),
            _ => {}
        }
        let entry = read::session(self, conversation, self.log_tail()).await?;
        Ok(Loaded::new(self.clone(), conversation.clone(), Box::new(entry), false, generation))
    }

    /// What the cache held of a session, if it is not past its deadline and its queued save did not fail.
    fn if_good(&self, conversation: &Conversation, mut entry: Box<Entry<S>>) -> Option<Box<Entry<S>>> {
        if entry.deadline.is_some_and(|deadline| deadline <= self.0.clock.now()) {
            return None;
        }
        let is_good = entry.pending.is_none() || queue::settle(self, conversation, &mut entry);
        is_good.then_some(entry)
    }

    /// Waits until what is queued of a session is stored.
    ///
    /// # Errors
    /// What made queued writes of the conversation fail, once.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn flush(&self, conversation: &Conversation) -> Result<()> {
        match &self.0.behind {
            Some(behind) => behind.flush(conversation).await,
            None => Ok(()),
        }
    }

    /// Waits until all that is queued is stored. Nothing is where the [mode](Options::mode) is transactional.
    ///
    /// # Errors
    /// What made queued writes fail, if it was not given by another call before; the first of several.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn flush_all(&self) -> Result<()> {
        match &self.0.behind {
            Some(behind) => behind.flush_all().await,
            None => Ok(()),
        }
    }

    /// What is queued, and what became of what was; all zero where the [mode](Options::mode) is transactional.
    pub fn queue_stats(&self) -> BehindStats {
        self.0.behind.as_ref().map(Behind::stats).unwrap_or_default()
    }

    /// As [`load`](Self::load), and as it is stored now: what the cache holds is used only if nobody else wrote.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn load_current(&self, conversation: &Conversation) -> Result<Loaded<S>> {
        loop {
            let loaded = self.load_and(conversation, true).await?;
            if !loaded.is_cached() || self.is_current(&loaded).await? {
                return Ok(loaded);
            }
        }
    }

    /// A session with all items of its logs, to be written anew.
    pub(super) async fn load_whole(&self, conversation: &Conversation) -> Result<Loaded<S>> {
        // What the cache holds knows the logs that are about to go.
        let (_, generation) = self.0.cache.take(conversation);
        self.flush(conversation).await?;
        let mut entry = read::session(self, conversation, ALL).await?;
        entry.is_renewed = true;
        Ok(Loaded::new(self.clone(), conversation.clone(), Box::new(entry), false, generation))
    }

    /// A session as it is stored now, and beside it its state and the items of its logs; of one that is not stored, the
    /// default's.
    pub(super) async fn load_shown(
        &self,
        conversation: &Conversation,
    ) -> Result<(Loaded<S>, Vec<u8>, Vec<Arc<Tail>>)> {
        let (_, generation) = self.0.cache.take(conversation);
        self.flush(conversation).await?;
        let (entry, tails) = read::session_and_tails(self, conversation, self.log_tail()).await?;
        let mut state = entry.shadow.clone();
        if entry.head.is_none() {
            log::encode(&entry.value, Vec::new(), entry.next_log, &mut state)?;
        }
        Ok((
            Loaded::new(self.clone(), conversation.clone(), Box::new(entry), false, generation),
            state,
            tails,
        ))
    }

    /// As [`load_current`](Self::load_current), and its deadline is moved if a use does that.
    pub(super) async fn load_used(&self, conversation: &Conversation) -> Result<Loaded<S>> {
        loop {
            let mut loaded = self.load_current(conversation).await?;
            match loaded.save().await {
                Ok(()) => return Ok(loaded),
                Err(error) if error.kind() == Kind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a session is still as it was loaded. Needed only before something is told from a value of the
    /// cache that is not going to be written, where others write too.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub async fn is_current(&self, loaded: &Loaded<S>) -> Result<bool> {
        if loaded.pending().is_some() {
            // Others find out when what is queued fails.
            return Ok(true);
        }
        read::is_current(self, loaded).await
    }

    /// How often the cache helped.
    pub fn cache_stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// How many [guards](super::Guard) were dropped with a change that was neither saved nor discarded.
    pub fn unsaved(&self) -> u64 {
        self.0.unsaved.load(Ordering::Relaxed)
    }

    /// How the sessions are kept.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// The storage.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.0.backing.storage
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

    /// The key of the log with this number inside a session.
    pub(super) fn log_key(&self, conversation: &Conversation, number: u64) -> Key {
        inner_key(conversation, &self.0.name, number)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.backing.limits
    }

    pub(super) fn backing(&self) -> &Arc<Backing> {
        &self.0.backing
    }

    pub(super) fn log_tail(&self) -> usize {
        self.0.options.log_tail.max(1)
    }

    pub(super) fn behind(&self) -> Option<&Behind> {
        self.0.behind.as_ref()
    }

    pub(super) fn keeper(&self) -> Option<&Keeper> {
        self.0.keeper.as_ref()
    }

    pub(super) fn count_unsaved(&self) {
        self.0.unsaved.fetch_add(1, Ordering::Relaxed);
    }

    /// A session was written or removed: what the cache holds of it, and what others have loaded, is outdated.
    pub(super) fn written(&self, conversation: &Conversation) -> Generation {
        self.0.cache.outdate(conversation)
    }

    /// The right to queue a write of what was loaded in `generation`; `None` if somebody else has or had it since.
    pub(super) fn claim(&self, conversation: &Conversation, generation: Generation) -> Option<Claim<'_, S>> {
        self.0.cache.claim(conversation, generation)?;
        Some(Claim { store: self, conversation: conversation.clone(), ended: false })
    }
}

/// The right to queue a write of a session, which nobody else has at the same time.
pub(super) struct Claim<'a, S> {
    store: &'a Store<S>,
    conversation: Conversation,
    ended: bool,
}

impl<S> Claim<'_, S> {
    /// The write is queued: what was loaded meanwhile is outdated.
    pub(super) fn end(mut self) -> Generation {
        self.ended = true;
        self.store.0.cache.outdate(&self.conversation)
    }
}

impl<S> Drop for Claim<'_, S> {
    fn drop(&mut self) {
        if !self.ended {
            self.store.0.cache.outdate(&self.conversation);
        }
    }
}

impl<S> Store<S> {
    /// Puts back what was loaded in this generation, or without one what was written just now.
    pub(super) fn put_back(&self, conversation: &Conversation, entry: Box<Entry<S>>, of: Option<Generation>) {
        if !entry.is_overgrown(self.log_tail()) {
            self.0.cache.put(conversation, entry, of);
        } else if of.is_none() {
            self.written(conversation);
        }
    }
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

/// The key of the log with this number inside the session with this key.
pub(super) fn log_key(conversation: &Conversation, session: &Key, number: u64) -> Key {
    inner_key(conversation, session.name(), number)
}

fn inner_key(conversation: &Conversation, session: &Name, number: u64) -> Key {
    let name = Name::new(format!("{session}/log/{number}")).expect("the session's name is short");
    Key::Log(conversation.clone(), name)
}
