//! A state that is followed from version to version, each of which can be had again: the state of a run.
//!
//! A session writes what changed onto a base and forgets what was before. Of a run every checkpoint's state is kept, and they
//! are a tree: after going back, other branches are still there. So the items of a [`Log`](crate::Log) inside the state are
//! never written over or trimmed, and each version knows where its own lie. What a version is written as, whole or as a
//! change, is the caller's to store; only the records of logs are written as said here, in the same batch.

mod change;
mod home;
mod keys;
mod load;
mod needs;
#[cfg(test)]
mod tests;
mod version;

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

pub(crate) use self::change::Change;
pub(crate) use self::home::TrackHome;
pub(crate) use self::needs::Needs;
use self::version::{Version, View};
use super::log::{self, Tail};
use super::msgpack::encoding;
use super::msgpack::patch::Tree;
use super::store::State;
use crate::{Error, Key, Result};

/// A state, as the version that was accepted last.
pub(crate) struct Track {
    home: TrackHome,
    /// MessagePack with field names, logs as extensions; empty before the first version.
    state: Vec<u8>,
    next_log: u64,
    /// Where the items of the logs lie, and the last of them.
    logs: Vec<Arc<Tail>>,
    /// Where the next version is encoded, and what is stored of it.
    spare: Vec<u8>,
    spare_record: Vec<u8>,
}

impl Track {
    /// Follows a value that is not stored. The change is one from nothing: what is to be stored of it is
    /// [`Change::whole`].
    ///
    /// # Errors
    /// `Invalid` if the value cannot be encoded, cannot be read back, or has too many bytes.
    pub(crate) fn begin<S: State>(home: TrackHome, value: &S) -> Result<(Self, Change)> {
        let mut track = Self::empty(home);
        let change = track.first(value).map_err(|error| track.home.context(error))?;
        Ok((track, change))
    }

    /// Before the first version.
    fn empty(home: TrackHome) -> Self {
        let (state, logs, spare, spare_record) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { home, state, next_log: 1, logs, spare, spare_record }
    }

    /// Follows a value that is stored nowhere, or by somebody else, as bytes in which logs are ordinary lists.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    #[cfg(test)]
    pub(crate) fn plain<S: State>(value: &S) -> Result<(Self, Change)> {
        Self::begin(TrackHome::plain(), value)
    }

    /// Compares a value with the version that was accepted last; `None` if it is the same. The value must come from that
    /// version, by [`begin`](Self::begin), [`value`](Self::value), or by an accepted change.
    ///
    /// If the change is not accepted, or if this fails, the value must be dropped: [`value`](Self::value) gives it anew.
    /// In one that goes on all the same, logs count as copies, which cannot be stored if items are not loaded.
    ///
    /// # Errors
    /// `Invalid` if the value cannot be encoded or has too many bytes.
    pub(crate) fn compare<S: State>(&mut self, value: &S) -> Result<Option<Change>> {
        self.next(value, true).map_err(|error| self.home.context(error))
    }

    /// The same for a version that is stored nowhere: what makes the one of the other is not looked for, so [`Change::record`] must
    /// not be asked for.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub(crate) fn compare_only<S: State>(&mut self, value: &S) -> Result<Option<Change>> {
        self.next(value, false).map_err(|error| self.home.context(error))
    }

    /// The change is stored, or queued: the version that it leads to is the last one from here on.
    pub(crate) fn accept(&mut self, change: Change) {
        let Change { state, record, patch, next_log, logs } = change;
        (self.next_log, self.spare_record) = (next_log, record);
        self.spare = if patch.is_none() { state } else { std::mem::replace(&mut self.state, state) };
        if logs.is_empty() && self.logs.is_empty() {
            return;
        }
        let mut before = std::mem::take(&mut self.logs);
        for (place, moved) in logs {
            let known = before.iter().position(|tail| tail.place.number == place.number);
            let mut tail = match known {
                Some(known) => before.swap_remove(known),
                None => Arc::new(Tail::before_first(place.number)),
            };
            if let Some(moved) = moved {
                Arc::make_mut(&mut tail).advance(&place, moved, self.home.tail());
            }
            self.logs.push(tail);
        }
    }

    /// The last accepted version as a value, from memory alone: to go on with, after a failure or a load. Of each log it has
    /// the items that are kept here, as few as the last ones of `log_tail`, or fewer after many were taken away.
    ///
    /// There may be several values of a version; the first one whose change is accepted is the one to go on with.
    ///
    /// # Errors
    /// `Corrupt` if what is stored does not fit the type.
    pub(crate) fn value<S: State>(&self) -> Result<S> {
        self.read().map_err(|e| {
            let text = format!("what is stored does not fit its type: {e}");
            self.home.context(Error::corrupt(text).with_source(e))
        })
    }

    /// The last accepted version as another type with some of its fields, logs among them.
    ///
    /// # Errors
    /// `Invalid` if the state does not fit the type.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        self.read().map_err(|e| {
            let text = format!("the state does not fit what is read of it: {e}");
            self.home.context(Error::invalid(text).with_source(e))
        })
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, rmp_serde::decode::Error> {
        if self.home.is_plain() {
            return encoding::decode(&self.state);
        }
        log::decode(&self.state, self.logs.clone())
    }

    /// The last accepted version as MessagePack with field names; a log is an extension.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.state
    }

    /// The last accepted version, to be stored whole. The items of logs are not in it.
    pub(crate) fn whole(&self) -> Vec<u8> {
        Version::encode(self.next_log, &self.views(), &self.state)
    }

    fn views(&self) -> Vec<View> {
        self.logs.iter().map(|tail| view(tail)).collect()
    }

    /// The keys of the logs that the last accepted version has.
    pub(crate) fn log_keys(&self) -> impl Iterator<Item = Key> {
        self.logs.iter().filter_map(|tail| self.home.log_key(tail.place.number))
    }

    /// Other branches have given numbers to logs, up to before this one, as [`next_log_of`](Self::next_log_of) tells of the
    /// checkpoint that was written last. To be said after a load that goes back.
    pub(crate) fn reserve_logs(&mut self, next_log: u64) {
        self.next_log = self.next_log.max(next_log);
    }

    /// The number that the next log gets after what was written, whole or as a change.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn next_log_of(written: &[u8]) -> Result<u64> {
        Ok(version::next_log(written)?)
    }

    /// Whether the value has many more items of a log loaded than are kept here, so that a new one should take its place.
    pub(crate) fn is_overgrown(&self) -> bool {
        let most = self.home.tail().saturating_mul(4).saturating_add(1_024);
        self.logs.iter().any(|tail| tail.place.loaded().0 > most)
    }
}

/// A version's bytes after a patch; an empty one changes nothing.
///
/// # Errors
/// `Corrupt` if the patch does not fit the bytes.
pub(crate) fn patched(bytes: &[u8], patch: &[u8]) -> Result<Vec<u8>> {
    let mut tree = Tree::Raw(bytes);
    if !patch.is_empty() {
        tree.apply(patch)?;
    }
    let mut out = Vec::with_capacity(bytes.len() + patch.len());
    tree.write(&mut out);
    Ok(out)
}

/// What a version knows of a log of which these are the last items.
fn view(tail: &Tail) -> View {
    View { number: tail.place.number, start: tail.start, end: tail.end(), runs: tail.place.runs() }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Track")
            .field("home", &self.home)
            .field("bytes", &self.state.len())
            .finish_non_exhaustive()
    }
}
