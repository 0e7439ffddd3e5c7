//! What somebody writes, as it is posted and as it lies in the inbox.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tertulia::{Error, Result};

/// A message: `{"text": "hello"}`, and who writes it if that is known. Other fields are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it says.
    pub text: String,
    /// Who says it, by any name; the conversation does not depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Message {
    /// A message by nobody in particular.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), from: None }
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
        let stored = [&br#"{"text":"hi"}"#[..], &br#"{"text":"hi","from":"ana"}"#[..]];
        let messages = [Message::new("hi"), Message { text: "hi".into(), from: Some("ana".into()) }];
        for (stored, message) in stored.iter().zip(messages) {
            assert_eq!(Message::decode(stored).unwrap(), message);
            assert_eq!(message.encode().unwrap(), *stored);
        }
    }
}
