//! What a handler may answer: whole, or line by line.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A whole answer. Everything in it may be absent; `null` is as good as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// A JSON Merge Patch (RFC 7396) of the session.
    pub(super) session: Option<Map<String, Value>>,
    /// Or a JSON Patch (RFC 6902).
    pub(super) session_patch: Option<json_patch::Patch>,
    pub(super) replies: Option<Vec<Reply>>,
    /// The events of a live reply.
    pub(super) live: Option<Vec<Map<String, Value>>>,
    /// What is said in a stream of the update, besides.
    pub(super) events: Option<Vec<Said>>,
    /// Says this too and has the update posted again with what is said next.
    pub(super) ask: Option<Question>,
    /// Fails the try.
    pub(super) error: Option<String>,
}

/// A line of an answer that comes as it is made: an object with one of these fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Reply(Reply),
    /// An event of the live reply, which begins with the first: seen at once, on every platform.
    Live(Map<String, Value>),
    /// Seen at once by who follows the stream, whatever becomes of the rest of the answer.
    Event(Said),
    /// A JSON Merge Patch of the session as the lines before left it.
    Session(Map<String, Value>),
    /// A JSON Patch of the same.
    SessionPatch(json_patch::Patch),
    /// Recorded at once, whatever becomes of the rest of the answer.
    Once(Recorded),
    /// Ends the answer as `done` does: says this too and has the update posted again with what is said next.
    Ask(Question),
    /// Fails the try.
    Error(String),
    /// Ends the answer if it is true. Without it nothing of the answer counts.
    Done(bool),
}

/// A result that later attempts are given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub(super) name: String,
    pub(super) value: Value,
}

/// A question, and how long its answer is waited for: 24 h unless told otherwise, which is the most.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) text: String,
    pub(super) within_seconds: Option<u64>,
}

/// Something said in a stream of the update: the one named `stream`, or `answer`.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) stream: Option<String>,
    /// The event, as streams hold it.
    #[serde(flatten)]
    pub(super) event: Map<String, Value>,
}

/// Something to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) text: String,
}
