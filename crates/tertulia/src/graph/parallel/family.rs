//! The children of one step, on their way.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;

use super::child::{Child, ChildResult};
use super::how::{How, Keep, Policy};
use super::relay::Relay;
use crate::graph::checkpoint::Parent;
use crate::graph::run::Legacy;
use crate::graph::runs::Ground;
use crate::graph::{Graph, Parts, Reason, Run, RunId, Runs};
use crate::session::State;
use crate::{Error, Result};

/// A child and its graph.
pub(super) type Task<C> = (Graph<C>, Child<C>);

/// What the children of one step have in common.
pub(super) struct Family {
    parent: Parent,
    /// Where the parent is kept, and where the children are.
    home: Ground,
    ground: Ground,
    /// Both are written by the same batches and queues.
    beside: bool,
    how: How,
    legacy: Legacy,
}

/// What a child has come to: `None` if it was cancelled.
type Ended<C> = Option<Result<(Reason, C)>>;

impl Family {
    pub(super) fn of<S>(parts: &Parts<'_, S>, how: &How) -> Self {
        let around = parts.around;
        let (run, action) = (parts.step.run().clone(), parts.step.action());
        let parent = Parent::step(run, around.invocation, action, around.birth);
        let home = around.runs.ground();
        let ground = match &how.keep {
            Keep::Beside => home.clone(),
            Keep::Nowhere => Ground::nowhere(),
            Keep::There(ground) => ground.clone(),
        };
        let beside = ground.joins(&home);
        let sink = Arc::new(Relay(parts.step.clone()));
        let legacy = Legacy { sink, cause: around.cause.to_owned(), given: parts.given.clone() };
        Self { parent, home, ground, beside, how: how.clone(), legacy }
    }

    /// Runs them; gives what they have come to, in their order.
    ///
    /// # Errors
    /// `Invalid` for names that cannot be; what the first child fails with, unless failures are collected.
    pub(super) async fn run<C: State>(&self, tasks: Vec<Task<C>>) -> Result<Vec<ChildResult<C>>> {
        let ids = self.ids(&tasks)?;
        // What is queued of the parent is stored before its children are: one whose parent's last steps were lost would be
        // taken for the child of another state.
        self.home.flush(&self.parent.run).await?;
        let (stop, stopped) = watch::channel(false);
        let mut results: Vec<Option<ChildResult<C>>> = ids.iter().map(|_| None).collect();
        let mut waiting = tasks.into_iter().zip(ids).enumerate();
        let mut running = FuturesUnordered::new();
        let mut failed = None;
        loop {
            while running.len() < self.how.limit && failed.is_none() {
                let Some((index, (task, id))) = waiting.next() else { break };
                let stopped = stopped.clone();
                running.push(async move {
                    let name = task.1.name.clone();
                    let ended = self.one(&id, task, stopped).await;
                    (index, name, id, ended)
                });
            }
            let Some((index, name, run, ended)) = running.next().await else { break };
            let (reason, state) = match ended {
                Some(Ok((reason, state))) => (Some(reason), Ok(state)),
                Some(Err(error)) if self.how.policy == Policy::FailFast => {
                    // The others end by themselves now.
                    failed.get_or_insert(error);
                    stop.send_replace(true);
                    continue;
                }
                Some(Err(error)) => (None, Err(error)),
                None => continue,
            };
            results[index] = Some(ChildResult { index, name, run, reason, state });
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(results.into_iter().flatten().collect()),
        }
    }

    /// Runs a child, unless it is to stop.
    async fn one<C: State>(
        &self,
        id: &RunId,
        (graph, child): Task<C>,
        mut stopped: watch::Receiver<bool>,
    ) -> Ended<C> {
        let Child { state, inputs, until, .. } = child;
        let runs: Runs<C> = self.ground.clone().runs(&graph);
        // This is not cut short: it is not known then whether the child is there.
        let run = match runs.child(id, &self.parent, state, self.beside).await {
            Ok(run) => run,
            Err(error) => return Some(Err(error)),
        };
        let ended = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => None,
            ended = run.run_as_child(&until, &inputs, &self.legacy) => Some(ended),
        };
        match ended {
            Some(Ok(reason)) => Some(self.state_of(run).await.map(|state| (reason, state))),
            Some(Err(error)) => {
                if !self.beside {
                    // It is told already why.
                    let _ = run.flush().await;
                }
                Some(Err(error))
            }
            None => {
                if let Err(error) = self.given_up(&run).await {
                    tracing::warn!(run = %id, %error, "that a child was cancelled could not be written");
                }
                None
            }
        }
    }

    async fn given_up<C: State>(&self, run: &Run<C>) -> Result<()> {
        run.give_up().await?;
        if self.beside { Ok(()) } else { run.flush().await }
    }

    async fn state_of<C: State>(&self, run: Run<C>) -> Result<C> {
        if !self.beside {
            // The parent's checkpoint does not wait in the same queue.
            run.flush().await?;
        }
        run.into_state().await
    }

    fn ids<C>(&self, tasks: &[Task<C>]) -> Result<Vec<RunId>> {
        let mut names = HashSet::new();
        let step = self.parent.seq.unwrap_or_default();
        let id = |(index, (_, child)): (usize, &Task<C>)| {
            let label = match child.name.as_deref() {
                None => format!(".{index}"),
                Some(name) if !fits(name) => {
                    return Err(Error::invalid(format!(
                        "`{}` is no name of a child: it has to have 1 to {MAX_NAME} bytes, without control characters and `/`",
                        name.escape_debug()
                    )));
                }
                Some(name) if !names.insert(name.to_owned()) => {
                    return Err(Error::invalid(format!("two children have the name `{name}`")));
                }
                Some(name) => format!("={name}"),
            };
            self.parent.run.child(step, &label)
        };
        tasks.iter().enumerate().map(id).collect()
    }
}

/// The most bytes of a child's name.
const MAX_NAME: usize = 64;

fn fits(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(|c: char| c == '/' || c.is_control())
}
