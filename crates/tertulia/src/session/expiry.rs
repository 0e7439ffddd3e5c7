//! When sessions expire.

use std::time::Duration;

use crate::Timestamp;
use crate::storage::Expire;

/// As good as never, and within what every storage can count.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Below this, every use moves a sliding deadline.
const SHORT: Duration = Duration::from_secs(60);

/// When a session is gone by itself, with the logs inside it, whether it is read again or not.
///
/// Deadlines are kept by the storage and its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Never. A session that had a deadline loses it with its next change.
    #[default]
    Never,
    /// So long after it was made, used or not. One that was made before there was a deadline counts from its next
    /// change.
    Absolute(Duration),
    /// So long after it was used last, and at most a quarter longer, so that not every use writes; below a minute to
    /// the point. A session that is in use does not expire. To be used is to be loaded by a handler, by
    /// [`load`](super::Sessions::load), [`get`](super::Sessions::get) or [`update`](super::Sessions::update).
    Sliding(Duration),
}

impl Expiry {
    /// What a write does to the deadline of a session that has `deadline`, if it is stored.
    pub(super) fn on_write(self, now: Timestamp, is_stored: bool, deadline: Option<Timestamp>) -> Expire {
        match self {
            Self::Never if deadline.is_some() => Expire::Never,
            Self::Never => Expire::Keep,
            Self::Absolute(life) if !is_stored || deadline.is_none() => Expire::After(life.min(LONGEST)),
            Self::Absolute(_) => Expire::Keep,
            Self::Sliding(_) => self.on_use(now, deadline).map_or(Expire::Keep, Expire::After),
        }
    }

    /// The new time to live of a stored session that is used now; `None` if it may keep its deadline.
    pub(super) fn on_use(self, now: Timestamp, deadline: Option<Timestamp>) -> Option<Duration> {
        let Self::Sliding(life) = self else { return None };
        let is_due = life < SHORT || deadline.is_none_or(|deadline| deadline.since(now) < life.min(LONGEST));
        self.longest().filter(|_| is_due)
    }

    /// The longest that is ever left of a session's life. A log inside that is new gets all of it, so that it is
    /// there as long as its session, however long commits take; its number is not met again.
    pub(super) fn longest(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Sliding(life) if life >= SHORT => Some(life.min(LONGEST) + life.min(LONGEST) / 4),
            Self::Absolute(life) | Self::Sliding(life) => Some(life.min(LONGEST)),
        }
    }

    /// When the deadline of a session that stays in use is to be moved.
    pub(super) fn renew_at(self, deadline: Timestamp) -> Option<Timestamp> {
        let Self::Sliding(life) = self else { return None };
        let half = u64::try_from(life.min(LONGEST).as_millis() / 2).unwrap_or(u64::MAX);
        Some(Timestamp(deadline.0.saturating_sub(half)))
    }
}
