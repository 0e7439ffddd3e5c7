//! What an action is called with, before its arguments are made of it.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use super::Step;
use super::runs::Grounded;
use crate::session::look::{self, Found};
use crate::session::track::Track;
use crate::{Error, Result};

/// What arguments of an action are taken from.
pub struct Parts<'a, S> {
    /// Where the state is.
    pub(super) cell: &'a Arc<Cell<S>>,
    /// The state itself, until it is taken.
    pub(super) value: &'a std::cell::Cell<Option<Box<S>>>,
    /// The state as it was before the step, encoded.
    pub(super) view: View<'a>,
    /// The inputs that the step was given.
    pub(super) inputs: &'a super::Inputs,
    pub(super) step: &'a Step,
    /// What all actions share.
    pub(super) data: &'a Values,
    /// What the caller gave the run.
    pub(super) given: &'a Values,
    pub(super) around: Around<'a>,
}

impl<S> Parts<'_, S> {
    /// What the caller gave the run that is a `T`, for arguments of other layers.
    pub(crate) fn given<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.given.get()
    }
}

/// What an action that runs others knows of the run it is in.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) runs: &'a dyn Grounded,
    /// The number that the first try of the step had.
    pub(super) invocation: u64,
    /// The number that the run was begun with; 0 if it is not kept.
    pub(super) birth: u64,
    pub(super) cause: &'a str,
}

impl<S> fmt::Debug for Parts<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("step", &self.step).finish_non_exhaustive()
    }
}

/// Where the state of a run is while an action runs: here, or with whoever has taken it.
#[derive(Debug)]
pub(super) struct Cell<S>(Mutex<Held<S>>);

#[derive(Debug)]
struct Held<S> {
    value: Option<Box<S>>,
    touched: bool,
}

impl<S> Cell<S> {
    pub(super) fn empty() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Held { value: None, touched: false })))
    }

    /// An action is about to run with this state.
    #[cfg(test)]
    pub(super) fn put_in(&self, value: Box<S>) {
        *self.0.lock() = Held { value: Some(value), touched: false };
    }

    /// Takes the state out; `None` if it is out.
    #[cfg(test)]
    pub(super) fn take(&self) -> Option<Box<S>> {
        self.0.lock().value.take()
    }

    /// Gives it back.
    pub(super) fn put_back(&self, value: Box<S>, touched: bool) {
        let mut held = self.0.lock();
        held.value = Some(value);
        held.touched |= touched;
    }

    /// Takes the state out, with whether it was touched since this was asked last.
    pub(super) fn end(&self) -> Option<(Box<S>, bool)> {
        let mut held = self.0.lock();
        let touched = std::mem::take(&mut held.touched);
        held.value.take().map(|value| (value, touched))
    }
}

/// The encoded state.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    bytes: &'a [u8],
    /// Where the items of logs inside are found.
    track: Option<&'a Track>,
}

impl<'a> View<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, track: None }
    }

    /// Of the state of a run, with its logs.
    pub(super) fn of(track: &'a Track) -> Self {
        Self { bytes: track.bytes(), track: Some(track) }
    }

    /// What is at `path`: names of fields, or indices of a list, with dots between them.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn look(&self, path: &str) -> Result<Found> {
        look::find(self.bytes, path)
    }

    /// Its fields, or some of them.
    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        if let Some(track) = self.track {
            return track.decode();
        }
        rmp_serde::from_slice(self.bytes).map_err(|e| {
            Error::invalid(format!("the state does not fit {}: {e}", std::any::type_name::<T>()))
        })
    }
}

/// Values by type.
#[derive(Clone, Default)]
pub(super) struct Values(std::collections::HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Values {
    pub(super) fn insert<T: Send + Sync + 'static>(&mut self, value: Arc<T>) {
        self.0.insert(TypeId::of::<T>(), value);
    }

    pub(super) fn contains(&self, id: TypeId) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>()).cloned().and_then(|value| value.downcast().ok())
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("types", &self.0.len()).finish()
    }
}
