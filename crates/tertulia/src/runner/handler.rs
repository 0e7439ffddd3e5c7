//! What a runner is given to run: how to decode an update, what to order it by, and what to do.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::{About, Turn};
use crate::Result;
use crate::storage::LogWrite;

/// What a handler gives back: any error fails the turn.
pub type HandlerResult = Result<(), anyhow::Error>;

/// Runs updates. The bot layer implements it; a program with its own idea of a bot may too.
pub trait Handler: Send + Sync + 'static {
    /// A decoded update.
    type Update: Send + 'static;

    /// Decodes an update.
    ///
    /// # Errors
    /// Any; the update goes to `dead` at once, since trying again would not help. With `Unavailable` it waits
    /// [`Options::backoff_max`](super::Options::backoff_max) instead, uncharged.
    fn decode(&self, about: &About) -> Result<Self::Update>;

    /// What the update is ordered by. Called when the update enters the index.
    fn keys(&self, about: &About) -> Keys {
        let _ = about;
        Keys::Conversation
    }

    /// Whether the update passes the queue: it runs at once, whatever runs or waits for its keys, in one of
    /// [`Turn::PASSING`] slots of its own kind, and in order with those of its conversation that pass too. Called when
    /// the update arrives.
    fn passes(&self, about: &About) -> bool {
        let _ = about;
        false
    }

    /// Whether the update is run together with those that wait behind it and for which this gives something too.
    /// Called before the update runs, and for those behind it.
    fn burst(&self, about: &About) -> Option<Burst> {
        let _ = about;
        None
    }

    /// Runs the update. What it collects in `turn` is committed if it returns `Ok`.
    fn handle(&self, turn: Turn, update: Self::Update) -> impl Future<Output = HandlerResult> + Send;

    /// Called before an update leaves without having been applied: what it has shown to somebody, such as a stream that
    /// is being read, has to come to an end. It may be called again, and the update may run again after all.
    fn ending(&self, about: &About, how: Ending) -> impl Future<Output = ()> + Send {
        let _ = (about, how);
        std::future::ready(())
    }

    /// More writes for the batch that removes an update which was cancelled, so that whoever waits for its answer
    /// learns that there is none.
    fn cancelled(&self, about: &About) -> Vec<LogWrite> {
        let _ = about;
        Vec::new()
    }

    /// More writes for the batch that moves a given-up update to `dead`, so that whoever waits for its answer
    /// learns that there is none.
    fn buried(&self, about: &About) -> Vec<LogWrite> {
        let _ = about;
        Vec::new()
    }
}

/// How an update leaves without having been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Another update cancelled it.
    Cancelled,
    /// It was given up and goes to `dead`.
    Buried,
}

/// How updates of one key are joined into one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// The turn begins when so long none came.
    pub quiet: Duration,
    /// It does not wait longer than this since the first came.
    pub longest: Duration,
    /// How many are joined at most, the first included.
    pub most: usize,
}

/// What an update is ordered by: updates that share a key run one at a time, in arrival order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// By its conversation.
    Conversation,
    /// By each of these; by nothing if there are none. If the conversation is not among them, two updates of one
    /// conversation may run at once, and the loser of a conflict over its state runs again.
    Exactly(Vec<Arc<str>>),
}
