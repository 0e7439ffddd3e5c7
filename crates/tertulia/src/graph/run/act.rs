//! One step: an action with its tries, and the checkpoint that ends it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::Value;

use super::core::{Core, Doing, Stands};
use crate::error::Kind;
use crate::graph::dynamic;
use crate::graph::keep::Kept;
use crate::graph::parts::{Around, Parts, View};
use crate::graph::{Graph, Inputs, Point, Status, Step};
use crate::session::State;
use crate::session::track::Change;
use crate::{Error, Result};

/// A step that has come to its end.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stepped {
    /// The number of its checkpoint.
    pub seq: u64,
    /// The action.
    pub action: Arc<str>,
    /// What that gave; `null` if nothing.
    pub result: Value,
}

/// What a try of an action came to.
struct Tried {
    result: Value,
    change: Option<Change>,
}

impl<S: State> Core<S> {
    /// Runs this action, to its checkpoint.
    ///
    /// # Errors
    /// What the action fails with, and what writing the checkpoint does.
    pub(super) async fn step(&mut self, graph: &Graph<S>, node: usize, inputs: &Inputs) -> Result<Stepped> {
        // Actions and storages that never wait would leave nobody else a turn, and nobody could cancel the run.
        tokio::task::coop::consume_budget().await;
        self.let_go().await?;
        let action = &graph.nodes()[node];
        let (name, retry) = (&action.name, action.options.retry);
        let seq = self.kept.next() + u64::from(self.noted.is_some());
        let mut attempt = 1;
        let (step, tried) = loop {
            let says = Arc::clone(&self.out) as _;
            let step = Step::new(Arc::clone(&self.id), Arc::clone(name), seq, attempt, says);
            if attempt == 1 && self.out.is_watched() {
                self.out.tell(&Point::StepStarted { step: &step, inputs }).await;
            }
            let mut tried = self.attempt(graph, node, &step, inputs).await;
            self.out.end(&step).await;
            if let (Ok(_), Some(sink)) = (&tried, &self.sink)
                && let Err(error) = sink.settled().await
            {
                tried = Err(Failed::of(error.context("what it said")));
            }
            match tried {
                Ok(tried) => break (step, Ok(tried)),
                Err(failed) => {
                    self.roll_back()?;
                    self.doing = Doing::Nothing;
                    if !failed.began || attempt >= retry.tries {
                        break (step, Err(failed));
                    }
                    if let Err(error) = self.out.superseded(&step).await {
                        break (step, Err(Failed::of(error)));
                    }
                    tracing::warn!(run = %self.id, action = %name, attempt, error = %failed.error, "an action failed");
                    self.doing = Doing::Acting(node);
                    self.runs.shelf().clock.sleep(retry.wait * (1 << (attempt - 1).min(16))).await;
                    self.doing = Doing::Nothing;
                    attempt += 1;
                }
            }
        };
        let ended = match tried {
            Ok(Tried { result, change }) => {
                let written = self.write(Status::Completed, Stands::After(node), "", change).await;
                written.map(|seq| Stepped { seq, action: Arc::clone(name), result })
            }
            Err(failed) => Err(self.fail(node, failed).await),
        };
        if self.out.is_watched() {
            let (result, error) = match &ended {
                Ok(stepped) => (Some(&stepped.result), None),
                Err(error) => (None, Some(error)),
            };
            self.out.tell(&Point::StepEnded { step: &step, result, error }).await;
        }
        ended
    }

    /// Records that an action has failed; gives its error, with that of recording it.
    async fn fail(&mut self, node: usize, failed: Failed) -> Error {
        let Failed { began, error } = failed;
        if !began {
            return error;
        }
        let text = error.to_string();
        match self.write(Status::Failed, Stands::Again(node), &text, None).await {
            Ok(_) => error,
            Err(unwritten) => {
                let text = format!("{text}; and this could not be written: {unwritten}");
                Error::new(error.kind(), text).with_source(error)
            }
        }
    }

    /// Runs an action once.
    async fn attempt(
        &mut self,
        graph: &Graph<S>,
        node: usize,
        step: &Step,
        inputs: &Inputs,
    ) -> std::result::Result<Tried, Failed> {
        let action = &graph.nodes()[node];
        let Some(mut value) = self.value.take() else {
            return Err(Failed::early(Error::internal(format!("{}: its state is not there", self.id))));
        };
        self.doing = Doing::Acting(node);
        dynamic::restrict(&mut *value, Some(&action.rules));
        let held = std::cell::Cell::new(Some(value));
        let running = {
            let view = View::of(&self.track);
            let around = Around {
                runs: &self.runs,
                invocation: self.invocation(),
                birth: self.kept.birth(),
                cause: &self.cause,
            };
            let (data, given) = (graph.data(), &self.given);
            let parts = Parts { cell: &self.cell, value: &held, view, inputs, step, data, given, around };
            // What gives a future or a stream may do a part of its work before that.
            std::panic::catch_unwind(AssertUnwindSafe(|| action.action.call(&parts)))
        };
        let untaken = held.take();
        let running = match running {
            Ok(Ok(running)) => AssertUnwindSafe(running).catch_unwind(),
            Ok(Err(error)) => return Err(Failed::early(self.error(step, error))),
            Err(panic) => return Err(Failed::of(self.panicked(step, &*panic))),
        };
        let ended = match action.options.time_limit {
            None => Ok(running.await),
            Some(limit) => tokio::time::timeout(limit, running).await.map_err(|_| limit),
        };
        let result = match ended {
            Ok(Ok(Ok(result))) => result,
            Ok(Ok(Err(error))) => return Err(Failed::of(self.error(step, error))),
            Ok(Err(panic)) => return Err(Failed::of(self.panicked(step, &*panic))),
            Err(limit) => {
                let text = format!("{}: action `{}` took over {limit:?}", self.id, step.action());
                return Err(Failed::of(Error::new(Kind::Timeout, text)));
            }
        };
        let Some((mut value, touched)) = untaken.map(|value| (value, false)).or_else(|| self.cell.end())
        else {
            let text = format!("{}: action `{}` has not given the state back", self.id, step.action());
            return Err(Failed::of(Error::invalid(text)));
        };
        dynamic::restrict(&mut *value, None);
        let change = if touched {
            match std::panic::catch_unwind(AssertUnwindSafe(|| self.compare(node, &value))) {
                Ok(change) => change.map_err(Failed::of)?,
                Err(panic) => return Err(Failed::of(self.panicked(step, &*panic))),
            }
        } else {
            None
        };
        self.value = Some(value);
        Ok(Tried { result, change })
    }

    /// What an action has changed, if it may.
    fn compare(&mut self, node: usize, value: &S) -> Result<Option<Change>> {
        let in_action = |error: Error, name: &str| error.context(format_args!("action `{name}`"));
        let graph = self.runs.graph();
        let action = &graph.nodes()[node];
        let change = match &self.kept {
            Kept::Loose(_) => self.track.compare_only(value),
            _ => self.track.compare(value),
        };
        let change = change.map_err(|error| in_action(error, &action.name).context(&self.id))?;
        let (Some(changed), Some(writes)) = (&change, &action.options.writes) else { return Ok(change) };
        let mut wrote = changed.changed_keys(&self.track);
        wrote.retain(|key| !writes.contains(key));
        if wrote.is_empty() {
            return Ok(change);
        }
        Err(Error::invalid(format!(
            "{}: action `{}` wrote {}, and declares to write {}",
            self.id,
            action.name,
            quoted(&wrote),
            if writes.is_empty() { "nothing".to_owned() } else { quoted(writes) }
        )))
    }

    fn error(&self, step: &Step, error: anyhow::Error) -> Error {
        let kind = error.downcast_ref::<Error>().map_or(Kind::Failed, Error::kind);
        // The library's own errors say in their texts what their causes are.
        let ours = error.chain().next().and_then(|error| error.downcast_ref::<Error>());
        let what = ours.map_or_else(|| format!("{error:#}"), ToString::to_string);
        let text = format!("{}: action `{}`: {what}", self.id, step.action());
        Error::new(kind, text).with_source(error)
    }

    fn panicked(&self, step: &Step, panic: &(dyn std::any::Any + Send)) -> Error {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("without a text");
        Error::new(Kind::Failed, format!("{}: action `{}` panicked: {text}", self.id, step.action()))
    }
}

/// Why a try failed.
struct Failed {
    /// Whether the action had begun.
    began: bool,
    error: Error,
}

impl Failed {
    fn of(error: Error) -> Self {
        Self { began: true, error }
    }

    fn early(error: Error) -> Self {
        Self { began: false, error }
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
