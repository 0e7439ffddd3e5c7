//! The demonstration as an agent: a graph in which a model says what it thinks and answers, calls tools, and goes on with
//! what they gave.

mod approve;
mod graph;
mod memory;
mod run;
mod state;
pub(crate) mod tools;
mod turn;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tertulia::Clock;

pub(super) use approve::{Asked, is_decision};
pub(super) use graph::graph;
pub(super) use run::{answer, decided, stop_asking};
pub(super) use state::{Answer, Change};

use super::model::Model;
use super::model::scripted::Scripted;

/// How the agent is set.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) model: Arc<dyn Model>,
    /// Whether the model is the script, which leaves the short commands to the bot.
    pub(crate) scripted: bool,
    /// How long a token of the script takes, and what else takes time for show.
    pub(crate) pace: Duration,
    /// The most turns of the model in one answer.
    pub(crate) max_steps: usize,
    /// How long a model may say nothing.
    pub(crate) silence: Duration,
    /// The first wait before a model is asked again whose stream was cut; it doubles.
    pub(crate) wait: Duration,
}

impl Agent {
    /// One with the script.
    pub(crate) fn scripted(clock: Clock, pace: Duration) -> Self {
        let model = Arc::new(Scripted::new(clock, pace));
        let (silence, wait) = (Duration::from_mins(2), Duration::from_millis(500));
        Self { model, scripted: true, pace, max_steps: 8, silence, wait }
    }
}
