//! A queued batch as its maker sees it: what it builds on, what becomes of it, and what it leaves behind.

use std::fmt;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;
use tokio::sync::Notify;

use super::super::{CommitId, Expect, LogHead, LogWrite};
use crate::error::Kind;
use crate::{Error, Key, Result};

/// A write to queue, and what it builds on.
#[derive(Clone, Debug)]
pub struct Queued {
    /// The write, to a log of the conversation that it is queued for.
    pub write: LogWrite,
    /// The batch whose result for this log the write was made from. Once that batch is committed, what the write
    /// expects is replaced by what the batch left: an `Etag` by the log's etag, an `End` by its incarnation and
    /// end, an `Incarnation` by its incarnation; the numbers in it do not matter. `Any` and `Absent` stay.
    ///
    /// Without it the write's own expectation stands.
    pub after: Option<Pending>,
}

/// A queued batch. Cheap to clone; clones are one batch.
#[derive(Clone)]
pub struct Pending(Arc<Shared>);

struct Shared {
    id: CommitId,
    place: Place,
    keys: SmallVec<[Key; 1]>,
    /// Written once, under the lock of the queue's state, when the batch leaves the queue.
    settled: OnceLock<Settled>,
    /// Woken after that.
    woken: Notify,
}

/// Where a batch stands: in which queue, and its number there, which grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) queue: u64,
    pub(super) number: u64,
}

/// How a batch ended.
#[derive(Debug)]
pub(super) enum Settled {
    /// It was committed, perhaps joined with others, and this is what they left.
    Committed(Arc<[Left]>),
    Failed(Failure),
}

/// What a commit left of a log.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) key: Key,
    /// `None` if there is no such log.
    pub(super) head: Option<LogHead>,
    /// The last of the joined batches that moved the log, by its number; 0 if none did. A write that was made
    /// from the result of an earlier one does not fit this head.
    pub(super) moved_by: u64,
    /// Whether this is what the commit left. After an answer was lost it may be what somebody else wrote later.
    pub(super) is_ours: bool,
}

/// What became of a queued batch.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is queued, or on its way.
    Queued,
    /// It was applied, whole.
    Committed,
    /// It was given up.
    Failed(Failure),
}

/// Why queued batches were given up: the kind and the text of the first error. Cheap to clone.
#[derive(Clone)]
pub struct Failure(Arc<(Kind, String)>);

impl Pending {
    pub(super) fn new(id: CommitId, place: Place, keys: SmallVec<[Key; 1]>) -> Self {
        let (settled, woken) = (OnceLock::new(), Notify::new());
        Self(Arc::new(Shared { id, place, keys, settled, woken }))
    }

    /// The id that a log which this batch creates has as its incarnation. The etag of what it writes has it too,
    /// unless the batch is joined with one before it.
    pub fn commit_id(&self) -> CommitId {
        self.0.id
    }

    /// What became of it so far.
    pub fn outcome(&self) -> Outcome {
        match self.0.settled.get() {
            None => Outcome::Queued,
            Some(Settled::Committed(_)) => Outcome::Committed,
            Some(Settled::Failed(failure)) => Outcome::Failed(failure.clone()),
        }
    }

    /// Waits until it is no longer queued, and tells what became of it: never [`Outcome::Queued`].
    ///
    /// # Cancel safety
    /// May be dropped at any time; the batch goes on.
    pub async fn settled(&self) -> Outcome {
        loop {
            // Made before the look, so that no wake is missed.
            let woken = self.0.woken.notified();
            match self.outcome() {
                Outcome::Queued => woken.await,
                outcome => return outcome,
            }
        }
    }

    /// The head that this batch left of a log, once it is committed. `None` before that, if it did not write the
    /// log, if there is no log, and if a later batch that was joined with this one, or somebody else after a lost
    /// answer, has moved the log since: then the head is not that of what this batch wrote.
    pub fn head(&self, key: &Key) -> Option<LogHead> {
        self.left(key)?.head
    }

    fn left(&self, key: &Key) -> Option<&Left> {
        match self.0.settled.get()? {
            Settled::Committed(left) => left
                .iter()
                .find(|left| left.key == *key)
                .filter(|left| left.is_ours && left.moved_by <= self.place().number),
            Settled::Failed(_) => None,
        }
    }

    /// Whether it writes this log, or expects something of it.
    pub(crate) fn writes(&self, key: &Key) -> bool {
        self.keys().contains(key)
    }

    pub(super) fn place(&self) -> Place {
        self.0.place
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.0.keys
    }

    /// Called once.
    pub(super) fn settle(&self, settled: Settled) {
        let first = self.0.settled.set(settled).is_ok();
        debug_assert!(first, "a batch leaves the queue once");
    }

    pub(super) fn wake(&self) {
        self.0.woken.notify_waiters();
    }

    /// What a write that builds on this committed batch expects, and the head that there is then if it holds.
    ///
    /// # Errors
    /// `Conflict` if what this batch left is not there any more, or is not what the write was made from.
    pub(super) fn expectation(&self, write: &LogWrite) -> Result<(Expect, Option<LogHead>)> {
        let key = &write.key;
        let conflict = |what| Error::new(Kind::Conflict, format!("{key}: {what}"));
        let head = || {
            let left =
                self.left(key).ok_or_else(|| conflict("it was written since the batch this builds on"))?;
            left.head.ok_or_else(|| conflict("the log that this builds on is gone"))
        };
        let (expect, head) = match write.expect {
            // The storage finds out whether these hold, and others may have appended.
            Expect::Any | Expect::Absent => return Ok((write.expect, None)),
            Expect::Incarnation(_) => return Ok((Expect::Incarnation(head()?.incarnation), None)),
            Expect::Etag(_) => head().map(|head| (Expect::Etag(head.etag), head))?,
            Expect::End(..) => head().map(|head| (Expect::End(head.incarnation, head.end), head))?,
        };
        Ok((expect, Some(head)))
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("id", &self.0.id).field("outcome", &self.outcome()).finish()
    }
}

impl Failure {
    pub(super) fn new(kind: Kind, text: String) -> Self {
        Self(Arc::new((kind, text)))
    }

    /// The kind of the error.
    pub fn kind(&self) -> Kind {
        self.0.0
    }

    /// Whether both are of one and the same failing.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind(), failure.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.1)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("kind", &self.kind()).field("text", &self.0.1).finish()
    }
}
