//! What an endpoint sends, as far as it is used. Anything may be missing or `null`: compatible endpoints differ.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    #[serde(deserialize_with = "or_default")]
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Used>,
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(deserialize_with = "or_default")]
    pub(super) delta: Delta,
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    pub(super) content: Option<String>,
    /// What it thinks, as vLLM and DeepSeek call it.
    pub(super) reasoning_content: Option<String>,
    /// The same, as OpenRouter and Ollama do.
    pub(super) reasoning: Option<String>,
    /// Why it says nothing else.
    pub(super) refusal: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) tool_calls: Vec<CallDelta>,
}

/// A part of a call: of which one its index tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CallDelta {
    pub(super) index: Option<usize>,
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) function: Function,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Used {
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
}

/// What is `null` is as what is missing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// What an error says: the body of an answer, or `None` if it says nothing of use.
pub(super) fn error(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    said(&body["error"]).or_else(|| said(&body))
}

/// What the field `error` says.
pub(super) fn said(error: &Value) -> Option<String> {
    let text = error.as_str().or_else(|| error["message"].as_str())?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The status that the field `error` of an event names.
pub(super) fn status(error: &Value) -> Option<u16> {
    let code = [&error["code"], &error["status"]].into_iter().find_map(|code| match code {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    u16::try_from(code?).ok()
}
