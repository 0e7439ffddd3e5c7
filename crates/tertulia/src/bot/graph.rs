//! Runs of graphs in a turn: their last checkpoint is part of the turn's batch.

use std::any::type_name;
use std::ops::Deref;
use std::sync::Arc;

use super::{Context, Live};
use crate::graph::{self, FromStep, Graph, Item, Parts, RunId, Runs, Sink, Step};
use crate::runner::Contribute;
use crate::session::State;
use crate::storage::{BoxFuture, Head, LogWrite};
use crate::stream::Event;
use crate::{Error, Result};

/// A run of a graph in a turn. It is a [`graph::Run`], whose last checkpoint is committed with the turn.
#[derive(Debug)]
pub struct Run<S: State> {
    run: graph::Run<S>,
    goes_on: bool,
}

/// The run as a part of its turn.
struct Part<S: State>(Run<S>);

impl<S: State> Run<S> {
    /// Whether an earlier run of the handler, for the same update, has made steps that are committed: the next call goes on
    /// after them.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }
}

impl Context {
    /// The run of this name in the update's conversation, begun with the state's default if there is none.
    ///
    /// Each of its steps is committed before the next one begins; the last one of the handler, at which the graph has halted
    /// or ended, is part of the turn's batch, with sessions, replies and the removal of the update. A handler that runs again
    /// goes on where the run before has come to: steps that are committed are not run again. So that it is clear what that
    /// is, a handler makes one call of [`run`](graph::Run::run) in a turn, or of the like.
    ///
    /// Actions can take the [`Context`] as an argument. What they say is heard with [`say_to`](graph::Run::say_to) a
    /// [live reply](Self::reply_live); after a crash what the committed steps have said is said again.
    ///
    /// ```
    /// # use tertulia::bot::Context;
    /// # use tertulia::graph::{Graph, Inputs, Until};
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Agent { answer: String }
    /// async fn answer(ctx: Context, agent: Graph<Agent>) -> tertulia::bot::Result {
    ///     let run = ctx.run(&agent, "agent").await?;
    ///     run.say_to(ctx.reply_live().await?).await;
    ///     let inputs = Inputs::new().with("text", ctx.text());
    ///     run.run(Until::before("approve").or_after("answer").resuming(), inputs).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Invalid` if the name is none, or there is such a run of another graph; `Corrupt`; `Closed` if the handler has
    /// returned; what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, the run may be there or not.
    pub async fn run<S: State>(&self, graph: &Graph<S>, name: &str) -> Result<Run<S>> {
        let turn = self.turn();
        let id = RunId::new(self.conversation().clone(), name)?;
        if let Some(known) = turn.enlisted(|part: &Part<S>| *part.0.id() == id) {
            return Ok(known.0.clone());
        }
        let run = self.runs(graph).open_or_create(&id, S::default).await?;
        let goes_on = run.join(turn.about().update.to_string(), self.clone()).await;
        let run = Run { run, goes_on };
        turn.enlist(Arc::new(Part(run.clone())))?;
        Ok(run)
    }

    pub(super) fn runs<S: State>(&self, graph: &Graph<S>) -> Runs<S> {
        let (storage, clock) = (Arc::clone(self.turn().storage()), self.turn().clock().clone());
        Runs::with(graph, storage, clock, graph::Options::default())
    }
}

impl<S: State> Clone for Run<S> {
    fn clone(&self) -> Self {
        Self { run: self.run.clone(), goes_on: self.goes_on }
    }
}

impl<S: State> Deref for Run<S> {
    type Target = graph::Run<S>;

    fn deref(&self) -> &graph::Run<S> {
        &self.run
    }
}

impl<S: State> Contribute for Part<S> {
    fn prepare(&self) -> Result<Vec<LogWrite>> {
        self.0.held()
    }

    fn checks(&self) -> Vec<LogWrite> {
        self.0.checks()
    }

    fn committed(&self, heads: &[Option<Head>]) {
        self.0.held_committed(heads);
    }

    fn released(&self) {}

    fn keeps_history(&self) -> bool {
        true
    }

    fn outdated(&self) -> bool {
        self.0.is_outdated()
    }
}

impl<S> FromStep<S> for Context {
    fn from_step(parts: &Parts<'_, S>) -> graph::Result<Self> {
        let missing = || Error::invalid(format!("there is no `{}` outside of a turn", type_name::<Self>()));
        Ok((*parts.given::<Self>().ok_or_else(missing)?).clone())
    }
}

impl Sink for Live {
    fn item<'a>(&'a self, _step: &'a Step, item: &'a Item) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.event(item.to_event()))
    }

    fn superseded<'a>(&'a self, _step: &'a Step, stands: &'a [Event]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.restart().await?;
            self.again(stands).await
        })
    }

    fn again<'a>(&'a self, stands: &'a [Event]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for event in stands {
                self.event(event.clone()).await?;
            }
            Ok(())
        })
    }
}
