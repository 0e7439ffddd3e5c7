//! Where a turn keeps a session that a handler may hold, and how it joins the turn's batch.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Session;
use crate::error::Kind;
use crate::runner::Contribute;
use crate::session::{Loaded, State};
use crate::storage::{BoxFuture, Head, LogWrite, Outcome};
use crate::{Conversation, Error, Result};

pub(super) struct Slot<S: State> {
    pub(super) conversation: Conversation,
    place: Mutex<Place<S>>,
    /// The expectations of what was loaded, once it was to be saved.
    saved: OnceLock<Vec<LogWrite>>,
}

enum Place<S: State> {
    /// A handler holds it.
    Out,
    /// It came back.
    Back(Loaded<S>),
    /// It must not be used.
    Spoilt(Spoilt),
}

/// Why a session must not be used.
enum Spoilt {
    /// Whoever held it panicked.
    Panicked,
    /// A save has begun. It stays so if the save is not awaited to its end.
    Saving,
    /// It could not be saved.
    Unsaved(Kind, String),
    /// The turn is over.
    Over,
}

impl<S: State> Slot<S> {
    /// Of a session that a handler is going to hold.
    pub(super) fn new(conversation: Conversation) -> Self {
        Self { conversation, place: Mutex::new(Place::Out), saved: OnceLock::new() }
    }

    /// Hands the session out again.
    ///
    /// # Errors
    /// `Invalid` if it is out, the kind of its spoiling if it is spoilt.
    pub(super) fn take(self: &Arc<Self>) -> Result<Session<S>> {
        let mut place = self.place.lock();
        match std::mem::replace(&mut *place, Place::Out) {
            Place::Back(loaded) => Ok(Session::new(loaded, Arc::clone(self))),
            Place::Out => Err(Error::invalid(format!("{} was taken twice at once", self.title()))),
            Place::Spoilt(why) => {
                let error = self.spoilt(&why);
                *place = Place::Spoilt(why);
                Err(error)
            }
        }
    }

    /// Takes the session back; none if whoever held it panicked.
    pub(super) fn put_back(&self, loaded: Option<Loaded<S>>) {
        let mut place = self.place.lock();
        if matches!(*place, Place::Out) {
            *place = loaded.map_or(Place::Spoilt(Spoilt::Panicked), Place::Back);
        }
    }

    /// Before a save: the session is spoilt until the save is known to have succeeded.
    ///
    /// # Errors
    /// The kind of its spoiling if it is spoilt already, `Closed` if the turn is over.
    pub(super) fn begin_save(self: &Arc<Self>, loaded: &Loaded<S>) -> Result<()> {
        // The other one is the turn's, which forgets its parts when it ends.
        if Arc::strong_count(self) == 1 {
            return Err(self.spoilt(&Spoilt::Over));
        }
        let mut place = self.place.lock();
        if let Place::Spoilt(why) = &*place {
            return Err(self.spoilt(why));
        }
        *place = Place::Spoilt(Spoilt::Saving);
        self.saved.get_or_init(|| loaded.checks());
        Ok(())
    }

    /// After a save.
    pub(super) fn end_save(&self, saved: &Result<()>) {
        *self.place.lock() = match saved {
            Ok(()) => Place::Out,
            Err(error) => Place::Spoilt(Spoilt::Unsaved(error.kind(), error.to_string())),
        };
    }

    /// What came back, for the last time.
    fn close(&self) -> Option<Loaded<S>> {
        match std::mem::replace(&mut *self.place.lock(), Place::Spoilt(Spoilt::Over)) {
            Place::Back(loaded) => Some(loaded),
            Place::Out | Place::Spoilt(_) => None,
        }
    }

    fn spoilt(&self, why: &Spoilt) -> Error {
        let title = self.title();
        match why {
            Spoilt::Panicked => Error::invalid(format!("{title} was held by something that panicked")),
            Spoilt::Saving => Error::invalid(format!("a save of {title} was not awaited to its end")),
            Spoilt::Unsaved(kind, text) => Error::new(*kind, format!("{title} could not be saved: {text}")),
            Spoilt::Over => Error::new(Kind::Closed, format!("the turn that took {title} is over")),
        }
    }

    fn title(&self) -> String {
        format!("the session `{}` of {}", std::any::type_name::<S>(), self.conversation)
    }
}

impl<S: State> Contribute for Slot<S> {
    fn ready(&self) -> Option<BoxFuture<'_, Result<()>>> {
        let Place::Back(loaded) = &*self.place.lock() else { return None };
        let (pending, store) = (loaded.pending()?.clone(), loaded.store().clone());
        Some(Box::pin(async move {
            match pending.settled().await {
                Outcome::Failed(failure) => {
                    // It is told here, and to nobody else.
                    let _ = store.flush(&self.conversation).await;
                    Err(failure.into())
                }
                Outcome::Queued | Outcome::Committed => Ok(()),
            }
        }))
    }

    fn prepare(&self) -> Result<Vec<LogWrite>> {
        match &mut *self.place.lock() {
            Place::Back(loaded) => loaded.prepare(),
            Place::Out => Err(Error::invalid(format!("a guard of {} outlived its handler", self.title()))),
            Place::Spoilt(why) => Err(self.spoilt(why)),
        }
    }

    fn checks(&self) -> Vec<LogWrite> {
        match &*self.place.lock() {
            Place::Back(loaded) => loaded.checks(),
            Place::Out | Place::Spoilt(_) => Vec::new(),
        }
    }

    fn committed(&self, heads: &[Option<Head>]) {
        if let Some(loaded) = self.close() {
            loaded.committed(heads);
        }
    }

    fn released(&self) {
        if let Some(loaded) = self.close() {
            loaded.release();
        }
    }

    fn saved(&self) -> Option<&[LogWrite]> {
        self.saved.get().map(Vec::as_slice)
    }

    fn outdated(&self) -> bool {
        matches!(&*self.place.lock(), Place::Spoilt(Spoilt::Unsaved(Kind::Conflict, _)))
    }
}
