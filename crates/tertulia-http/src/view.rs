//! Dead letters and parked updates as JSON, for the routes and for whoever reads a storage without them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tertulia::runner::dead::Letter;
use tertulia::runner::parked::Parked;
use tertulia::runner::{DeadKind, Listing};

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its id, such as `17-42`.
    pub id: String,
    /// The id of the update, or one made for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Why it cannot be read by this version, which then tells nothing else of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub what: Option<Dead>,
}

/// What a dead letter says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dead {
    /// Where it belongs, such as `telegram:42`.
    pub conversation: String,
    /// `update` or `call`.
    pub kind: String,
    /// When it was given up, in milliseconds since 1970.
    pub died_ms: u64,
    /// How often it was tried.
    pub attempts: u16,
    /// Why it was given up.
    pub error: String,
    /// The length of its body in bytes.
    pub bytes: usize,
    /// The body, [readable](readable()); not in listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// A parked update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParkedUpdate {
    /// Its id, such as `17-42`.
    pub id: String,
    /// The id of the update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Where it belongs, such as `telegram:42`.
    pub conversation: String,
    /// When it arrived, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// How often it was tried.
    pub attempts: u16,
    /// Why it is parked.
    pub why: String,
    /// The length of its body in bytes.
    pub bytes: usize,
    /// The body, [readable](readable()).
    pub body: Value,
}

/// A page of either.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// By shard; within one oldest first.
    pub entries: Vec<T>,
    /// What `after` has to be for the next page; nothing at the end.
    pub next: Option<String>,
}

impl DeadLetter {
    /// The letter, with its body or without.
    pub fn new(letter: &Letter, with_body: bool) -> Self {
        let Letter { id, item, record, .. } = letter;
        Self {
            id: id.to_string(),
            item: item.as_ref().map(ToString::to_string),
            unreadable: record.as_ref().err().map(ToString::to_string),
            what: record.as_ref().ok().map(|record| {
                let (kind, body) = match record.what {
                    DeadKind::Update => ("update", readable as fn(&[u8]) -> Value),
                    DeadKind::Call(_) => ("call", readable_record as fn(&[u8]) -> Value),
                };
                Dead {
                    conversation: record.conversation.to_string(),
                    kind: kind.to_owned(),
                    died_ms: record.died.0,
                    attempts: record.attempts,
                    error: record.error.clone(),
                    bytes: record.body.len(),
                    body: with_body.then(|| body(&record.body)),
                }
            }),
        }
    }
}

impl ParkedUpdate {
    /// The update, with its body.
    pub fn new(parked: &Parked) -> Self {
        let Parked { id, item, why, record, .. } = parked;
        Self {
            id: id.to_string(),
            item: item.as_ref().map(ToString::to_string),
            conversation: record.conversation.to_string(),
            arrived_ms: record.arrived.0,
            attempts: record.attempts,
            why: why.clone(),
            bytes: record.body.len(),
            body: readable(&record.body),
        }
    }
}

impl<T> Page<T> {
    /// A page of a listing.
    pub fn new<U>(listing: &Listing<U>, view: impl FnMut(&U) -> T) -> Self {
        let next = listing.next.map(|next| next.to_string());
        Self { entries: listing.entries.iter().map(view).collect(), next }
    }
}

/// Bytes as JSON: what they say if they are JSON or text, else `{"hex": ..}`.
pub fn readable(bytes: &[u8]) -> Value {
    text(bytes).unwrap_or_else(|| hexadecimal(bytes))
}

/// Bytes as JSON whatever they say: `{"hex": ..}`.
pub fn hexadecimal(bytes: &[u8]) -> Value {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "hex": digits })
}

/// A stored record as JSON: the version of its format and what it says if that is JSON or text, else as
/// [`readable`](readable()).
pub fn readable_record(record: &[u8]) -> Value {
    let split = record.split_first().filter(|(version, rest)| **version < b' ' && !rest.is_empty());
    match split.and_then(|(version, rest)| Some((version, text(rest)?))) {
        Some((version, value)) => json!({ "format": version, "value": value }),
        None => readable(record),
    }
}

fn text(bytes: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Some(value);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.chars().any(|c| c.is_control() && !c.is_whitespace())).then(|| text.into())
}
