//! What can be watched of runs.

use std::sync::Arc;

use serde_json::Value;

use super::{Inputs, Item, RunId, Step};
use crate::Error;
use crate::storage::BoxFuture;

/// A point in the life of a run. Hooks are told of each; they see, and change nothing: what they fail with is reported
/// after the checkpoint of the step is stored, and stops neither it nor other hooks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Point<'a> {
    /// A run was made or opened (Burr's `post_application_create`).
    Opened {
        /// Which.
        run: &'a RunId,
        /// The graph's name.
        graph: &'a str,
    },
    /// A call such as `run` begins (`pre_run_execute_call`).
    CallStarted {
        /// Which run.
        run: &'a RunId,
        /// Its name: `step`, `run`, `iterate` or `stream_result`.
        call: &'static str,
    },
    /// It is over (`post_run_execute_call`).
    CallEnded {
        /// Which run.
        run: &'a RunId,
        /// Its name.
        call: &'static str,
        /// What it failed with.
        error: Option<&'a Error>,
    },
    /// A step is about to run (`pre_run_step`). A step that is retried starts and ends once.
    StepStarted {
        /// The step.
        step: &'a Step,
        /// What it was given.
        inputs: &'a Inputs,
    },
    /// It is over, and its checkpoint is stored or queued (`post_run_step`).
    StepEnded {
        /// The step, as its last try knew it.
        step: &'a Step,
        /// What it gave.
        result: Option<&'a Value>,
        /// What it failed with.
        error: Option<&'a Error>,
    },
    /// It says something for the first time (`pre_start_stream`).
    StreamStarted {
        /// The step.
        step: &'a Step,
    },
    /// It has said something (`post_stream_item`).
    StreamItem {
        /// The step.
        step: &'a Step,
        /// What.
        item: &'a Item,
        /// The how manieth it is, from 0.
        index: u64,
    },
    /// It says no more (`post_end_stream`).
    StreamEnded {
        /// The step.
        step: &'a Step,
        /// How much it has said.
        items: u64,
    },
    /// A part of a step begins (`pre_start_span`).
    SpanStarted {
        /// The step.
        step: &'a Step,
        /// The part.
        name: &'a str,
    },
    /// It ends (`post_end_span`).
    SpanEnded {
        /// The step.
        step: &'a Step,
        /// The part.
        name: &'a str,
    },
    /// A step notes a value (`do_log_attributes`).
    Attribute {
        /// The step.
        step: &'a Step,
        /// The value's name.
        name: &'a str,
        /// The value.
        value: &'a Value,
    },
}

/// What hears of points at once.
pub(super) type Hook = Arc<dyn Fn(&Point<'_>) -> super::Result + Send + Sync>;

/// What is awaited at each point but those of spans and attributes, which it is told of after the step.
pub(super) type AsyncHook = Arc<dyn for<'a> Fn(&'a Point<'a>) -> BoxFuture<'a, super::Result> + Send + Sync>;
