//! Typed events: what is said in the stream of a message.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::End;
use crate::{Error, Result, Timestamp};

/// Something that happens while a message is answered. As an entry of a stream it is a JSON object: `type`, and of the
/// others those that say something; `at` in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What it is.
    pub kind: EventKind,
    /// What it belongs to, such as a call of a tool or one of several texts; not a key: events share it.
    pub id: Option<String>,
    /// What it says.
    pub content: String,
    /// Whether nothing more of its kind comes.
    pub done: bool,
    /// When it happened; set when it is appended, if nobody has.
    pub at: Option<Timestamp>,
    /// What else there is to know.
    pub data: Map<String, Value>,
}

/// What an event is. An open set: what is not known here is [`Other`](Self::Other).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A part of the answer.
    #[default]
    Content,
    /// A part of what is thought before the answer.
    Thinking,
    /// A part of what a tool is called with, as it is written: JSON text.
    ToolInput,
    /// A tool is called.
    ToolCall,
    /// Somebody is asked whether a tool may be called.
    Approval,
    /// What a tool gave.
    ToolResult,
    /// What the answer is based on.
    References,
    /// A file.
    File,
    /// Another step begins, such as the next turn of a model that has called tools.
    Step,
    /// Something about the answer as a whole.
    Metadata,
    /// Something failed; it need not be the end.
    Error,
    /// The answer is complete: the end.
    Complete,
    /// Somebody stopped it: the end.
    Stop,
    /// Anything else.
    Other(String),
}

impl Event {
    /// An event that says this.
    pub fn new(kind: EventKind, content: impl Into<String>) -> Self {
        Self { kind, content: content.into(), ..Self::default() }
    }

    /// A part of the answer.
    pub fn content(text: impl Into<String>) -> Self {
        Self::new(EventKind::Content, text)
    }

    /// A part of what is thought before the answer.
    pub fn thinking(text: impl Into<String>) -> Self {
        Self::new(EventKind::Thinking, text)
    }

    /// A part of what the tool `name` is about to be called with, as JSON text; `id` names the call.
    pub fn tool_input(id: impl Into<String>, name: impl Into<String>, delta: impl Into<String>) -> Self {
        Self::new(EventKind::ToolInput, delta).of(id).with("name", name.into())
    }

    /// The tool `name` is called; `id` names the call.
    pub fn tool_call(id: impl Into<String>, name: impl Into<String>, input: impl Into<Value>) -> Self {
        Self::new(EventKind::ToolCall, "").of(id).with("name", name.into()).with("input", input)
    }

    /// Somebody is asked whether the call of a tool that `id` names may be made; `approval` names the question.
    pub fn approval(id: impl Into<String>, approval: impl Into<String>) -> Self {
        Self::new(EventKind::Approval, "").of(id).with("approval", approval.into())
    }

    /// What the call of a tool that `id` names gave.
    pub fn tool_result(id: impl Into<String>, output: impl Into<Value>) -> Self {
        Self::new(EventKind::ToolResult, "").of(id).with("output", output)
    }

    /// The call of a tool that `id` names failed.
    pub fn tool_failed(id: impl Into<String>, error: impl Into<String>) -> Self {
        Self::new(EventKind::ToolResult, "").of(id).with("error", error.into())
    }

    /// The call of a tool that `id` names was not made, since somebody did not want it.
    pub fn tool_denied(id: impl Into<String>) -> Self {
        Self::new(EventKind::ToolResult, "").of(id).with("denied", true)
    }

    /// What the answer is based on: objects with `id`, `title`, and `url` or `media_type` and `filename`.
    pub fn references(sources: Vec<Value>) -> Self {
        Self::new(EventKind::References, "").with("sources", sources)
    }

    /// Another step begins.
    pub fn step() -> Self {
        Self::new(EventKind::Step, "")
    }

    /// Something failed; it need not be the end.
    pub fn error(text: impl Into<String>) -> Self {
        Self::new(EventKind::Error, text)
    }

    /// Data of the program's own: the kind is `data-` and the name.
    pub fn data(name: &str, data: impl Into<Value>) -> Self {
        Self::new(EventKind::Other(format!("data-{name}")), "").with("data", data)
    }

    /// The same of what `id` names, such as a call of a tool or one of several texts.
    #[must_use]
    pub fn of(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same with something more to know.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// How a stream ends with this event, if it does.
    pub fn ends(&self) -> Option<End> {
        match self.kind {
            EventKind::Complete => Some(End::Complete),
            EventKind::Stop => Some(End::Stopped),
            _ => None,
        }
    }

    /// The event as an entry.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            kind: self.kind.as_str().into(),
            id: self.id.as_deref().map(Into::into),
            content: self.content.as_str().into(),
            done: self.done,
            at: self.at.map(|at| at.0),
            data: std::borrow::Cow::Borrowed(&self.data),
        };
        serde_json::to_vec(&wire).expect("its maps have texts as keys")
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// `Invalid` if it is no event.
    pub fn decode(entry: &[u8]) -> Result<Self> {
        let wire: Wire<'_> = serde_json::from_slice(entry)
            .map_err(|error| Error::invalid(format!("the entry is no event: {error}")))?;
        Ok(Self {
            kind: EventKind::from(&*wire.kind),
            id: wire.id.map(Into::into),
            content: wire.content.into(),
            done: wire.done,
            at: wire.at.map(Timestamp),
            data: wire.data.into_owned(),
        })
    }
}

/// An event as it is stored and sent.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    id: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "str::is_empty", borrow)]
    content: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    done: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    #[serde(default, skip_serializing_if = "is_empty")]
    data: std::borrow::Cow<'a, Map<String, Value>>,
}

fn is_empty(data: &Map<String, Value>) -> bool {
    data.is_empty()
}

/// The names of the kinds that are known.
const NAMES: [(EventKind, &str); 13] = [
    (EventKind::Content, "content"),
    (EventKind::Thinking, "thinking"),
    (EventKind::ToolInput, "tool_input"),
    (EventKind::ToolCall, "tool_call"),
    (EventKind::Approval, "approval"),
    (EventKind::ToolResult, "tool_result"),
    (EventKind::References, "references"),
    (EventKind::File, "file"),
    (EventKind::Step, "step"),
    (EventKind::Metadata, "metadata"),
    (EventKind::Error, "error"),
    (EventKind::Complete, "complete"),
    (EventKind::Stop, "stop"),
];

impl EventKind {
    /// Its name, such as `tool_call`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => NAMES.iter().find(|(kind, _)| kind == known).map_or("content", |(_, name)| name),
        }
    }
}

impl std::convert::From<&str> for EventKind {
    fn from(name: &str) -> Self {
        let known = NAMES.iter().find(|(_, known)| *known == name);
        known.map_or_else(|| Self::Other(name.to_owned()), |(kind, _)| kind.clone())
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_what_earlier_versions_wrote() {
        let mut event = Event::new(EventKind::ToolCall, "2 + \"2\"");
        (event.id, event.done, event.at) = (Some("c1".into()), true, Some(Timestamp(7)));
        event.data.insert("tool".into(), "calculator".into());
        let entry =
            br#"{"type":"tool_call","id":"c1","content":"2 + \"2\"","done":true,"at":7,"data":{"tool":"calculator"}}"#;
        assert_eq!(String::from_utf8(event.encode()).unwrap(), String::from_utf8_lossy(entry));
        assert_eq!(Event::decode(entry).unwrap(), event);
        assert_eq!(Event::decode(br#"{"type":"content"}"#).unwrap(), Event::default());
    }

    #[test]
    fn a_tool_is_called_asked_about_and_answered_under_one_id() {
        let events = [
            (
                Event::tool_input("c1", "sum", "{\"a\":"),
                r#"{"type":"tool_input","id":"c1","content":"{\"a\":","data":{"name":"sum"}}"#,
            ),
            (
                Event::tool_call("c1", "sum", 7),
                r#"{"type":"tool_call","id":"c1","data":{"input":7,"name":"sum"}}"#,
            ),
            (Event::approval("c1", "a1"), r#"{"type":"approval","id":"c1","data":{"approval":"a1"}}"#),
            (Event::tool_result("c1", "9"), r#"{"type":"tool_result","id":"c1","data":{"output":"9"}}"#),
            (Event::tool_failed("c1", "late"), r#"{"type":"tool_result","id":"c1","data":{"error":"late"}}"#),
            (Event::tool_denied("c1"), r#"{"type":"tool_result","id":"c1","data":{"denied":true}}"#),
            (Event::step(), r#"{"type":"step"}"#),
            (Event::data("mood", "glad"), r#"{"type":"data-mood","data":{"data":"glad"}}"#),
        ];
        for (event, entry) in events {
            assert_eq!(String::from_utf8(event.encode()).unwrap(), entry);
            assert_eq!(Event::decode(entry.as_bytes()).unwrap(), event);
        }
    }

    #[test]
    fn every_kind_keeps_its_name_and_unknown_ones_too() {
        for name in NAMES.iter().map(|(_, name)| *name).chain(["mcp_oauth_required"]) {
            assert_eq!(EventKind::from(name).as_str(), name);
        }
        assert_eq!(EventKind::from("reflection"), EventKind::Other("reflection".into()));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for entry in [&b""[..], b"[]", b"{}", b"\xff", br#"{"type":7}"#] {
            assert_eq!(Event::decode(entry).unwrap_err().kind(), crate::error::Kind::Invalid);
        }
    }
}
