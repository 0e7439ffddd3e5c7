//! How a runner runs: its bounds and its patience.

use std::time::Duration;

/// The bounds of a runner. Every field has a default that suits a bot.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many updates run at once: 500. Those that wait for their turn hold no slot.
    pub concurrency: usize,
    /// How many updates the index in memory holds: 65,536. At the bound the sources wait.
    pub index_entries: usize,
    /// How many bytes of updates the index keeps: 64 MiB. Beyond, an update is read again when its turn comes.
    pub index_bytes: usize,
    /// How many updates wait for one key: 1,000, and 64 while less than a quarter of the index is free (if it
    /// has room for eight times as many). Beyond, an update that is pushed is refused as `Unavailable`, which
    /// has its source bring it again later; one that was asked for goes to `dead`.
    pub waiting: usize,
    /// How many bytes these have: 16 MiB, but for a single update.
    pub waiting_bytes: usize,
    /// How long a handler may run, counted from its first wait: 5 min. It is then dropped where it waits, which
    /// counts as a failure: nothing is written and its key goes on. `None`: for as long as it likes. See
    /// [`Turn::more_time`](super::Turn::more_time).
    pub time_limit: Option<Duration>,
    /// How long a handler runs until the watchdog warns of it: 60 s. It also warns when nothing ends though updates
    /// are ready.
    pub stalled: Duration,
    /// How often an update whose handler fails is run again before it is moved to `dead`: 3.
    pub retries: u16,
    /// How often the process stops while an update runs and no other does before that goes to `dead`: 3. (What is
    /// under way when a process stops for the second time in a row runs apart from everything else first.)
    pub stops: u8,
    /// What becomes of an update after the last try.
    pub after_retries: AfterRetries,
    /// The wait before the first of these: 1 s. It doubles each time, up to [`backoff_max`](Self::backoff_max),
    /// and a random quarter of it is added.
    pub backoff: Duration,
    /// The longest wait: 60 s.
    pub backoff_max: Duration,
    /// How many conversations have a call under way at once: 64.
    pub senders: usize,
    /// How many calls are known at once: 65,536. At the bound no update is run that could add any.
    pub calls: usize,
    /// How many bytes of bodies they have: 64 MiB. At the bound it is the same.
    pub call_bytes: usize,
    /// How long marks of what is done wait for a batch to ride on: 50 ms.
    pub linger: Duration,
}

/// What becomes of an update whose last try has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRetries {
    /// It goes to `dead`, and its key goes on.
    Bury,
    /// It stays where it is and holds back the updates behind it until it is let go.
    Park,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 500,
            index_entries: 65_536,
            index_bytes: 64 << 20,
            waiting: 1_000,
            waiting_bytes: 16 << 20,
            time_limit: Some(Duration::from_mins(5)),
            stalled: Duration::from_secs(60),
            retries: 3,
            stops: 3,
            after_retries: AfterRetries::Bury,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            senders: 64,
            calls: 65_536,
            call_bytes: 64 << 20,
            linger: Duration::from_millis(50),
        }
    }
}

impl Options {
    /// No wait is longer than this, whatever a record says: clocks differ and are set.
    pub(super) fn longest_backoff(&self) -> Duration {
        self.backoff_max.saturating_add(self.backoff_max / 4)
    }

    /// The wait before try number `attempt` (from 1), with `random` deciding the added quarter.
    pub(super) fn backoff(&self, attempt: u16, random: u64) -> Duration {
        let doubled = self.backoff.saturating_mul(1 << u32::from(attempt.clamp(1, 20) - 1));
        let wait = doubled.min(self.backoff_max);
        let quarter = u64::try_from(wait.as_millis() / 4).unwrap_or(u64::MAX).max(1);
        wait.saturating_add(Duration::from_millis(random % quarter))
    }
}
