//! What an event is called to scripts: what its entry says of itself, if that cannot be mistaken.

use std::borrow::Cow;

use serde::Deserialize;

/// What only the server says, and what browsers call what happens to the connection. An entry of such a type is a
/// `message` like any other.
const TAKEN: [&str; 6] = ["end", "reset", "ping", "open", "error", "message"];
/// The most bytes of a name.
const MOST: usize = 64;

/// An entry that says what it is.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// The name of an entry of JSON: its `type`, if it is an object that has one and that can be a name.
pub(crate) fn name(entry: &[u8]) -> Option<Cow<'_, str>> {
    let Typed { kind } = serde_json::from_slice(entry).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    let is_name = (1..=MOST).contains(&kind.len()) && kind.bytes().all(plain) && !TAKEN.contains(&&*kind);
    is_name.then_some(kind)
}

#[cfg(test)]
mod tests {
    use tertulia::stream::{Event, EventKind};

    use super::*;

    #[test]
    fn an_event_is_called_after_its_type() {
        let event = Event::new(EventKind::ToolCall, "2 + 2");
        assert_eq!(name(&event.encode()).as_deref(), Some("tool_call"));
        assert_eq!(name(br#"{"a": 1, "type": "text-delta"}"#).as_deref(), Some("text-delta"));
    }

    #[test]
    fn what_could_be_mistaken_is_no_name() {
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(65));
        for entry in [
            r#"{"type":"end"}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"e\u006ed"}"#,
            r#"{"type":"a\nid: 7"}"#,
            r#"{"type":"a\r"}"#,
            r#"{"type":""}"#,
            r#"{"type":7}"#,
            r#"{"kind":"a"}"#,
            r#""type""#,
            "[]",
            "",
            &long,
        ] {
            assert_eq!(name(entry.as_bytes()), None, "{entry}");
        }
    }
}
