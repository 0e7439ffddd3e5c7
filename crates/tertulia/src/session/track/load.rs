//! A version from what was stored of it.

use std::sync::Arc;

use bytes::Bytes;

use super::version::{Version, View};
use super::{Track, TrackHome};
use crate::session::log::{Home, Tail, read_tail};
use crate::session::read::log_numbers;
use crate::storage::{Page, Read};
use crate::{Error, Result};

impl Track {
    /// The version that `whole` and the changes after it lead to. Where it lies, the last items of its logs are read.
    ///
    /// # Errors
    /// `Corrupt` if that is not what was stored, or if a log of it is not there; `Gone` if items of one were trimmed that are
    /// among the last ones; `Unavailable`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn load(home: TrackHome, whole: &[u8], changes: &[Bytes]) -> Result<Self> {
        let loaded = match Version::read(whole, changes) {
            Ok(version) => Self::of_version(&home, version).await,
            Err(malformed) => Err(malformed.into()),
        };
        loaded.map_err(|error| home.context(error))
    }

    /// The version that these bytes are, in which logs are ordinary lists.
    ///
    /// # Errors
    /// `Corrupt` if they are no MessagePack, or have logs that are none.
    pub(crate) fn plain_of(state: &[u8]) -> Result<Self> {
        let logs = log_numbers(state)?;
        if !logs.is_empty() {
            return Err(Error::corrupt("the state has logs that are no lists"));
        }
        Ok(Self { state: state.to_vec(), ..Self::empty(TrackHome::plain()) })
    }

    async fn of_version(home: &TrackHome, version: Version) -> Result<Self> {
        let Version { next_log, views, state } = version;
        let logs = read_logs(home, views).await?;
        Ok(Self { state, next_log, logs, ..Self::empty(home.clone()) })
    }
}

/// The last items of logs, mostly in one round trip.
async fn read_logs(home: &TrackHome, views: Vec<View>) -> Result<Vec<Arc<Tail>>> {
    if views.is_empty() {
        return Ok(Vec::new());
    }
    let nowhere = || Error::corrupt("a state that is not stored has logs");
    let storage = home.storage().ok_or_else(nowhere)?;
    let homes: Vec<Home> = views.iter().filter_map(|view| home.of_log(view.number)).collect();
    let reads: Vec<Read> = homes.iter().map(|log| read_tail(log.key().clone(), home.tail())).collect();
    let pages = storage.read(&reads).await?;
    let mut logs = Vec::with_capacity(views.len());
    for ((view, log), page) in views.into_iter().zip(homes).zip(pages) {
        let View { number, start, end, runs } = view;
        let page = page?.and_then(Page::into_log);
        let page = page.ok_or_else(|| Error::corrupt(format!("its log {number} is not there")))?;
        logs.push(Arc::new(Tail::of_version((number, log), start..end, runs, page, home.tail()).await?));
    }
    Ok(logs)
}
