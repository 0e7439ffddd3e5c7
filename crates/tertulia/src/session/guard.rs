//! A session held by a program without a bot: changed in place, saved when the program says so.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::loaded::Loaded;
use super::options::Unsaved;
use super::store::State;
use crate::{Conversation, Result};

/// A loaded session. It reads as the value it holds; changing it through the guard marks it touched, and
/// [`save`](Self::save) finds out what changed and writes that, or nothing.
///
/// Dropping a guard that was touched and not saved loses the change, which is most often a mistake: it is logged as
/// a warning with the session's key and [counted](super::Store::unsaved), and panics if the options
/// [say so](Unsaved::Panic). [`discard`](Self::discard) is how to mean it.
///
/// Its own methods hide those of the same name of the state: `(*chat).set(..)` calls the state's.
///
/// Others may load the same session meanwhile; whoever saves first wins, and the other gets a `Conflict`.
/// [`Sessions::update`](super::Sessions::update) tries again by itself.
#[must_use = "a session does nothing until it is read, changed or saved"]
pub struct Guard<S: State> {
    /// `None` only while it is dropped.
    loaded: Option<Loaded<S>>,
}

impl<S: State> Guard<S> {
    pub(super) fn new(loaded: Loaded<S>) -> Self {
        Self { loaded: Some(loaded) }
    }

    /// Writes what was changed since the session was loaded or saved last; nothing if nothing was. The guard can be
    /// used and saved again.
    ///
    /// # Errors
    /// `Conflict` if somebody else wrote first, `Invalid` if the value cannot be stored or is too large,
    /// `Unavailable`, and `Unknown` if the storage's answer was lost and cannot be found out. The value can still
    /// be read, and is not written any more: load the session again.
    ///
    /// # Cancel safety
    /// If the future is dropped, the change was written wholly or not at all, and the session must be loaded again.
    pub async fn save(&mut self) -> Result<()> {
        self.loaded_mut().save().await
    }

    /// Forgets what was changed.
    pub fn discard(mut self) {
        drop(self.loaded.take());
    }

    /// Removes the session, with the logs inside it. The next to load it gets the type's default.
    ///
    /// # Errors
    /// As [`save`](Self::save); `Conflict` if somebody else wrote since it was loaded.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session was removed wholly or not at all.
    pub async fn delete(mut self) -> Result<()> {
        let Some(mut loaded) = self.loaded.take() else { return Ok(()) };
        loaded.delete();
        loaded.save().await
    }

    /// Replaces the value.
    pub fn set(&mut self, value: S) {
        self.loaded_mut().set(value);
    }

    /// Whether the session is stored; if not, this began as the type's default.
    pub fn is_stored(&self) -> bool {
        self.loaded().is_stored()
    }

    /// Whose session it is.
    pub fn conversation(&self) -> &Conversation {
        self.loaded().conversation()
    }

    fn loaded(&self) -> &Loaded<S> {
        self.loaded.as_ref().expect("there until dropped")
    }

    fn loaded_mut(&mut self) -> &mut Loaded<S> {
        self.loaded.as_mut().expect("there until dropped")
    }
}

impl<S: State> Deref for Guard<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.loaded().get()
    }
}

impl<S: State> DerefMut for Guard<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.loaded_mut().get_mut()
    }
}

impl<S: State> Drop for Guard<S> {
    fn drop(&mut self) {
        let Some(loaded) = self.loaded.take() else { return };
        if !loaded.is_touched() {
            return loaded.release();
        }
        let (key, store) = (loaded.key(), loaded.store().clone());
        store.count_unsaved();
        tracing::warn!(%key, "a session was changed and neither saved nor discarded: the change is lost");
        if store.options().unsaved == Unsaved::Panic && !std::thread::panicking() {
            panic!("{key}: a session was changed and neither saved nor discarded");
        }
    }
}

impl<S: State + fmt::Debug> fmt::Debug for Guard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&**self).finish()
    }
}
