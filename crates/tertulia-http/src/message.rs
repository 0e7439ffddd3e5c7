//! What somebody writes or presses, as it is posted and as it lies in the inbox.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tertulia::bot::{Update, UpdateKind, User};
use tertulia::{Error, Result};

/// A message: `{"text": "hello"}`, or a button that was pressed: `{"callback": "approve:c1"}`; and who it is from, if that
/// is known. Other fields are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Message {
    /// What it says; empty if a button was pressed.
    pub text: String,
    /// What the button carries, if one was pressed.
    pub callback: Option<String>,
    /// Who says it, by any name; the conversation does not depend on it.
    pub from: Option<String>,
}

/// A message as it is written.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    callback: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

impl TryFrom<Wire> for Message {
    type Error = &'static str;

    fn try_from(Wire { text, callback, from }: Wire) -> Result<Self, &'static str> {
        match (text, callback) {
            (Some(_), Some(_)) => Err("a `text` and a `callback` cannot be said at once"),
            (None, None) => Err("missing field `text`"),
            (text, callback) => Ok(Self { text: text.unwrap_or_default(), callback, from }),
        }
    }
}

impl From<Message> for Wire {
    fn from(Message { text, callback, from }: Message) -> Self {
        Self { text: callback.is_none().then_some(text), callback, from }
    }
}

impl Message {
    /// A message by nobody in particular.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), callback: None, from: None }
    }

    /// A pressed button that carries this.
    pub fn callback(data: impl Into<String>) -> Self {
        Self { text: String::new(), callback: Some(data.into()), from: None }
    }

    /// The message as a handler takes it.
    pub(crate) fn update(&self) -> Update {
        let Self { text, callback, from } = self.clone();
        let update = Update::new(match callback {
            Some(data) => UpdateKind::Callback { data },
            None => UpdateKind::Message { text: Some(text) },
        });
        match from {
            Some(name) => update.from(User { id: name.clone(), name }),
            None => update,
        }
    }

    /// What was said on another platform.
    pub(crate) fn of(update: &Update) -> Self {
        let mut message = match &update.kind {
            UpdateKind::Callback { data } => Self::callback(&**data),
            _ => Self::new(update.said().unwrap_or_default()),
        };
        message.from = update.from.as_ref().map(|user| user.name.clone()).filter(|name| !name.is_empty());
        message
    }

    /// The message as it is put into the inbox: the same for two bodies that say the same.
    ///
    /// # Errors
    /// `Internal`, which does not happen: texts can be written as JSON.
    pub(crate) fn encode(&self) -> Result<Bytes> {
        let failed = |cause| Error::internal("a message cannot be written as JSON").with_source(cause);
        serde_json::to_vec(self).map(Bytes::from).map_err(failed)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// `Invalid` if it is no message.
    pub(crate) fn decode(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body)
            .map_err(|cause| Error::invalid(format!("not a message: {cause}")).with_source(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_earlier_versions_put_into_the_inbox_are_read() {
        let stored = [
            &br#"{"text":"hi"}"#[..],
            &br#"{"text":"hi","from":"ana"}"#[..],
            &br#"{"callback":"approve:c1"}"#[..],
            &br#"{"text":""}"#[..],
        ];
        let messages = [
            Message::new("hi"),
            Message { from: Some("ana".into()), ..Message::new("hi") },
            Message::callback("approve:c1"),
            Message::new(""),
        ];
        for (stored, message) in stored.iter().zip(messages) {
            assert_eq!(Message::decode(stored).unwrap(), message);
            assert_eq!(message.encode().unwrap(), *stored);
        }
    }

    #[test]
    fn a_message_is_a_text_or_a_pressed_button() {
        for body in [&b"{}"[..], br#"{"text":"a","callback":"b"}"#, br#"{"callback":7}"#] {
            assert!(Message::decode(body).is_err());
        }
    }
}
