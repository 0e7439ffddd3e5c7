//! Calls: one step, or as many as it takes.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::MutexGuard;

use super::act::Stepped;
use super::core::{Core, Stands};
use super::says::Out;
use crate::error::Kind;
use crate::graph::keep::Kept;
use crate::graph::{Halted, Inputs, Point, Reason, Sink, Until, Which};
use crate::session::State;
use crate::{Error, Result};

/// How many steps a call runs unless it is told.
const MAX_STEPS: u64 = 10_000;

/// Which of the graph's actions a call halts at.
pub(super) struct Halts {
    before: Vec<bool>,
    pub(super) after: Vec<bool>,
    pub(super) steps: u64,
    pub(super) resumes: bool,
}

/// How far a call has come.
#[derive(Default)]
struct Progress {
    steps: u64,
    last: Option<(usize, Value)>,
}

impl<S: State> Core<S> {
    /// One step, as a call of its own.
    pub(super) async fn one(&mut self, inputs: &Inputs) -> Result<Option<Stepped>> {
        let call = "step";
        self.started(call).await;
        let stepped = self.next_step(inputs).await;
        self.ended(call, stepped).await
    }

    async fn next_step(&mut self, inputs: &Inputs) -> Result<Option<Stepped>> {
        self.check_inputs(inputs)?;
        self.ready().await?;
        match self.next()? {
            None => Ok(None),
            Some(node) => {
                let graph = self.graph().clone();
                self.step(&graph, node, inputs).await.map(Some)
            }
        }
    }

    pub(super) async fn run(&mut self, until: &Until, inputs: &Inputs) -> Result<Halted> {
        self.run_as("run", until, inputs).await
    }

    pub(super) async fn run_as(
        &mut self,
        call: &'static str,
        until: &Until,
        inputs: &Inputs,
    ) -> Result<Halted> {
        self.started(call).await;
        let halted = self.run_on(until, inputs).await;
        self.ended(call, halted).await
    }

    async fn run_on(&mut self, until: &Until, inputs: &Inputs) -> Result<Halted> {
        let mut halts = self.halts(until)?;
        self.check_inputs(inputs)?;
        self.ready().await?;
        self.say_again().await?;
        if std::mem::take(&mut self.goes_on) {
            // The step that goes on from the halt has been, unless it is to be run again.
            halts.resumes = matches!(self.stands, Stands::Again(_));
        }
        self.run_to(&halts, inputs).await
    }

    pub(super) async fn run_to(&mut self, halts: &Halts, inputs: &Inputs) -> Result<Halted> {
        let mut progress = Progress::default();
        let graph = self.graph().clone();
        loop {
            match self.advance(halts, &mut progress)? {
                Ok(node) => {
                    let stepped = self.step(&graph, node, inputs).await?;
                    progress.ran(node, stepped.result);
                }
                Err(halted) => return Ok(halted),
            }
        }
    }

    /// The action that comes next, or why none does.
    fn advance(&self, halts: &Halts, progress: &mut Progress) -> Result<std::result::Result<usize, Halted>> {
        let next = self.next()?;
        let reason = match (next, &progress.last) {
            (_, Some((last, _))) if halts.after[*last] => Some(Reason::After),
            (None, _) => Some(Reason::End),
            (Some(node), last) if halts.before[node] && !(halts.resumes && last.is_none()) => {
                Some(Reason::Before)
            }
            _ if progress.steps >= halts.steps => Some(Reason::Steps),
            _ => None,
        };
        Ok(match (reason, next) {
            (None, Some(node)) => Ok(node),
            (reason, next) => {
                let (action, result) = match progress.last.take() {
                    Some((node, result)) => (Some(self.name(node).to_string()), result),
                    None => (None, Value::Null),
                };
                let next = next.map(|node| self.name(node).to_string());
                let reason = reason.unwrap_or(Reason::End);
                Err(Halted { reason, action, result, next, steps: progress.steps })
            }
        })
    }

    pub(super) fn halts(&self, until: &Until) -> Result<Halts> {
        let nodes = self.graph().nodes();
        let marked = |names: &[String]| -> Result<Vec<bool>> {
            let mut marks = vec![false; nodes.len()];
            for name in names {
                let mut found = false;
                for (mark, node) in marks.iter_mut().zip(nodes) {
                    let is_it = match name.strip_prefix('@') {
                        Some(tag) => {
                            let tag = tag.strip_prefix("tag:").unwrap_or(tag);
                            node.options.tags.iter().any(|of_node| of_node == tag)
                        }
                        None => *node.name == **name,
                    };
                    *mark |= is_it;
                    found |= is_it;
                }
                if !found {
                    let graph = self.graph().name();
                    return Err(Error::invalid(format!("graph `{graph}` has no action `{name}` to halt at")));
                }
            }
            Ok(marks)
        };
        let (before, after) = (marked(&until.before)?, marked(&until.after)?);
        Ok(Halts { before, after, steps: until.steps.unwrap_or(MAX_STEPS), resumes: until.resumes })
    }

    pub(super) async fn started(&mut self, call: &'static str) {
        if self.out.is_watched() {
            self.out.tell(&Point::CallStarted { run: &self.id, call }).await;
        }
    }

    /// A call is over. What a hook failed with is told now, if there is nothing worse.
    pub(super) async fn ended<T>(&mut self, call: &'static str, ended: Result<T>) -> Result<T> {
        if !self.out.is_watched() {
            return ended;
        }
        let error = ended.as_ref().err();
        self.out.tell(&Point::CallEnded { run: &self.id, call, error }).await;
        match (ended, self.out.take_failed()) {
            (ended, None) => ended,
            (Ok(_), Some(error)) => {
                let text = format!("{}: a hook failed, and what it was told of is done: {error:#}", self.id);
                Err(Error::new(Kind::Failed, text).with_source(error))
            }
            (Err(ended), Some(error)) => {
                tracing::warn!(run = %self.id, %error, "a hook of a graph failed");
                Err(ended)
            }
        }
    }

    pub(super) async fn go_back(&mut self, which: Which) -> Result<()> {
        if let Kept::Loose(_) = self.kept {
            return Err(Error::invalid(format!(
                "{} is not kept, so there is nothing to go back to",
                self.id
            )));
        }
        self.flush().await?;
        self.reload(which).await
    }

    pub(super) async fn flush(&mut self) -> Result<()> {
        self.fresh().await?;
        if self.noted.is_some() && self.outdated.is_none() {
            self.note().await?;
        }
        if self.kept.settled().await.is_err() {
            // Tells the error, and reads the run again.
            self.fresh().await?;
        }
        Ok(())
    }

    /// Tells hooks something that is no part of a call.
    pub(in crate::graph) async fn tell(&self, point: &Point<'_>) -> Result<()> {
        if !self.out.is_watched() {
            return Ok(());
        }
        self.out.tell(point).await;
        match self.out.take_failed() {
            None => Ok(()),
            Some(error) => {
                let text = format!("{}: a hook failed: {error:#}", self.id);
                Err(Error::new(Kind::Failed, text).with_source(error))
            }
        }
    }

    pub(super) fn say_to(&mut self, sink: Option<Arc<dyn Sink>>) {
        self.out = Out::new(self.graph(), sink.clone(), None);
        self.sink = sink;
    }
}

impl Progress {
    fn ran(&mut self, node: usize, result: Value) {
        self.steps += 1;
        self.last = Some((node, result));
    }
}

/// A call that goes on when it is asked to.
#[must_use = "nothing runs unless the next step is asked for"]
pub struct Steps<'a, S: State> {
    core: MutexGuard<'a, Core<S>>,
    halts: Halts,
    inputs: Inputs,
    progress: Progress,
    halted: Option<Halted>,
}

impl<'a, S: State> Steps<'a, S> {
    pub(super) async fn new(mut core: MutexGuard<'a, Core<S>>, until: Until, inputs: Inputs) -> Result<Self> {
        let halts = core.halts(&until)?;
        core.check_inputs(&inputs)?;
        core.ready().await?;
        core.started("iterate").await;
        Ok(Self { core, halts, inputs, progress: Progress::default(), halted: None })
    }

    /// Runs the next step; `None` when the call has come to where it was to.
    ///
    /// # Errors
    /// As [`Run::run`](super::Run::run).
    ///
    /// # Cancel safety
    /// Dropped, it gives the step up; the next call runs it again.
    pub async fn next(&mut self) -> Result<Option<Stepped>> {
        if self.halted.is_some() {
            return Ok(None);
        }
        self.core.ready().await?;
        match self.core.advance(&self.halts, &mut self.progress)? {
            Ok(node) => {
                let graph = self.core.graph().clone();
                let stepped = self.core.step(&graph, node, &self.inputs).await;
                if stepped.is_err() {
                    return self.core.ended("iterate", stepped).await.map(Some);
                }
                let stepped = stepped?;
                self.progress.ran(node, stepped.result.clone());
                Ok(Some(stepped))
            }
            Err(halted) => {
                self.halted = Some(halted);
                self.core.ended("iterate", Ok(None)).await
            }
        }
    }

    /// The state, as of the last step.
    pub fn state(&self) -> Option<&S> {
        self.core.value.as_deref()
    }

    /// Where it has come to; `None` before [`next`](Self::next) has given `None`.
    pub fn halted(&self) -> Option<&Halted> {
        self.halted.as_ref()
    }
}

impl<S: State> std::fmt::Debug for Steps<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").field("steps", &self.progress.steps).finish_non_exhaustive()
    }
}
