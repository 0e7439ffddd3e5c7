//! What happens to an update that failed: it runs again after a wait, and after the last try it goes to `dead`.

use std::sync::Arc;
use std::time::Duration;

use super::About;
use super::Handler;
use super::core::Core;
use super::format::{DeadKind, DeadRecord, InboxRecord};
use super::index::Arrived;
use super::names::{DEAD, INBOX};
use super::riders::queue;
use super::worker::After;
use crate::error::Kind;
use crate::storage::{Append, Batch, CommitId, Revision, Write};
use crate::{Error, Result, Timestamp};

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
            body: body.clone(),
        };
        let mut writes = Vec::new();
        queue(&mut writes, arrived.shard, &INBOX).1.replace.push((
            arrived.offset,
            arrived.revision,
            record.encode(),
        ));
        let recorded = self.commit_once(writes).await;
        let revision = match recorded {
            Ok(()) => Revision(arrived.revision.0 + 1),
            Err(error) if error.kind() == Kind::Conflict => return After::Done,
            Err(error) => {
                tracing::warn!(%conversation, %error, "a failed try could not be recorded");
                arrived.revision
            }
        };
        let about = About { attempt: attempt.saturating_add(1), ..arrived.about.clone() };
        After::Again(Arc::new(Arrived { about, not_before, revision, ..arrived.copy() }), wait)
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
        let mut writes: Vec<Write> = Vec::new();
        queue(&mut writes, arrived.shard, &INBOX).1.remove.push((arrived.offset, Some(arrived.revision)));
        let append = Append { id: Some(update.clone()), bytes: record.encode() };
        queue(&mut writes, arrived.shard, &DEAD).1.append.push(append);
        writes.extend(self.handler.buried(&arrived.about).into_iter().map(Write::from));
        match self.commit_once(writes).await {
            Ok(()) => After::Done,
            Err(error) if error.kind() == Kind::Conflict => After::Done,
            Err(error) => self.postpone(arrived, &error),
        }
    }

    async fn commit_once(&self, writes: Vec<Write>) -> Result<()> {
        self.storage.commit(Batch::new(CommitId(self.clock.random()), writes)).await.map(drop)
    }
}

impl Arrived {
    /// A copy to be changed.
    pub(super) fn copy(&self) -> Self {
        Self {
            about: self.about.clone(),
            body_left_behind: false,
            not_before: Timestamp(0),
            shard: self.shard,
            incarnation: self.incarnation,
            offset: self.offset,
            revision: self.revision,
        }
    }
}
