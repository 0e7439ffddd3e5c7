//! What an agent thinks with: a model is given the conversation and the tools, and says what it says piece by piece.

pub(crate) mod openai;
pub(crate) mod scripted;

use std::fmt;
use std::time::Duration;

use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that goes on with a conversation.
pub(crate) trait Model: Send + Sync + fmt::Debug {
    /// The next turn of the model, as it comes. Dropped, the model is not asked on. The stream ends when the model has
    /// said all, or with its first error.
    fn answer(&self, prompt: Prompt) -> BoxStream<'static, Result<ModelEvent, ModelError>>;
}

/// What a model is asked.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    /// What no other turn is called: for ids of calls.
    pub(crate) turn: String,
    /// What it is to know and to be.
    pub(crate) system: String,
    /// The conversation, oldest first; the last is what it goes on from.
    pub(crate) messages: Vec<Message>,
    /// What it may call; none in the last turn that it has.
    pub(crate) tools: Vec<ToolSpec>,
}

/// A tool, as a model is told of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolSpec {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// The JSON Schema of its input.
    pub(crate) input: Value,
}

/// A piece of what a model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelEvent {
    /// A part of what it thinks.
    Thinking(String),
    /// A part of what it says.
    Text(String),
    /// A part of the input of the call `id`, as it is written.
    Input { id: String, name: String, delta: String },
    /// A whole call.
    Call(Call),
    /// What the turn cost.
    Usage(Usage),
}

/// A call of a tool. As it is stored: fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    /// As the model wrote it: JSON, if it is right.
    #[serde(default)]
    pub(crate) input: String,
}

/// How many tokens a turn took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub(crate) input: u64,
    #[serde(default)]
    pub(crate) output: u64,
}

/// A message of the conversation with a model. As it is stored: fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) text: String,
    /// What the model called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) calls: Vec<Call>,
    /// The call that this is the result of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    #[default]
    User,
    Assistant,
    Tool,
    /// One that a later version knows.
    #[serde(other)]
    Unknown,
}

impl Message {
    pub(crate) fn user(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn assistant(text: impl Into<String>, calls: Vec<Call>) -> Self {
        Self { role: Role::Assistant, text: text.into(), calls, of: None }
    }

    /// What a call gave.
    pub(crate) fn result(of: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: Role::Tool, text: text.into(), calls: Vec::new(), of: Some(of.into()) }
    }
}

/// Why a model did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelError {
    /// For people: lowercase, names no secret.
    pub(crate) text: String,
    /// Whether another try may do.
    pub(crate) passing: bool,
    /// How long it asks to be left alone.
    pub(crate) after: Option<Duration>,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ModelError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_other_versions_stored_are_read() {
        let read = |json: &str| serde_json::from_str::<Message>(json).unwrap();
        assert_eq!(read("{}"), Message::user(""));
        assert_eq!(
            read(
                r#"{"role":"assistant","text":"hm","calls":[{"id":"c1","name":"clock","more":1}],"mood":2}"#
            ),
            Message::assistant(
                "hm",
                vec![Call { id: "c1".into(), name: "clock".into(), input: String::new() }]
            )
        );
        assert_eq!(read(r#"{"role":"tool","text":"7","of":"c1"}"#), Message::result("c1", "7"));
        assert_eq!(read(r#"{"role":"critic"}"#).role, Role::Unknown);
    }
}
