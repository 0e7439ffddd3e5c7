//! The session of an update's conversation, as an argument of a handler.

use std::any::TypeId;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::Mutex;

use super::data::Values;
use super::{Context, Declared, Extract};
use crate::error::Kind;
use crate::runner::Contribute;
use crate::session::{Loaded, State, Store};
use crate::storage::{Head, LogWrite, Storage};
use crate::{Clock, Conversation, Error, Result};

/// The state of a conversation. Loaded when the handler takes it; written with the turn's batch if it was changed
/// and the handler succeeds; forgotten if the handler fails. Reading never marks it changed.
///
/// It must be dropped before the handler returns, which happens by itself unless it is given away.
///
/// A turn that has effects, such as a reply, is committed only if the session is still what was loaded. A turn
/// without any checks nothing: where others write the same sessions too, it may have seen an older state.
pub struct Session<S: State> {
    /// `None` only while it is dropped.
    loaded: Option<Loaded<S>>,
    slot: Arc<Slot<S>>,
}

impl<S: State> Deref for Session<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.loaded.as_ref().expect("there until dropped").get()
    }
}

impl<S: State> DerefMut for Session<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.loaded.as_mut().expect("there until dropped").get_mut()
    }
}

impl<S: State + fmt::Debug> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<S: State> Drop for Session<S> {
    fn drop(&mut self) {
        let back = match self.loaded.take() {
            Some(loaded) if !std::thread::panicking() => Place::Back(loaded),
            _ => Place::Spoilt,
        };
        *self.slot.place.lock() = back;
    }
}

impl<S: State> Extract for Session<S> {
    fn declare(declared: &mut Declared) {
        declared.session(SessionType::of::<S>());
    }

    async fn extract(ctx: &Context) -> Result<Self> {
        let conversation = ctx.conversation().clone();
        if let Some(slot) = ctx.turn().enlisted(|slot: &Slot<S>| slot.conversation == conversation) {
            return Slot::take(&slot);
        }
        let store = ctx.shared().sessions.get::<Store<S>>().ok_or_else(|| {
            Error::invalid(format!("the session type `{}` was not declared", std::any::type_name::<S>()))
        })?;
        let loaded = store.load(&conversation).await?;
        let slot = Arc::new(Slot { place: Mutex::new(Place::Out), conversation });
        ctx.turn().enlist(Arc::clone(&slot) as _)?;
        Ok(Self { loaded: Some(loaded), slot })
    }
}

/// Where a turn keeps a session that a handler may hold.
struct Slot<S: State> {
    conversation: Conversation,
    place: Mutex<Place<S>>,
}

enum Place<S: State> {
    /// A handler holds it.
    Out,
    /// It came back.
    Back(Loaded<S>),
    /// It must not be used: whoever held it panicked, or the turn is over.
    Spoilt,
}

impl<S: State> Slot<S> {
    /// What came back, for the last time.
    fn close(&self) -> Place<S> {
        std::mem::replace(&mut *self.place.lock(), Place::Spoilt)
    }

    fn take(self: &Arc<Self>) -> Result<Session<S>> {
        let mut place = self.place.lock();
        match std::mem::replace(&mut *place, Place::Out) {
            Place::Back(loaded) => Ok(Session { loaded: Some(loaded), slot: Arc::clone(self) }),
            Place::Out => Err(Error::invalid(format!(
                "the session `{}` of {} was taken twice at once",
                std::any::type_name::<S>(),
                self.conversation
            ))),
            Place::Spoilt => {
                *place = Place::Spoilt;
                Err(Error::new(Kind::Closed, format!("the session of {} is spoilt", self.conversation)))
            }
        }
    }
}

impl<S: State> Contribute for Slot<S> {
    fn prepare(&self) -> Result<Vec<LogWrite>> {
        match &mut *self.place.lock() {
            Place::Back(loaded) => loaded.prepare(),
            Place::Out => Err(Error::invalid(format!(
                "a guard of the session `{}` of {} outlived its handler",
                std::any::type_name::<S>(),
                self.conversation
            ))),
            Place::Spoilt => Err(Error::invalid(format!(
                "the session `{}` of {} was held by something that panicked",
                std::any::type_name::<S>(),
                self.conversation
            ))),
        }
    }

    fn checks(&self) -> Vec<LogWrite> {
        match &*self.place.lock() {
            Place::Back(loaded) => loaded.checks(),
            Place::Out | Place::Spoilt => Vec::new(),
        }
    }

    fn committed(&self, heads: &[Option<Head>]) {
        if let Place::Back(loaded) = self.close() {
            loaded.committed(heads);
        }
    }

    fn released(&self) {
        if let Place::Back(loaded) = self.close() {
            loaded.release();
        }
    }
}

/// A session type that a handler takes, before the bot knows its name and its storage.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionType {
    pub(super) id: TypeId,
    /// For messages only: the name of a stored session is never made of it.
    pub(super) rust_name: &'static str,
    open: fn(&mut Values, Arc<dyn Storage>, Clock, &str) -> Result<()>,
}

impl SessionType {
    pub(super) fn of<S: State>() -> Self {
        Self {
            id: TypeId::of::<S>(),
            rust_name: std::any::type_name::<S>(),
            open: |stores, storage, clock, name| {
                stores.insert(Store::<S>::new(storage, clock, name)?);
                Ok(())
            },
        }
    }

    /// Opens the store of this type under its name.
    pub(super) fn open(
        &self,
        stores: &mut Values,
        storage: Arc<dyn Storage>,
        clock: Clock,
        name: &str,
    ) -> Result<()> {
        (self.open)(stores, storage, clock, name)
    }
}
