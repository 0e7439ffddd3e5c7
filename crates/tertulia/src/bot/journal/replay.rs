//! Runs conversations again, as their journals tell them, on the handlers of a bot.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::SessionId;
use super::compare::compare;
use super::diff::diff;
use super::replayed::{Difference, Replayed, Skipped};
use super::sessions::Readers;
use super::stage::{Begun, Stage};
use crate::bot::router::Router;
use crate::runner::journal::{self, JournalRecord, Played};
use crate::storage::Storage;
use crate::{Clock, Conversation, Key, Result};

/// How long a handler may run that is run again.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs conversations again on a bot's handlers, made with [`Bot::replay`](crate::bot::Bot::replay).
pub struct Replay {
    router: Router,
    readers: Readers,
    /// Where the handlers find their sessions.
    stage: Stage,
    carries: bool,
    within: Duration,
}

impl Replay {
    pub(in crate::bot) fn new(router: Router, readers: Readers, stage: Stage) -> Self {
        Self { router, readers, stage, carries: false, within: LIMIT }
    }

    /// Has each turn find its sessions as the turns before it have left them here, not as they were. So it is told what
    /// would have become of the whole conversation, and one difference may be the cause of all that follow.
    #[must_use]
    pub fn carry(mut self) -> Self {
        self.carries = true;
        self
    }

    /// How long a handler may run: 60 s.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Runs every turn in the journal of `conversation` again, and compares. `source` is only read, and may be in use.
    ///
    /// # Errors
    /// `Corrupt` if the journal cannot be read; what the storage gives. What goes wrong in a handler is a difference.
    ///
    /// # Cancel safety
    /// Dropping the future loses what was found so far.
    pub async fn run<K>(&mut self, source: &dyn Storage, conversation: K) -> Result<Replayed>
    where
        K: TryInto<Conversation>,
        crate::Error: From<K::Error>,
    {
        let conversation = conversation.try_into().map_err(crate::Error::from)?;
        let (skipped, differences) = (Vec::new(), Vec::new());
        let mut replayed = Replayed { conversation, turns: 0, skipped, differences };
        let mut recorded = Stage::new(Clock::system());
        self.stage.clear().await?;
        let mut turns = journal::read(source, &replayed.conversation);
        // Logs that may not be what they were.
        let mut moved = BTreeSet::new();
        loop {
            let page = turns.more().await?;
            if page.is_empty() {
                return Ok(replayed);
            }
            for (number, record) in page {
                match self.turn(&mut recorded, &mut moved, &replayed.conversation, &record).await? {
                    Ok(differences) => {
                        replayed.turns += 1;
                        replayed.differences.extend(differences.into_iter().map(|found| (number, found)));
                    }
                    Err(skipped) => replayed.skipped.push((number, skipped)),
                }
            }
        }
    }

    async fn turn(
        &self,
        recorded: &mut Stage,
        moved: &mut BTreeSet<Key>,
        conversation: &Conversation,
        record: &JournalRecord,
    ) -> Result<Result<Vec<Difference>, Skipped>> {
        let Begun { is_known, changed } = recorded.begin(record).await?;
        moved.extend(changed);
        self.stage.copy(recorded, moved).await?;
        moved.clear();
        let ran = match record.too_large {
            Some(bytes) => Err(Skipped::TooLarge(bytes)),
            None if !is_known || !recorded.is_whole() => Err(Skipped::Unknown),
            None => {
                let clock = Clock::skipping(record.at, record.at.0);
                let storage = &self.stage.storage;
                let router = &self.router;
                Ok(journal::play(router, storage, clock, conversation, record, self.within).await?)
            }
        };
        recorded.end(record).await?;
        let written = record.writes.iter().map(|write| &write.key).filter(|key| SessionId::of(key).is_some());
        let played = match ran {
            Ok(played) => played,
            Err(skipped) => {
                moved.extend(written.cloned());
                return Ok(Err(skipped));
            }
        };
        if !self.carries {
            // What keeps its own history is in no journal, and is what the turns before have made of it here.
            moved.extend(written.clone().chain(&played.met).cloned());
        }
        let mut found = compare(record, &played);
        if played.failed.is_none() && !has_stopped(&played) {
            for session in SessionId::of_all(written.chain(&played.met)) {
                match self.session(recorded, session).await {
                    Ok(difference) => found.extend(difference),
                    Err(error) => return Ok(Err(Skipped::Unreadable(error.to_string()))),
                }
            }
        }
        Ok(Ok(found))
    }

    async fn session(&self, recorded: &Stage, session: SessionId) -> Result<Option<Difference>> {
        let was = self.readers.value(&recorded.storage, &session).await?;
        let is = self.readers.value(&self.stage.storage, &session).await?;
        let operations = diff(&was, &is);
        Ok((!operations.is_empty()).then_some(Difference::Session { session, operations }))
    }
}

/// Whether the handler did not come to its end.
fn has_stopped(played: &Played) -> bool {
    played.strayed.contains(&journal::Strayed::Stuck)
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("carries", &self.carries).finish_non_exhaustive()
    }
}
