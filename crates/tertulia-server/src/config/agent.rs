//! What is configured of the demonstration's agent.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tertulia::Clock;

use super::{Config, Secret, Values, number, seconds, url};
use crate::demo::agent::Agent;
use crate::demo::model::openai::OpenAi;

/// How the agent is set.
#[derive(Debug)]
pub(super) struct Settings {
    pace: Duration,
    max_steps: usize,
    silence: Duration,
    /// The model, if it is not the script.
    model: Option<OpenAi>,
}

/// # Errors
/// A line that names the key; that a model has no name.
pub(super) fn settings(get: &Values<'_>) -> Result<Settings, String> {
    let key = get.optional("agent.api_key", key)?;
    let name =
        get.optional("agent.model", |text| (1..=256).contains(&text.len()).then(|| text.to_owned()))?;
    let model = match (get.optional("agent.model_url", |text| Url::parse(&url(text)?).ok())?, name) {
        (None, _) => None,
        (Some(url), Some(name)) => {
            Some(OpenAi::new(url, &name, key).map_err(|error| format!("agent.model_url: {error}"))?)
        }
        (Some(_), None) => {
            return Err("agent.model_url: a model is needed too; set TERTULIA_MODEL to its name".to_owned());
        }
    };
    Ok(Settings {
        pace: get
            .needed("agent.pace", |text| Some(Duration::from_millis(number(text, 0, 10_000)? as u64)))?,
        max_steps: get.needed("agent.max_steps", |text| number(text, 1, 100))?,
        silence: get.needed("agent.silence", seconds)?,
        model,
    })
}

impl Config {
    /// The agent of the demonstration.
    pub(crate) fn agent(&self, clock: &Clock) -> Agent {
        let Settings { pace, max_steps, silence, model } = &self.agent;
        let (max_steps, silence) = (*max_steps, *silence);
        let agent = Agent { max_steps, silence, ..Agent::scripted(clock.clone(), *pace) };
        match model {
            Some(model) => Agent { model: Arc::new(model.clone()), scripted: false, ..agent },
            None => agent,
        }
    }

    /// What the agent thinks with, for whoever starts it.
    pub(crate) fn model(&self) -> Option<String> {
        self.agent.model.as_ref().map(ToString::to_string)
    }
}

/// The key of an endpoint.
fn key(text: &str) -> Option<Secret> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=1_024).contains(&text.len())).then(|| Secret::new(text))
}
