//! A session as an argument of a handler.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::SessionType;
use super::slot::Slot;
use crate::bot::{Context, Declared, Extract};
use crate::session::{Loaded, State};
use crate::{Conversation, Result};

/// A session: the state of the update's conversation, or of whom [`SessionOptions`](super::SessionOptions) say.
/// Loaded when the handler takes it; written with the turn's batch if it was changed and the handler succeeds;
/// forgotten if the handler fails. Reading never marks it changed.
///
/// All sessions of a turn are in its one batch: they are written together or not at all. Taken as
/// `Option<Session<S>>` it is `None` where the update has no such session, such as a user's where no user is told.
///
/// It must be dropped before the handler returns, which happens by itself unless it is given away.
///
/// A turn that has effects, such as a reply, is committed only if the session is still what was loaded. A turn
/// without any checks nothing: where others write the same sessions too, it may have seen an older state.
///
/// Its own methods hide those of the same name of the state: `(*chat).set(..)` calls the state's.
///
/// ```
/// # use tertulia::bot::{Context, Session};
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct Chat { asked: Vec<String> }
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct User { language: Option<String> }
///
/// async fn ask(ctx: Context, mut chat: Session<Chat>, user: Option<Session<User>>) -> tertulia::bot::Result {
///     chat.asked.push(ctx.text().to_owned());
///     let language = user.as_ref().and_then(|user| user.language.as_deref());
///     ctx.reply(if language == Some("es") { "Anotado" } else { "Noted" }).await?;
///     Ok(())
/// }
/// # fn bot(bot: tertulia::bot::Bot) -> tertulia::bot::Bot { bot.on_message(ask) }
/// ```
pub struct Session<S: State> {
    /// `None` only while it is dropped.
    loaded: Option<Loaded<S>>,
    slot: Arc<Slot<S>>,
}

impl<S: State> Session<S> {
    pub(super) fn new(loaded: Loaded<S>, slot: Arc<Slot<S>>) -> Self {
        Self { loaded: Some(loaded), slot }
    }

    /// The session of `conversation`, if the turn has it already.
    pub(in crate::bot) fn again(ctx: &Context, conversation: &Conversation) -> Option<Result<Self>> {
        let slot = ctx.turn().enlisted(|slot: &Slot<S>| slot.conversation == *conversation)?;
        Some(slot.take())
    }

    /// A session that was just loaded.
    pub(in crate::bot) fn enlist(
        ctx: &Context,
        conversation: Conversation,
        loaded: Loaded<S>,
    ) -> Result<Self> {
        let slot = Arc::new(Slot::new(conversation));
        // Another may have loaded it at the same time.
        let is_same = |other: &Slot<S>| other.conversation == slot.conversation;
        match ctx.turn().enlist_once(Arc::clone(&slot), is_same)? {
            None => Ok(Self::new(loaded, slot)),
            Some(other) => {
                loaded.release();
                other.take()
            }
        }
    }

    /// Writes what was changed so far now, by itself: a boundary. It stays even if the handler fails afterwards,
    /// and the run after that sees it. Only this session is written; replies made before are not sent by it but
    /// with the turn, as ever.
    ///
    /// Use it before something that must not be done twice for the same state, and let the handler look at what a
    /// run before it has saved.
    ///
    /// ```
    /// # use tertulia::bot::{Context, Session};
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Order { paid: bool, reserved: bool }
    /// # async fn reserve() -> tertulia::Result<()> { Ok(()) }
    /// # async fn pay() -> tertulia::Result<()> { Ok(()) }
    /// async fn buy(mut order: Session<Order>) -> tertulia::bot::Result {
    ///     if !order.reserved {
    ///         reserve().await?;
    ///         order.reserved = true;
    ///         order.save().await?;
    ///     }
    ///     // If this fails, the next run does not reserve again.
    ///     pay().await?;
    ///     order.paid = true;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Conflict` if somebody else wrote first: nothing of the turn is committed, and the handler runs again,
    /// uncharged, whatever it makes of this error. `Invalid` if the value cannot be stored; `Unavailable`; `Unknown` if
    /// the storage's answer was lost and cannot be found out; `Closed` if the turn is over. After an error the value
    /// can still be read and is not written any more: the turn fails, whether the error is passed on or not.
    ///
    /// # Cancel safety
    /// If the future is dropped, the changes were written wholly or not at all, and the turn fails.
    pub async fn save(&mut self) -> Result<()> {
        self.slot.begin_save(self.loaded())?;
        let saved = self.loaded_mut().save().await;
        self.slot.end_save(&saved);
        saved
    }

    /// Removes the session with the turn, with the logs inside it: the value is the type's default from here on.
    /// Changing it afterwards makes it a session again.
    pub fn delete(&mut self) {
        self.loaded_mut().delete();
    }

    /// Replaces the value.
    pub fn set(&mut self, value: S) {
        self.loaded_mut().set(value);
    }

    /// Whether the session was stored when it was loaded or saved last; if not, it began as the type's default.
    pub fn is_stored(&self) -> bool {
        self.loaded().is_stored()
    }

    /// Whose session it is: the update's conversation unless [`SessionOptions`](super::SessionOptions) say otherwise.
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

impl<S: State> Deref for Session<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.loaded().get()
    }
}

impl<S: State> DerefMut for Session<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.loaded_mut().get_mut()
    }
}

impl<S: State + fmt::Debug> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<S: State> Drop for Session<S> {
    fn drop(&mut self) {
        self.slot.put_back(self.loaded.take().filter(|_| !std::thread::panicking()));
    }
}

impl<S: State> Extract for Session<S> {
    fn declare(declared: &mut Declared) {
        declared.session(SessionType::of::<S>());
    }

    async fn extract(ctx: &Context) -> Result<Self> {
        let (kept, update, about) = (ctx.kept()?, ctx.update(), ctx.turn().about());
        let conversation = kept.of(update, about)?.ok_or_else(|| kept.without_key(update, about))?;
        // Not a function of its own: its future would be moved, which costs more than all else here.
        match Self::again(ctx, &conversation) {
            Some(again) => again,
            None => {
                let loaded = kept.store.load(&conversation).await?;
                Self::enlist(ctx, conversation, loaded)
            }
        }
    }
}

impl<S: State> Extract for Option<Session<S>> {
    fn declare(declared: &mut Declared) {
        declared.session(SessionType::of::<S>());
    }

    async fn extract(ctx: &Context) -> Result<Self> {
        match ctx.kept::<S>()?.of(ctx.update(), ctx.turn().about())? {
            Some(conversation) => ctx.take(conversation).await.map(Some),
            None => Ok(None),
        }
    }
}
