//! Sessions alone: for any program that keeps state per conversation, without runner or bot.

use std::fmt;
use std::ops::Deref;

use std::time::Duration;

use super::guard::Guard;
use super::keys::Keys;
use super::loaded::Loaded;
use super::options::Options;
use super::store::{State, Store};
use super::{read, remove};
use crate::error::Kind;
use crate::storage::IntoStorage;
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
    /// meanwhile, the session is loaded and `change` is run again, as often as it takes. Where the
    /// [mode](Options::mode) is fire-and-forget, it returns when the change is queued.
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
            // Who does not wait for the storage does not learn in time that somebody else has written.
            let mut loaded = match self.store.behind() {
                None => self.store.load(&conversation).await?,
                Some(_) => self.store.load_current(&conversation).await?,
            };
            let result = change(loaded.get_mut())?;
            if self.store_or_retry(loaded, &mut conflicts).await? {
                return Ok(result);
            }
        }
    }

    /// Loads a session, to be read, changed and [saved](Guard::save). One that is not stored is the type's default.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tertulia::{Sessions, storage::Memory};
    /// # #[derive(Default, Serialize, Deserialize)]
    /// # struct Cart { items: Vec<String> }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> tertulia::Result<()> {
    /// # let carts = Sessions::<Cart>::new(Memory::new(), "cart")?;
    /// let mut cart = carts.load("web:ana").await?;
    /// cart.items.push("tea".into());
    /// cart.save().await?;
    /// # assert_eq!(carts.get("web:ana").await?.items, ["tea"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none, `Corrupt`, `Unavailable`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn load<K>(&self, conversation: K) -> Result<Guard<S>>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        Ok(Guard::new(self.store.load_used(&conversation).await?))
    }

    /// Reads a session, as it is stored now. Reading writes nothing; at most it moves a sliding deadline.
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none, `Corrupt`, `Unavailable`.
    pub async fn get<K>(&self, conversation: K) -> Result<View<S>>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        Ok(View(Some(self.store.load_used(&conversation).await?)))
    }

    /// Whether a session is stored. Its value is not read.
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none, `Unavailable`.
    pub async fn contains<K>(&self, conversation: K) -> Result<bool>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        self.store.flush(&conversation).await?;
        read::exists(&self.store, &conversation).await
    }

    /// The conversations that have a session and whose text form begins with `prefix`: `telegram:` for those of
    /// one source, nothing for all.
    pub fn keys(&self, prefix: &str) -> Keys<S> {
        Keys::new(self.store.clone(), prefix)
    }

    /// Removes a session, with the logs inside it, even if it cannot be read. The next to load it gets the type's
    /// default. Tells whether there was one.
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none, `Unavailable`, and `Unknown` if the storage's answer was lost and
    /// cannot be found out.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session was removed wholly or not at all.
    pub async fn delete<K>(&self, conversation: K) -> Result<bool>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        remove::session(&self.store, &conversation).await
    }

    /// Removes every session whose conversation's text form begins with `prefix`, all of them if it is empty, and
    /// tells how many. Sessions made meanwhile may stay.
    ///
    /// # Errors
    /// As [`delete`](Self::delete). Those removed until then stay removed: call it again to go on.
    ///
    /// # Cancel safety
    /// If the future is dropped, some are removed, each wholly or not at all.
    pub async fn delete_all(&self, prefix: &str) -> Result<u64> {
        let mut keys = self.keys(prefix);
        let mut removed = 0;
        while let Some(page) = keys.page().await? {
            removed += remove::sessions(&self.store, &page.keys).await?;
            tracing::debug!(removed, prefix, "removing sessions");
        }
        Ok(removed)
    }

    /// Stores a session anew as it is, with every item of its logs: in today's version, through today's
    /// [codecs](Options::codec). For when an old key or an old migration is to be given up. Tells whether there was
    /// one.
    ///
    /// # Errors
    /// As [`update`](Self::update); `Invalid` if all of it is over the limit of a batch, 64 MiB.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session was stored anew wholly or not at all.
    pub async fn rewrite<K>(&self, conversation: K) -> Result<bool>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(Error::from)?;
        let mut conflicts = 0;
        loop {
            let mut loaded = self.store.load_whole(&conversation).await?;
            if !loaded.is_stored() {
                return Ok(false);
            }
            loaded.get_mut();
            if self.store_or_retry(loaded, &mut conflicts).await? {
                return Ok(true);
            }
        }
    }

    /// Commits what changed; `false` if somebody else wrote first, after a wait if that happened twice in a row.
    async fn store_or_retry(&self, mut loaded: Loaded<S>, conflicts: &mut u32) -> Result<bool> {
        match loaded.save().await {
            Ok(()) => {}
            Err(error) if error.kind() == Kind::Conflict => {
                drop(loaded);
                self.wait_after(conflicts).await;
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        let current = !loaded.is_cached() || self.store.is_current(&loaded).await?;
        if current {
            loaded.release();
        }
        Ok(current)
    }

    /// Somebody else wrote first: waits if that happened before.
    pub(super) async fn wait_after(&self, conflicts: &mut u32) {
        *conflicts += 1;
        if *conflicts > 1 {
            let clock = self.store.clock();
            clock.sleep(Duration::from_micros(1_000 + clock.random() % 9_000)).await;
        }
    }

    /// Waits until all that was saved is stored: to be called before the program ends, where the
    /// [mode](Options::mode) is fire-and-forget.
    ///
    /// # Errors
    /// What made saves fail, if it was not given by another call before; the first of several.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn flush(&self) -> Result<()> {
        self.store.flush_all().await
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
