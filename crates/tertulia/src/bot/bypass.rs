//! What a handler is given that passes the queue.

use std::fmt;
use std::future::Future;

use super::live::stop_lives;
use super::{Context, Data, Extract, Filter, Method, Update};
use crate::graph::{self, Graph, RunId};
use crate::runner::Ticket;
use crate::session::State;
use crate::storage::BoxFuture;
use crate::{Conversation, Result};

/// One run of a handler that passes the queue: it runs at once, beside whatever runs or waits in its conversation. It
/// takes no sessions and waits for no updates, since those belong to what it passes.
#[derive(Clone)]
pub struct Bypass(Context);

impl Bypass {
    pub(super) fn new(ctx: Context) -> Self {
        Self(ctx)
    }

    /// Where the update belongs.
    pub fn conversation(&self) -> &Conversation {
        self.0.conversation()
    }

    /// The update.
    pub fn update(&self) -> &Update {
        self.0.update()
    }

    /// As [`Context::text`].
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// As [`Context::arguments`].
    pub fn arguments(&self) -> &str {
        self.0.arguments()
    }

    /// A value given with [`Bot::data`](super::Bot::data).
    ///
    /// # Errors
    /// `Invalid` if none of this type was given.
    pub async fn data<T: Send + Sync + 'static>(&self) -> Result<Data<T>> {
        Data::extract(&self.0).await
    }

    /// As [`Context::reply`].
    ///
    /// # Errors
    /// As [`Context::reply`].
    pub async fn reply(&self, text: impl AsRef<str>) -> Result<Ticket> {
        self.0.reply(text).await
    }

    /// As [`Context::call`].
    ///
    /// # Errors
    /// As [`Context::call`].
    pub async fn call<M: Method>(&self, method: M) -> Result<Ticket> {
        self.0.call(method).await
    }

    /// The run of this name in the conversation, if there is one; no part of any turn, so that each of its checkpoints is
    /// committed at once. A handler that has it as well meanwhile runs again.
    ///
    /// # Errors
    /// As [`Runs::open`](crate::graph::Runs::open).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn run<S: State>(&self, graph: &Graph<S>, name: &str) -> Result<Option<graph::Run<S>>> {
        self.0.runs(graph).open(RunId::new(self.conversation().clone(), name)?).await
    }

    /// Stops the handler that runs for the conversation, or waits there for an answer, a slot or its next try, and
    /// cancels its update: when this handler has returned, both updates are removed in one batch with what was replied
    /// here. Nothing of the other is left but what it had sent to ask; answers that it had received are run as updates of
    /// their own. If this handler fails the other runs again.
    ///
    /// The other is stopped where it awaits. Gives `false` if there is nothing to cancel, or it came to its end first.
    ///
    /// # Errors
    /// `Closed` if this handler has returned; what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, the other runs again.
    pub async fn cancel_turn(&self) -> Result<bool> {
        self.0.turn().cancel_head().await
    }

    /// Asks the live replies that are under way in the conversation to [stop](super::Live::cancelled), and gives how many
    /// there are: handlers that listen end them with what was said so far, and keep what they keep. Whoever does not listen
    /// goes on, which [`cancel_turn`](Self::cancel_turn) does not allow.
    ///
    /// # Errors
    /// What the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, some may have been asked.
    pub async fn stop_live(&self) -> Result<usize> {
        let streams = self.0.shared().spoken.streams();
        stop_lives(&**self.0.turn().storage(), streams, self.conversation()).await
    }
}

impl fmt::Debug for Bypass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A handler that passes the queue, and which updates it is for.
pub(super) struct Passing {
    pub(super) filter: Box<dyn Filter>,
    pub(super) handler: Box<dyn Fn(Bypass) -> BoxFuture<'static, super::Result> + Send + Sync>,
}

impl Passing {
    pub(super) fn new<R>(filter: impl Filter, handler: impl Fn(Bypass) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = super::Result> + Send + 'static,
    {
        Self { filter: Box::new(filter), handler: Box::new(move |bypass| Box::pin(handler(bypass))) }
    }
}
