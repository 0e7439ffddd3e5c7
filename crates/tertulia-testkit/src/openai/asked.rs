//! What the server was asked, and what became of its answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Asked {
    /// The body, as JSON; `null` if it was none.
    pub body: Value,
    /// What stands behind `Bearer` in the header `Authorization`.
    pub key: Option<String>,
    /// When it came, since the server began.
    pub at: Duration,
    /// How its answer ended; `None` while it has not.
    pub ended: Option<Ended>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// It was given as it was meant to be, refusals and cuts included.
    Given,
    /// Whoever asked has gone before its end.
    Left,
}

impl Asked {
    /// The messages that it was given: roles and texts.
    pub fn messages(&self) -> Vec<(&str, &str)> {
        let messages = self.body["messages"].as_array().into_iter().flatten();
        messages.map(|message| (text(&message["role"]), text(&message["content"]))).collect()
    }

    /// The names of the tools that it was given.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().into_iter().flatten();
        tools.filter_map(|tool| tool["function"]["name"].as_str()).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
