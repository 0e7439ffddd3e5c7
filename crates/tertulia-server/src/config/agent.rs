//! What is configured of the demonstration's agent.

use std::time::Duration;

use tertulia::Clock;

use super::{Config, Values, number};
use crate::demo::agent::Agent;

/// How the agent is set.
#[derive(Debug)]
pub(super) struct Settings {
    pace: Duration,
    max_steps: usize,
    silence: Duration,
}

/// # Errors
/// A line that names the key.
pub(super) fn settings(get: &Values<'_>) -> Result<Settings, String> {
    Ok(Settings {
        pace: get
            .needed("agent.pace", |text| Some(Duration::from_millis(number(text, 0, 10_000)? as u64)))?,
        max_steps: get.needed("agent.max_steps", |text| number(text, 1, 100))?,
        silence: get.needed("agent.silence", super::seconds)?,
    })
}

impl Config {
    /// The agent of the demonstration.
    pub(crate) fn agent(&self, clock: &Clock) -> Agent {
        let Settings { pace, max_steps, silence } = self.agent;
        Agent { max_steps, silence, ..Agent::scripted(clock.clone(), pace) }
    }
}
