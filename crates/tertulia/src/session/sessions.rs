//! Sessions alone: for any program that keeps state per conversation, without runner or bot.

use std::fmt;
use std::ops::Deref;

use std::time::Duration;

use super::loaded::Loaded;
use super::options::Options;
use super::store::{State, Store};
use crate::error::Kind;
use crate::storage::{Batch, CommitId, IntoStorage, Write};
use crate::{Clock, Conversation, Error, Result};

/// Typed sessions: load, change, compare-and-set, retry. Cheap to clone; clones share one cache.
///
/// Several of them may write the same sessions, in one process or in many: nothing is lost.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tertulia::{Sessions, storage::Memory};
/// #[derive(Default, Serialize, Deserialize)]
/// struct Chat {
///     name: Option<String>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// let chats = Sessions::<Chat>::new(Memory::new(), "chat")?;
/// chats.update("telegram:42", |chat| chat.name = Some("Ana".into())).await?;
/// assert_eq!(chats.get("telegram:42").await?.name.as_deref(), Some("Ana"));
/// # Ok(())
/// # }
/// ```
pub struct Sessions<S> {
    store: Store<S>,
}

impl<S: State> Sessions<S> {
    /// The sessions called `name` in `storage`.
    ///
    /// # Errors
    /// `Invalid` if the name is empty, longer than 64 bytes, or holds `/` or a control character.
    pub fn new(storage: impl IntoStorage, name: &str) -> Result<Self> {
        Self::with(storage, Clock::system(), name, Options::default())
    }

    /// The same with a clock and options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with(storage: impl IntoStorage, clock: Clock, name: &str, options: Options) -> Result<Self> {
        Ok(Self { store: Store::with(storage.into_storage(), clock, name, options)? })
    }

    /// Changes a session and writes what changed; nothing is written if nothing did. If somebody else wrote
    /// meanwhile, the session is loaded and `change` is run again, as often as it takes.
    ///
    /// # Errors
    /// `Invalid` for a conversation or a value that cannot be stored, `Corrupt`, `Unavailable`, and `Unknown` if
    /// the storage's answer was lost.
    ///
    /// # Cancel safety
    /// If the future is dropped, the change was made wholly or not at all.
    pub async fn update<K, R>(&self, conversation: K, mut change: impl FnMut(&mut S) -> R) -> Result<R>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        self.try_update(conversation, |state| Ok(change(state))).await
    }

    /// As [`update`](Self::update), with a change that may fail: then nothing is written.
    ///
    /// # Errors
    /// What `change` gives, and the errors of [`update`](Self::update).
    ///
    /// # Cancel safety
    /// If the future is dropped, the change was made wholly or not at all.
    pub async fn try_update<K, R, E>(
        &self,
        conversation: K,
        mut change: impl FnMut(&mut S) -> Result<R, E>,
    ) -> Result<R, E>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
        E: From<Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        let mut conflicts = 0;
        loop {
            let mut loaded = self.store.load(&conversation).await?;
            let result = change(loaded.get_mut())?;
            if self.store_or_retry(loaded, &mut conflicts).await? {
                return Ok(result);
            }
        }
    }

    /// Reads a session, as it is stored now. Reading writes nothing.
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none, `Corrupt`, `Unavailable`.
    pub async fn get<K>(&self, conversation: K) -> Result<View<S>>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        loop {
            let loaded = self.store.load(&conversation).await?;
            if !loaded.is_cached() || self.store.is_current(&loaded).await? {
                return Ok(View(Some(loaded)));
            }
        }
    }

    /// Removes a session, with the logs inside it. The next to load it gets the type's default.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    ///
    /// # Cancel safety
    /// If the future is dropped, the session was removed wholly or not at all.
    pub async fn delete<K>(&self, conversation: K) -> Result<()>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        let mut conflicts = 0;
        loop {
            let mut loaded = self.store.load(&conversation).await?;
            loaded.delete();
            if self.store_or_retry(loaded, &mut conflicts).await? {
                return Ok(());
            }
        }
    }

    /// Commits what changed; `false` if somebody else wrote first, after a wait if that happened twice in a row.
    async fn store_or_retry(&self, mut loaded: Loaded<S>, conflicts: &mut u32) -> Result<bool> {
        let writes = loaded.prepare()?;
        if writes.is_empty() {
            let current = !loaded.is_cached() || self.store.is_current(&loaded).await?;
            if current {
                loaded.release();
            }
            return Ok(current);
        }
        let clock = self.store.clock();
        let writes = writes.into_iter().map(Write::Log).collect();
        match self.store.storage().commit(Batch::new(CommitId(clock.random()), writes)).await {
            Ok(committed) => {
                loaded.committed(&committed.heads);
                Ok(true)
            }
            Err(error) if error.kind() == Kind::Conflict => {
                drop(loaded);
                *conflicts += 1;
                if *conflicts > 1 {
                    clock.sleep(Duration::from_micros(1_000 + clock.random() % 9_000)).await;
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The store underneath.
    pub fn store(&self) -> &Store<S> {
        &self.store
    }
}

impl<S> Clone for Sessions<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone() }
    }
}

impl<S> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.store).finish()
    }
}

/// A session that was read. Goes back to the cache when it is dropped; meanwhile others load their own.
pub struct View<S: State>(Option<Loaded<S>>);

impl<S: State> View<S> {
    /// The value itself, which the cache then loses.
    pub fn into_inner(mut self) -> S {
        self.0.take().expect("taken by drop and by this method only").into_value()
    }

    /// Whether the session is stored; if not, this is the type's default.
    pub fn is_stored(&self) -> bool {
        self.0.as_ref().is_some_and(Loaded::is_stored)
    }
}

impl<S: State> Deref for View<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.0.as_ref().expect("taken by drop and by into_inner only").get()
    }
}

impl<S: State> Drop for View<S> {
    fn drop(&mut self) {
        if let Some(loaded) = self.0.take() {
            loaded.release();
        }
    }
}

impl<S: State + fmt::Debug> fmt::Debug for View<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&**self).finish()
    }
}
