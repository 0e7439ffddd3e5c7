//! The task that commits what one conversation has queued, and ends when nothing is left.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::super::{LogWrite, Read};
use super::Inner;
use super::join::Group;
use super::lane::Waiting;
use super::pending::{Failure, Left, Pending};
use crate::error::Kind;
use crate::{Conversation, Error, Result};

/// The wait after a first vain try; it doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Keeps the shared state alive, so that what is queued is written though nobody has a handle any more. Dropped
/// before it has ended, with its runtime or by a panic of the storage, it gives up what is queued.
#[derive(Debug)]
pub(super) struct Writer {
    inner: Arc<Inner>,
    conversation: Conversation,
    taken: VecDeque<Waiting>,
    /// On its way to the storage.
    group: Option<Group>,
    has_ended: bool,
}

impl Writer {
    pub(super) fn new(inner: Arc<Inner>, conversation: Conversation) -> Self {
        Self { inner, conversation, taken: VecDeque::new(), group: None, has_ended: false }
    }

    pub(super) async fn run(mut self) {
        self.next();
        while let Some(group) = &mut self.group {
            match commit(&self.inner, group).await {
                Ok(left) => {
                    self.committed(&left);
                    self.next();
                }
                Err(error) => {
                    self.has_ended = true;
                    let (failure, dropped) = self.fail(&error);
                    let conversation = &self.conversation;
                    tracing::error!(%conversation, error = %failure, dropped, "queued writes are lost");
                }
            }
        }
    }

    /// Puts together the next batch to commit: the first that waits, and those after it that can be joined with it.
    fn next(&mut self) {
        self.inner.lanes.lock().take(&self.conversation, &mut self.taken);
        let Some(first) = self.taken.pop_front() else {
            self.has_ended = true;
            return;
        };
        let group = self.group.insert(Group::of(first));
        while let Some(next) = self.taken.pop_front_if(|next| group.takes(next, &self.inner.limits)) {
            group.join(next);
        }
    }

    fn committed(&mut self, left: &Arc<[Left]>) {
        let Some(group) = self.group.take() else { return };
        self.inner.lanes.lock().committed(&self.conversation, &group, left);
        self.wake(&group.members);
    }

    fn fail(&mut self, error: &Error) -> (Failure, usize) {
        let group = self.group.take();
        let mut lanes = self.inner.lanes.lock();
        let (failure, dropped) = lanes.fail(&self.conversation, group, &mut self.taken, error);
        drop(lanes);
        self.wake(&dropped);
        (failure, dropped.len())
    }

    fn wake(&self, settled: &[Pending]) {
        self.inner.room.notify_one();
        settled.iter().for_each(Pending::wake);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let text = "the runtime ended, or the storage panicked, before the commit did";
        let (_, dropped) = self.fail(&Error::new(Kind::Unknown, text));
        self.inner.lanes.lock().abandoned += dropped;
    }
}

/// Commits a group, however often that has to be tried, and gives what it left.
async fn commit(inner: &Inner, group: &mut Group) -> Result<Arc<[Left]>> {
    if let Some(refused) = group.refused.take() {
        return Err(refused);
    }
    let mut wait = FIRST_WAIT;
    let mut retry = async |error: &Error| {
        let key = group.writes().next().map(|write| write.key.to_string());
        tracing::warn!(key, %error, "queued writes wait for the storage, trying again in {} ms", wait.as_millis());
        inner.clock.sleep(wait).await;
        wait = (wait * 2).min(LAST_WAIT);
    };
    // Whether an answer was lost, so that the batch may be there already.
    let mut in_doubt = false;
    let mut refused = None;
    loop {
        // A batch that moves nothing is safe to send again, and is asked after only when it is refused: by what it
        // deletes, it would look applied where there was nothing to delete.
        if in_doubt && (refused.is_some() || group.writes().any(LogWrite::moves)) {
            match look(inner, group).await {
                Ok(Some(left)) => return Ok(left),
                Ok(None) => {}
                Err(error) if is_passing(&error) => {
                    retry(&error).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        match inner.storage.commit(group.batch()).await {
            Ok(committed) => return Ok(group.left(&committed)),
            // A commit whose answer was lost may have come in after the look.
            Err(error) if error.kind() == Kind::Conflict && in_doubt => refused = Some(error),
            Err(error) if is_passing(&error) => {
                in_doubt |= error.kind() != Kind::Unavailable;
                retry(&error).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Unknown | Kind::Timeout)
}

/// Looks whether a commit whose answer was lost was applied, and what it left.
async fn look(inner: &Inner, group: &Group) -> Result<Option<Arc<[Left]>>> {
    let reads: Vec<Read> = group.writes().map(|LogWrite { key, .. }| Read::head(key.clone())).collect();
    Ok(group.found(&inner.storage.read(&reads).await?))
}
