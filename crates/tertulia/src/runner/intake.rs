//! The way in for those who bring updates: asks the inbox to keep them, and tells when it has.

use tokio::sync::{mpsc, oneshot};

use super::format::RESERVED;
use super::{About, Incoming, Notice};
use crate::error::Kind;
use crate::storage::{LogWrite, Storage};
use crate::{Error, Result, Shard};

/// The most updates of one request.
const MAX_UPDATES: usize = 200;
/// How many callers may wait for the inbox before the next one waits to ask.
const WAITING: usize = 256;

/// Puts updates into the inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    requests: mpsc::Sender<Request>,
    body_bytes: usize,
}

/// What became of an update that was put into the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is in the inbox, as durable as the storage promises.
    Accepted,
    /// It was put there before, within the last 48 hours.
    Seen,
}

/// What the inbox is asked to do.
#[derive(Debug)]
pub(super) enum Request {
    /// To keep updates.
    Keep(Updates),
    /// To take notice of something, and to tell when it has.
    Look(Notice, oneshot::Sender<()>),
    /// To read the inbox of a shard from its beginning: the storage has lost some of it.
    Anew(Shard),
    /// What the handler writes for an update that is given up.
    Buried(About, oneshot::Sender<Vec<LogWrite>>),
}

/// Updates to put into the inbox, and whom to tell.
#[derive(Debug)]
pub(super) struct Updates {
    pub(super) updates: Vec<Incoming>,
    /// What became of the updates that were before these.
    pub(super) receipts: Vec<Receipt>,
    pub(super) overflow: Overflow,
    pub(super) answer: oneshot::Sender<Result<Vec<Receipt>>>,
}

impl Updates {
    /// All updates are in.
    pub(super) fn accept(self) {
        // Whoever asked may have stopped waiting; the updates are in all the same.
        let _ = self.answer.send(Ok(self.receipts));
    }

    pub(super) fn refuse(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }
}

/// What becomes of an update for whose key too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// It is refused: whoever brought it can bring it again later.
    Refuse,
    /// It goes to `dead`: its source gives nothing else before this is kept.
    Bury,
}

impl Intake {
    pub(super) fn new(storage: &dyn Storage) -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(WAITING);
        let body_bytes = storage.properties().limits.entry_bytes.saturating_sub(RESERVED);
        (Self { requests, body_bytes }, receiver)
    }

    /// A way to the inbox that does not keep it open.
    pub(super) fn requests(&self) -> mpsc::WeakSender<Request> {
        self.requests.downgrade()
    }

    /// Whether the runner takes no more updates: it is stopping, or gone.
    pub fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    /// Puts an update into the inbox. When this returns, the source may be told.
    ///
    /// # Errors
    /// `Invalid` if the update is larger than an entry may be; `Unavailable` if too many updates wait for one of its
    /// keys, or its shard's inbox is full; `Closed` if the runner is stopping. While the storage cannot be reached or
    /// the index is full, this waits.
    ///
    /// # Cancel safety
    /// If dropped, the update may be in the inbox or not; putting it there again is answered as seen.
    pub async fn submit(&self, update: Incoming) -> Result<Receipt> {
        let receipts = self.submit_all(vec![update]).await?;
        receipts.first().copied().ok_or_else(|| Error::internal("the inbox gave no receipt"))
    }

    /// Puts updates into the inbox, in this order.
    ///
    /// # Errors
    /// As [`submit`](Self::submit); some of them may be in the inbox all the same.
    ///
    /// # Cancel safety
    /// As [`submit`](Self::submit).
    pub async fn submit_all(&self, updates: Vec<Incoming>) -> Result<Vec<Receipt>> {
        self.send(updates, Overflow::Refuse).await
    }

    /// Puts updates into the inbox that were asked for: none is refused for being one of too many.
    pub(super) async fn submit_fetched(&self, updates: Vec<Incoming>) -> Result<Vec<Receipt>> {
        self.send(updates, Overflow::Bury).await
    }

    async fn send(&self, mut updates: Vec<Incoming>, overflow: Overflow) -> Result<Vec<Receipt>> {
        if let Some(large) = updates.iter().find(|update| update.body.len() > self.body_bytes) {
            return Err(Error::invalid(format!(
                "an update of {} has {} bytes, at most {} are allowed",
                large.conversation,
                large.body.len(),
                self.body_bytes
            )));
        }
        let mut receipts = Vec::with_capacity(updates.len());
        while !updates.is_empty() {
            let rest = updates.split_off(updates.len().min(MAX_UPDATES));
            let (answer, answered) = oneshot::channel();
            let request = Updates { updates, receipts: Vec::new(), overflow, answer };
            self.requests.send(Request::Keep(request)).await.map_err(|_| closed())?;
            receipts.extend(answered.await.map_err(|_| closed())??);
            updates = rest;
        }
        Ok(receipts)
    }

    /// Has the runner look at what was changed in its queues behind its back, and resolves when it has: what may run
    /// now is known to it. While the storage cannot be reached, this waits.
    ///
    /// # Errors
    /// `Closed` if the runner is stopping: the next start finds it.
    ///
    /// # Cancel safety
    /// If dropped, the runner may look or not.
    pub async fn look(&self, notice: Notice) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Look(notice, answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
    }

    /// What the handler [writes](super::Handler::buried) for an update that is given up by somebody else.
    ///
    /// # Errors
    /// `Closed` if the runner is stopping.
    pub(super) async fn buried(&self, about: About) -> Result<Vec<LogWrite>> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Buried(about, answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
    }
}

fn closed() -> Error {
    Error::new(Kind::Closed, "the runner is stopping and takes no updates")
}
