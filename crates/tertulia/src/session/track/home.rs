//! Where a state that is followed lies: the log of its run, and the logs of the `Log`s inside it beside that.

use std::sync::Arc;

use crate::session::backing::Backing;
use crate::session::log::Home;
use crate::session::options::Options;
use crate::storage::Storage;
use crate::{Error, Key, Name, Result};

/// Where a state that is followed lies; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct TrackHome(Option<Stored>);

#[derive(Clone, Debug)]
struct Stored {
    backing: Arc<Backing>,
    key: Key,
    tail: usize,
}

/// More items than a log has.
const ALL: usize = 1 << 40;

impl TrackHome {
    /// Beside the log of a run with this key, in `storage`. Of the options count `log_tail` and `codecs`; the codecs are for
    /// the items of logs, what a run's own log holds is the caller's.
    ///
    /// # Errors
    /// `Invalid` if the key is not one of a log, or too long for the logs inside to have names.
    pub(crate) fn new(storage: Arc<dyn Storage>, options: &Options, key: Key) -> Result<Self> {
        let backing = Arc::new(Backing::new(storage, options));
        Self::checked(Stored { backing, key, tail: options.log_tail.max(1) })
    }

    /// The same for the run whose log has this key.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[cfg(test)]
    pub(crate) fn at(&self, key: Key) -> Result<Self> {
        match &self.0 {
            None => Ok(Self(None)),
            Some(stored) => Self::checked(Stored { key, ..stored.clone() }),
        }
    }

    fn checked(stored: Stored) -> Result<Self> {
        log_key(&stored.key, u64::MAX)?;
        Ok(Self(Some(stored)))
    }

    /// Nowhere: nothing is written, and logs are ordinary lists in the state.
    pub(crate) const fn plain() -> Self {
        Self(None)
    }

    /// The same, and all items of logs are loaded: for a state that is taken elsewhere.
    #[must_use]
    pub(crate) fn with_all_items(mut self) -> Self {
        self.0.iter_mut().for_each(|stored| stored.tail = ALL);
        self
    }

    /// The key of the log with this number inside the state; `None` if it lies nowhere.
    pub(crate) fn log_key(&self, number: u64) -> Option<Key> {
        self.0.as_ref().map(|stored| stored.log_key(number))
    }

    pub(super) fn is_plain(&self) -> bool {
        self.0.is_none()
    }

    /// How many of the last items of each log are kept with the state.
    pub(super) fn tail(&self) -> usize {
        self.0.as_ref().map_or(0, |stored| stored.tail)
    }

    /// The most bytes of a state, so that a snapshot of it is an entry. An eighth of that is left for where the items of logs
    /// lie, and for what the caller says beside it.
    pub(super) fn max_bytes(&self) -> usize {
        self.0.as_ref().map_or(usize::MAX, |stored| {
            let most = stored.backing.limits.entry_bytes;
            most - most / 8
        })
    }

    /// Where the log with this number lies; `None` if nowhere.
    pub(super) fn of_log(&self, number: u64) -> Option<Home> {
        let stored = self.0.as_ref()?;
        Some(Home::new(stored.backing.clone(), stored.log_key(number), None))
    }

    pub(super) fn storage(&self) -> Option<&dyn Storage> {
        self.0.as_ref().map(|stored| &*stored.backing.storage)
    }

    /// Says whose state it was.
    pub(super) fn context(&self, error: Error) -> Error {
        match &self.0 {
            None => error,
            Some(stored) => error.context(&stored.key),
        }
    }
}

impl Stored {
    fn log_key(&self, number: u64) -> Key {
        log_key(&self.key, number).expect("the longest one was checked")
    }
}

fn log_key(run: &Key, number: u64) -> Result<Key> {
    match run {
        Key::Log(conversation, name) => {
            Ok(Key::Log(conversation.clone(), Name::new(format!("{name}/log/{number}"))?))
        }
        _ => Err(Error::invalid(format!("{run} is not the key of a log"))),
    }
}
