//! What happens to an update that failed: it runs again after a wait, and after the last try it goes to `dead`.

use std::sync::Arc;
use std::time::Duration;

use super::commit::names_entry;
use super::core::Core;
use super::format::{DeadKind, DeadRecord, InboxRecord, Mark};
use super::index::Arrived;
use super::names::{DEAD, INBOX};
use super::panics::caught;
use super::riders::queue;
use super::worker::After;
use super::{About, Handler};
use crate::Error;
use crate::error::Kind;
use crate::storage::{Append, Batch, CommitId, Write};

impl<H: Handler> Core<H> {
    /// After a failed try: another one after a wait, or `dead`.
    pub(super) async fn fail(&self, arrived: &Arc<Arrived>, error: &anyhow::Error) -> After {
        // A storage that is away is not the update's fault, and is not charged.
        if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<Error>())
            && matches!(error.kind(), Kind::Unavailable | Kind::Unknown)
        {
            return self.postpone(arrived, error);
        }
        let About { attempt, conversation, .. } = &arrived.about;
        if *attempt > self.options.retries {
            return self.bury(arrived, &format!("{error:#}")).await;
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
        let not_before = self.clock.now().after(wait);
        let About { conversation, arrived: stamp, attempt, body, .. } = &arrived.about;
        let record = InboxRecord {
            conversation: conversation.clone(),
            arrived: *stamp,
            attempts: *attempt,
            not_before,
            mark: Mark::None,
            body: body.clone(),
        };
        let replace = (arrived.offset, arrived.revision, record.encode());
        let mut again = arrived.copy();
        again.about.attempt = attempt.saturating_add(1);
        let mut writes = Vec::new();
        queue(&mut writes, arrived.shard, &INBOX).replace.push(replace);
        match self.storage.commit(Batch::new(CommitId(self.clock.random()), writes)).await {
            Ok(_) => again.revision.0 += 1,
            Err(error) if error.kind() == Kind::Conflict => return self.look_again(arrived).await,
            Err(error) => {
                tracing::warn!(%conversation, %error, "a failed try could not be recorded");
                // Perhaps it was: whatever the entry is now is found when it is read again.
                if error.kind() != Kind::Unavailable {
                    again.leave_body_behind();
                }
            }
        }
        After::Again(Arc::new(again), wait)
    }

    /// Moves an update to `dead`, in the batch that removes it.
    pub(super) async fn bury(&self, arrived: &Arc<Arrived>, error: &str) -> After {
        let About { conversation, attempt, update, body, .. } = &arrived.about;
        tracing::error!(%conversation, ?update, attempt, error, "an update is given up and goes to dead");
        let record = DeadRecord {
            conversation: conversation.clone(),
            died: self.clock.now(),
            attempts: *attempt,
            what: DeadKind::Update,
            error: error.to_owned(),
            body: body.clone(),
        };
        let record = Append { id: Some(update.clone()), bytes: record.encode() };
        let mut told =
            caught("the handler", || self.handler.buried(&arrived.about)).unwrap_or_else(|error| {
                tracing::error!(%conversation, %error, "nobody is told of the dead update");
                Vec::new()
            });
        let mut wait = Duration::from_millis(20);
        loop {
            let mut writes: Vec<Write> = Vec::new();
            queue(&mut writes, arrived.shard, &INBOX).remove.push((arrived.offset, Some(arrived.revision)));
            queue(&mut writes, arrived.shard, &DEAD).append.push(record.clone());
            writes.extend(told.iter().cloned().map(Write::from));
            let batch = Batch::new(CommitId(self.clock.random()), writes);
            let error = match self.storage.commit(batch).await {
                Ok(_) => return After::Done,
                Err(error) => error,
            };
            match error.kind() {
                Kind::Conflict if names_entry(&error, arrived) => return self.look_again(arrived).await,
                // Perhaps it was applied: the same again is safe, since it removes the update by its revision.
                // The handler has had its tries, so that only the burial is tried again.
                Kind::Unknown | Kind::Timeout | Kind::Unavailable => {
                    tracing::warn!(%conversation, %error, "an update cannot be moved to dead, trying again");
                    self.clock.sleep(wait).await;
                }
                Kind::Closed => self.give_up(error).await,
                _ if told.is_empty() => return self.postpone(arrived, &error),
                _ => {
                    tracing::error!(%conversation, %error, "nobody is told of the dead update");
                    told = Vec::new();
                }
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }
}
