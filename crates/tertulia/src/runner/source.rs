//! Where updates come from and where calls go: the two traits that a platform implements.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::Ticket;
use crate::storage::{BoxFuture, ItemId};
use crate::{Conversation, Result};

/// An update as its source gives it, before anything is decoded but where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Told from the raw update alone: the chat, else the user, else the update itself.
    pub conversation: Conversation,
    /// The source's own id of the update: the same update given again has the same id.
    pub id: ItemId,
    /// The raw update.
    pub body: Bytes,
    /// Why this cannot be an update; it then goes to `dead` instead of the inbox.
    pub fault: Option<String>,
}

/// A source that is asked for updates, such as long polling.
///
/// The runner fetches, puts the whole batch into the inbox, and only then fetches again; so a source may take a
/// call to [`fetch`](Self::fetch) as the confirmation of all that earlier calls gave.
pub trait Source: fmt::Debug + Send + 'static {
    /// Waits for updates, at most `limit` of them; may give none.
    ///
    /// # Errors
    /// `Unavailable` and `Timeout` are tried again with backoff; any other kind stops the runner.
    ///
    /// # Cancel safety
    /// The runner drops the future to stop. What it had received is given again by a later call or process.
    fn fetch(&mut self, limit: usize) -> BoxFuture<'_, Result<Vec<Incoming>>>;

    /// Tells the source that everything fetched so far is kept. Called once, when the runner stops.
    ///
    /// # Errors
    /// Any; it is only logged, since what is not confirmed is given again and recognised.
    fn confirm(&mut self) -> BoxFuture<'_, Result<()>>;
}

/// A call to make, from the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where it belongs.
    pub conversation: Conversation,
    /// Which turn made it.
    pub ticket: Ticket,
    /// The call as its adapter encoded it.
    pub body: Bytes,
}

/// Makes one call of the outbox. The runner calls it in order per conversation.
pub trait Sender: fmt::Debug + Send + Sync + 'static {
    /// Makes the call, and gives the id that the platform gave the message, or an empty text.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout` and `Unknown` are tried again, after [`RetryAfter`] if that is the detail, else
    /// with backoff. With any other kind the call goes to `dead`.
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>>;
}

/// The detail of an `Unavailable` whose peer said when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "retry after {} s", self.0.as_secs())
    }
}

impl std::error::Error for RetryAfter {}
