//! What happens to an update that failed: it runs again after a wait, and after the last try it goes to `dead` or is
//! parked.

use std::sync::Arc;
use std::time::Duration;

use super::commit::names_entry;
use super::core::Core;
use super::format::{Begun, DeadKind, DeadRecord, Mark};
use super::index::{Arrived, Verdict};
use super::names::{DEAD, INBOX};
use super::panics::caught;
use super::riders::queue;
use super::wait::NoAnswer;
use super::worker::After;
use super::{About, AfterRetries, CallOptions, Ending, Handler, once};
use crate::error::Kind;
use crate::storage::{Append, Batch, CommitId, LogWrite, Revision, Write};
use crate::{Error, Timestamp};

/// How often in a row a verdict is tried to be committed before the update gives its slot back for a while.
const TRIES: u32 = 5;

/// What became of a batch that ends or changes an update.
enum Settled {
    Committed(CommitId),
    /// Somebody else has ended or changed the update.
    Moved,
    /// Not now.
    Away(Error),
    /// Never.
    Refused(Error),
}

impl<H: Handler> Core<H> {
    /// After a failed try: another one after a wait, or what follows the last.
    pub(super) async fn fail(&self, arrived: &Arc<Arrived>, error: &anyhow::Error) -> After {
        self.meter.failed.increment(1);
        let ours = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
        match ours.map(Error::kind) {
            // A storage that is away or late is not the update's fault, and is not charged. (The handler's own time
            // limit is another error, and an answer that it waited for in vain says so.)
            Some(Kind::Timeout) if ours.is_some_and(|error| error.detail::<NoAnswer>().is_some()) => {}
            Some(Kind::Unavailable | Kind::Unknown | Kind::Timeout) => {
                return self.postpone(arrived, ours.expect("its kind was just asked"));
            }
            // Trying again would not help, and going on would leave behind what cannot be read.
            Some(Kind::Corrupt) => {
                return self.carry_out(arrived, &Arc::new(Verdict::Park(format!("{error:#}")))).await;
            }
            _ => {}
        }
        let About { attempt, conversation, .. } = &arrived.about;
        if *attempt > self.options.retries {
            let why = format!("{error:#}");
            let verdict = match self.options.after_retries {
                AfterRetries::Bury => Verdict::Bury(why),
                AfterRetries::Park => Verdict::Park(why),
            };
            return self.carry_out(arrived, &Arc::new(verdict)).await;
        }
        let wait = self.options.backoff(*attempt, self.clock.random());
        tracing::warn!(
            %conversation,
            attempt,
            error = format!("{error:#}"),
            "a handler failed, the update is run again in {} ms",
            wait.as_millis()
        );
        self.retry(arrived, wait).await
    }

    /// Puts an update off for a moment without counting a try.
    pub(super) fn postpone(&self, arrived: &Arc<Arrived>, error: &Error) -> After {
        let conversation = &arrived.about.conversation;
        tracing::warn!(%conversation, %error, "an update waits for the storage");
        After::Again(Arc::clone(arrived), self.options.backoff(1, self.clock.random()))
    }

    /// Records the failed try, so that a restart counts on, and puts the update off.
    async fn retry(&self, arrived: &Arc<Arrived>, wait: Duration) -> After {
        let mut again = Arrived::clone(arrived);
        again.about.attempt = again.about.attempt.saturating_add(1);
        // It has ended, however badly.
        (again.begun, again.marked) = (Begun::default(), false);
        let record = record(arrived, self.clock.now().after(wait), Mark::None);
        match self.settle(arrived, || replace(arrived, &record), 1).await {
            Settled::Committed(by) => again.revision = Revision(by),
            Settled::Moved => return self.look_again(arrived).await,
            Settled::Away(error) | Settled::Refused(error) => {
                let conversation = &arrived.about.conversation;
                tracing::warn!(%conversation, %error, "a failed try could not be recorded");
                // Perhaps it was: whatever the entry is now is found when it is read again.
                if error.kind() != Kind::Unavailable {
                    again.doubt();
                }
            }
        }
        After::Again(Arc::new(again), wait)
    }

    /// Ends an update that is not run any more, or parks it. If the storage does not take that now, the update gives
    /// its slot back and the verdict is carried out later.
    pub(super) async fn carry_out(&self, arrived: &Arc<Arrived>, verdict: &Arc<Verdict>) -> After {
        let ended = match &**verdict {
            Verdict::Bury(why) => self.bury(arrived, why).await,
            Verdict::Park(why) => self.park(arrived, why).await,
        };
        match ended {
            Ok(after) => after,
            Err(error) => {
                let conversation = &arrived.about.conversation;
                tracing::warn!(%conversation, %error, "an update that was given up cannot be put away, trying again");
                let mut again = Arrived::clone(arrived);
                again.verdict = Some(Arc::clone(verdict));
                if error.kind() != Kind::Unavailable {
                    again.doubt();
                }
                After::Again(Arc::new(again), Duration::from_secs(5))
            }
        }
    }

    /// Moves an update to `dead`, in the batch that removes it.
    async fn bury(&self, arrived: &Arc<Arrived>, error: &str) -> Result<After, Error> {
        let About { conversation, attempt, update, body, .. } = &arrived.about;
        tracing::error!(%conversation, ?update, attempt, error, "an update is given up and goes to dead");
        let record = DeadRecord {
            conversation: conversation.clone(),
            died: self.clock.now(),
            attempts: *attempt,
            what: DeadKind::Update,
            options: CallOptions::default(),
            error: error.to_owned(),
            body: body.clone(),
        };
        let record = Append { id: Some(update.clone()), bytes: record.encode() };
        self.handler.ending(&arrived.about, Ending::Buried).await;
        let answered = arrived.released().has_answered();
        let mut told = if answered { Vec::new() } else { self.told(&arrived.about) };
        let recorded = LogWrite::new(once::key(conversation, update)?).delete();
        loop {
            let writes = || {
                let mut writes: Vec<Write> = Vec::new();
                queue(&mut writes, arrived.shard, &INBOX).remove.push(arrived.removal());
                queue(&mut writes, arrived.shard, &DEAD).append.push(record.clone());
                writes.extend(told.iter().cloned().map(Write::from));
                writes.push(recorded.clone().into());
                writes
            };
            match self.settle(arrived, writes, TRIES).await {
                Settled::Committed(_) => {
                    self.meter.dead.increment(1);
                    return Ok(After::Done);
                }
                Settled::Moved => return Ok(self.look_again(arrived).await),
                Settled::Refused(error) if !told.is_empty() => {
                    tracing::error!(%conversation, %error, "nobody is told of the dead update");
                    told = Vec::new();
                }
                Settled::Away(error) | Settled::Refused(error) => return Err(error),
            }
        }
    }

    /// What the handler writes so that whoever waits for the answer to an update learns that it is given up.
    pub(super) fn told(&self, about: &About) -> Vec<LogWrite> {
        caught("the handler", || self.handler.buried(about)).unwrap_or_else(|error| {
            let conversation = &about.conversation;
            tracing::error!(%conversation, %error, "nobody is told of the dead update");
            Vec::new()
        })
    }

    /// Marks an update as one that is not run until it is let go.
    async fn park(&self, arrived: &Arc<Arrived>, why: &str) -> Result<After, Error> {
        let About { conversation, attempt, update, .. } = &arrived.about;
        tracing::error!(%conversation, ?update, attempt, error = why, "an update is parked, and holds back those behind it");
        let record = record(arrived, Timestamp(0), Mark::Parked(why.to_owned()));
        match self.settle(arrived, || replace(arrived, &record), TRIES).await {
            Settled::Committed(by) => {
                self.meter.parked.increment(1);
                let mut parked = Arrived::clone(arrived);
                parked.parked = true;
                parked.revision = Revision(by);
                (parked.begun, parked.marked, parked.verdict) = (Begun::default(), false, None);
                parked.leave_body_behind();
                Ok(After::Parked(Arc::new(parked)))
            }
            Settled::Moved => Ok(self.look_again(arrived).await),
            Settled::Away(error) | Settled::Refused(error) => Err(error),
        }
    }

    /// Commits what ends or changes an update. Perhaps a try that failed was applied: the same again is safe, since
    /// all of these expect the update's revision.
    async fn settle(&self, arrived: &Arrived, writes: impl Fn() -> Vec<Write>, tries: u32) -> Settled {
        let mut wait = Duration::from_millis(20);
        let mut tried = 1;
        loop {
            let id = CommitId(self.clock.random());
            let error = match self.storage.commit(Batch::new(id, writes())).await {
                Ok(_) => return Settled::Committed(id),
                Err(error) => error,
            };
            match error.kind() {
                Kind::Conflict if names_entry(&error, arrived) => return Settled::Moved,
                Kind::Unknown | Kind::Timeout | Kind::Unavailable if tried < tries => {
                    let conversation = &arrived.about.conversation;
                    tracing::warn!(%conversation, %error, "a failed update cannot be put away, trying again");
                    self.clock.sleep(wait).await;
                }
                Kind::Unknown | Kind::Timeout | Kind::Unavailable => return Settled::Away(error),
                Kind::Closed => self.give_up(error).await,
                _ => return Settled::Refused(error),
            }
            tried += 1;
            wait *= 2;
        }
    }
}

/// An update's entry as it is to be, all its tries counted.
fn record(arrived: &Arrived, not_before: Timestamp, mark: Mark) -> bytes::Bytes {
    arrived.record(arrived.about.attempt, not_before, mark).encode()
}

fn replace(arrived: &Arrived, record: &bytes::Bytes) -> Vec<Write> {
    let mut writes = Vec::new();
    let replace = (arrived.offset, arrived.revision, record.clone());
    queue(&mut writes, arrived.shard, &INBOX).replace.push(replace);
    writes
}
