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
    /// A tool is called.
    ToolCall,
    /// What a tool gave.
    ToolResult,
    /// What the answer is based on.
    References,
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
const NAMES: [(EventKind, &str); 8] = [
    (EventKind::Content, "content"),
    (EventKind::Thinking, "thinking"),
    (EventKind::ToolCall, "tool_call"),
    (EventKind::ToolResult, "tool_result"),
    (EventKind::References, "references"),
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
