//! The parameters of a method: from JSON, a form, or the URL, where numbers may be texts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The parameters that this server reads, of whatever method.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Params {
    chat_id: Loose,
    message_id: Loose,
    pub(super) text: Option<String>,
    offset: Loose,
    limit: Loose,
    timeout: Loose,
    allowed_updates: Option<Value>,
    pub(super) callback_query_id: Option<String>,
    pub(super) inline_message_id: Option<String>,
    pub(super) url: Option<String>,
    pub(super) secret_token: Option<String>,
    max_connections: Loose,
    drop_pending_updates: Loose,
}

/// A number or a truth, which may be written as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(i64),
    Text(String),
    True(bool),
    #[default]
    Missing,
}

impl Loose {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn is_true(&self) -> bool {
        match self {
            Self::True(is) => *is,
            Self::Text(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "1"),
            Self::Number(number) => *number == 1,
            Self::Missing => false,
        }
    }
}

impl Params {
    /// Reads them. What stands in the URL is taken if there is no body.
    pub(super) fn read(query: Option<&str>, content_type: &str, body: &[u8]) -> Option<Self> {
        if content_type.starts_with("application/json") {
            return serde_json::from_slice(body).ok();
        }
        let form = match body {
            [] => query.unwrap_or_default(),
            body => str::from_utf8(body).ok()?,
        };
        let fields: Map<String, Value> =
            pairs(form).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
        serde_json::from_value(Value::Object(fields)).ok()
    }

    pub(super) fn chat(&self) -> Option<i64> {
        self.chat_id.number().filter(|chat| *chat != 0)
    }

    pub(super) fn message(&self) -> Option<i32> {
        self.message_id.number().and_then(|id| id.try_into().ok())
    }

    pub(super) fn offset(&self) -> i32 {
        let offset = self.offset.number().unwrap_or(0);
        offset.clamp(i32::MIN.into(), i32::MAX.into()).try_into().unwrap_or(0)
    }

    /// From 1 to 100; whatever is outside becomes the nearest.
    pub(super) fn limit(&self) -> usize {
        self.limit.number().unwrap_or(100).clamp(1, 100).try_into().unwrap_or(1)
    }

    /// In seconds, 50 at most.
    pub(super) fn timeout(&self) -> u64 {
        self.timeout.number().unwrap_or(0).clamp(0, 50).try_into().unwrap_or(0)
    }

    /// From 1 to 100, 40 if it is not given.
    pub(super) fn max_connections(&self) -> usize {
        self.max_connections.number().unwrap_or(40).clamp(1, 100).try_into().unwrap_or(40)
    }

    pub(super) fn drop_pending_updates(&self) -> bool {
        self.drop_pending_updates.is_true()
    }

    /// The kinds of updates the bot wants, if this says so; none means the usual ones.
    pub(super) fn allowed_updates(&self) -> Option<Vec<String>> {
        match self.allowed_updates.as_ref()? {
            Value::String(text) => serde_json::from_str(text).ok(),
            list => serde_json::from_value(list.clone()).ok(),
        }
    }
}

/// The pairs of a form or a URL's query.
pub(super) fn pairs(form: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (plain(name), plain(value))
    })
}

/// Text without its percent signs. What is no UTF-8 is replaced.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                plain.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                plain.push(b'%');
                plain.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned().into()
}
