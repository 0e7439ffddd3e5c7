//! What a runner is given to run: how to decode an update, what to order it by, and what to do.

use std::future::Future;
use std::sync::Arc;

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

    /// Runs the update. What it collects in `turn` is committed if it returns `Ok`.
    fn handle(&self, turn: Turn, update: Self::Update) -> impl Future<Output = HandlerResult> + Send;

    /// More writes for the batch that moves a given-up update to `dead`, so that whoever waits for its answer
    /// learns that there is none.
    fn buried(&self, about: &About) -> Vec<LogWrite> {
        let _ = about;
        Vec::new()
    }
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
