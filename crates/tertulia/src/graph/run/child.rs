//! A run as a child: run to where it is to come, be it in several tries, or given up.

use std::sync::Arc;

use super::Run;
use super::core::{Core, Doing, Stands};
use crate::error::Kind;
use crate::graph::parts::Values;
use crate::graph::{Inputs, Reason, Sink, Status, Until};
use crate::session::State;
use crate::{Error, Result};

/// What a child has of the step that it is a part of.
pub(in crate::graph) struct Legacy {
    /// Where goes what it says.
    pub(in crate::graph) sink: Arc<dyn Sink>,
    /// What its steps are part of.
    pub(in crate::graph) cause: String,
    pub(in crate::graph) given: Values,
}

/// How many checkpoints are read at once.
const PAGE: usize = 1_000;

impl<S: State> Run<S> {
    /// Runs it to where it is to come, all tries together.
    pub(in crate::graph) async fn run_as_child(
        &self,
        until: &Until,
        inputs: &Inputs,
        parent: &Legacy,
    ) -> Result<Reason> {
        let mut core = self.lock().await;
        core.say_to(Some(Arc::clone(&parent.sink)));
        (core.cause, core.given) = (parent.cause.clone(), parent.given.clone());
        let call = "run";
        core.started(call).await;
        let reason = core.finish(until, inputs).await;
        core.ended(call, reason).await
    }

    /// After a call that was dropped: notes that the step was given up, so that nothing that is on its way to the storage
    /// comes after it.
    pub(in crate::graph) async fn give_up(&self) -> Result<()> {
        let mut core = self.lock().await;
        let doing = core.doing;
        core.fresh().await?;
        if doing == Doing::Writing && core.noted.is_none() {
            core.noted = core.next()?;
        }
        match core.note().await {
            // What was on its way has come.
            Err(error) if error.kind() == Kind::Conflict => Ok(()),
            noted => noted,
        }
    }

    /// Its state, when nobody needs it any more.
    pub(in crate::graph) async fn into_state(self) -> Result<S> {
        let mut core = self.lock().await;
        let value = core.value.take();
        value
            .map(|value| *value)
            .ok_or_else(|| Error::internal(format!("{}: its state is not there", self.id())))
    }
}

impl<S: State> Core<S> {
    async fn finish(&mut self, until: &Until, inputs: &Inputs) -> Result<Reason> {
        let mut halts = self.halts(until)?;
        self.check_inputs(inputs)?;
        self.ready().await?;
        if self.seq.is_some() {
            // What it said counts for the try of its parent's step that runs now.
            let said = std::mem::take(&mut self.said);
            self.out.again(&said).await?;
            // It goes on: what it was told for its beginning has had its effect.
            halts.resumes = false;
            if let Stands::After(node) = self.stands
                && halts.after[node]
            {
                return Ok(Reason::After);
            }
            if until.steps.is_some() {
                halts.steps = halts.steps.saturating_sub(self.steps_so_far().await?);
            }
        }
        self.run_to(&halts, inputs).await.map(|halted| halted.reason)
    }

    /// How many of its steps ran to their end.
    async fn steps_so_far(&self) -> Result<u64> {
        let (mut steps, mut before) = (0, None);
        loop {
            let page = self.runs.history(&*self.id, before, PAGE).await?;
            steps += page.iter().filter(|checkpoint| checkpoint.status == Status::Completed).count() as u64;
            match page.last() {
                Some(first) if page.len() == PAGE => before = Some(first.seq),
                _ => return Ok(steps),
            }
        }
    }
}
