//! Where updates come from and where calls go: the two traits that a platform implements.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::Ticket;
use crate::storage::{BoxFuture, ItemId};
use crate::{Conversation, Error, Result};

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
#[non_exhaustive]
pub struct Call {
    /// Where it belongs.
    pub conversation: Conversation,
    /// Which turn made it.
    pub ticket: Ticket,
    /// The call as its adapter encoded it.
    pub body: Bytes,
    /// What the call gave that this one is about, if it was asked for with such
    /// [options](super::CallOptions::refers). Filled in before each try; never there in what is stored.
    pub refers: Option<Referred>,
}

impl Call {
    /// A call that is about no other.
    pub fn new(conversation: Conversation, ticket: Ticket, body: Bytes) -> Self {
        Self { conversation, ticket, body, refers: None }
    }

    /// Sets what the call gave that this one is about.
    #[must_use]
    pub fn refers(mut self, to: Referred) -> Self {
        self.refers = Some(to);
        self
    }
}

/// A call that was made, as one that is about it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// Which call.
    pub ticket: Ticket,
    /// The id of its message, as its sender gave it or as the last call about it left it; empty if there is none.
    pub message: String,
}

/// Makes one call of the outbox. The runner calls it in order per conversation.
pub trait Sender: fmt::Debug + Send + Sync + 'static {
    /// Makes the call, and gives the id that the platform gave the message, or an empty text. One that
    /// [refers](Call::refers) to another gives the id that the other's message has from then on: the same one if it
    /// is still there, an empty text if it is gone.
    ///
    /// # Errors
    /// - `Unavailable`: it was not made, and is tried again: after [`RetryAfter`] if that is the detail, else with
    ///   backoff. With the detail [`Paced`] nothing has failed, and it goes on after that.
    /// - `Unknown` and `Timeout`: nobody knows. It is tried again if it is made at least once, else it goes to `dead`.
    /// - With any other kind it goes to `dead`.
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>>;

    /// Makes the next step of a call that is made in [steps](super::CallOptions::steps). `so_far` is what the last step
    /// gave to be kept, also by an earlier process; empty at first.
    ///
    /// # Errors
    /// As [`send`](Self::send): the step is tried again.
    fn step<'a>(&'a self, call: &'a Call, so_far: &'a str) -> BoxFuture<'a, Result<Step>> {
        let _ = so_far;
        let text =
            format!("a call in {} is to be made in steps, which its sender does not", call.conversation);
        Box::pin(async { Err(Error::invalid(text)) })
    }

    /// Whether the call may be made now, for platforms that take so many in a while. Asked before each try, quickly
    /// and without waiting, in the order in which the calls are to be made. A wait holds up the conversation or all
    /// of the platform's, in that order, and holds no slot; then it is asked again.
    fn wait(&self, call: &Call) -> Wait {
        let _ = call;
        Wait::None
    }

    /// A call that was tried is not made any more: it was too late, or a newer one overwrites it. What was kept of
    /// the tries can be forgotten. Not called after [`send`](Self::send) has said so itself.
    fn forget(&self, call: &Call) {
        let _ = call;
    }
}

/// A step of a call was made.
pub enum Step {
    /// It was the last: the call is over. As what [`Sender::send`] gives.
    Made(String),
    /// The call goes on.
    On {
        /// What is to be given to the next step, kept before that in the storage, if it is another than before.
        so_far: String,
        /// Resolves when there is something to do: the conversation's later calls wait meanwhile, and no slot is held. A
        /// shutdown does not wait for it, but has one more step made.
        next: BoxFuture<'static, ()>,
    },
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(message) => f.debug_tuple("Made").field(message).finish(),
            Self::On { so_far, .. } => f.debug_struct("On").field("so_far", so_far).finish_non_exhaustive(),
        }
    }
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Now; it is made, and counts.
    None,
    /// Its conversation may make one after this.
    Conversation(Duration),
    /// The platform takes none of anybody before this.
    Everybody(Duration),
}

/// The detail of an `Unavailable` whose peer said when to come back. It is about the conversation; when three
/// conversations of a platform in a row are told so, with no call made between, it is taken to be about all of them,
/// and none is made until the last of these waits is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "retry after {} s", self.0.as_secs())
    }
}

impl std::error::Error for RetryAfter {}

/// The detail of an `Unavailable` of a sender that keeps to a rate in the middle of a call: nothing has failed, and
/// the call is to go on after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paced(pub Duration);

impl fmt::Display for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goes on after {} ms", self.0.as_millis())
    }
}

impl std::error::Error for Paced {}
