//! What the model says in a turn, and what becomes of it on the way.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A turn of the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a turn is pushed"]
pub struct Turn {
    /// What it thinks first.
    pub thinking: String,
    /// What it says.
    pub text: String,
    /// What it calls: names, and inputs as they are written, which need not be JSON.
    pub calls: Vec<(String, String)>,
    /// How it ends on the way.
    pub fate: Fate,
    /// How long a token takes, in milliseconds; that of the server if it is not said.
    pub pace: Option<u64>,
}

/// How an answer ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// It arrives.
    #[default]
    Whole,
    /// The connection is cut after so many bytes of the body.
    Cut(usize),
    /// After so many bytes of the body nothing more comes, and the connection stays.
    Hang(usize),
    /// After so many whole events it says that it has failed, with this status: a 429 in the middle of a stream.
    Fails(usize, u16),
    /// It is refused with this status, and with a `Retry-After` of so many seconds.
    Refused(u16, Option<u64>),
    /// After so many whole events one follows that is no JSON.
    Malformed(usize),
    /// After so many whole events the body ends, without the event that says so.
    Short(usize),
}

impl Turn {
    /// One that says this.
    pub fn says(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// One that calls a tool.
    pub fn calls(name: impl Into<String>, input: &Value) -> Self {
        Self::default().and_calls(name, input.to_string())
    }

    /// The same with a call more, whose input need not be JSON.
    pub fn and_calls(mut self, name: impl Into<String>, input: impl Into<String>) -> Self {
        self.calls.push((name.into(), input.into()));
        self
    }

    /// The same with what it thinks first.
    pub fn thinking(mut self, text: impl Into<String>) -> Self {
        self.thinking = text.into();
        self
    }

    /// The same with another end.
    pub fn fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    /// The same with tokens that take so many milliseconds.
    pub fn pace(mut self, millis: u64) -> Self {
        self.pace = Some(millis);
        self
    }

    /// One that is refused.
    pub fn refused(status: u16, retry_after: Option<u64>) -> Self {
        Self::default().fate(Fate::Refused(status, retry_after))
    }
}
