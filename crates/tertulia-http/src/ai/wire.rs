//! What a page posts, and what of it is said to the bot.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::call::{Call, Calls};
use crate::{Message, Problem, ProblemKind};

/// The most bytes of a message's id, which is kept.
const MAX_ID: usize = 255;

/// The body of `POST /v1/ai/chat`. Other fields are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    /// The chat, whose conversation is `http:<id>`.
    pub(super) id: String,
    messages: Vec<UiMessage>,
    #[serde(default)]
    trigger: Trigger,
    /// The message that is said in another way, answered, or to be answered anew.
    message_id: Option<String>,
    /// Who says it, as in [`Message::from`].
    from: Option<String>,
}

/// Why a page posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    #[default]
    SubmitMessage,
    RegenerateMessage,
}

/// A `UIMessage`.
#[derive(Debug, Deserialize)]
struct UiMessage {
    #[serde(default)]
    id: String,
    role: String,
    #[serde(default)]
    parts: Vec<Map<String, Value>>,
}

/// What is said to the bot.
#[derive(Debug)]
pub(super) struct Said {
    /// The updates, in order, at least one.
    pub(super) updates: Vec<Update>,
    /// The message that the reply goes on with, if it is no new one.
    pub(super) goes_on: Option<String>,
    /// The calls of tools that the page knows of.
    pub(super) calls: Calls,
}

/// Something that is said.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) message: Message,
    /// What names it, so that it counts once; nothing if it counts each time.
    pub(super) key: Option<String>,
    /// What names it if something else was said under that key.
    pub(super) or_key: Option<String>,
}

impl Body {
    /// What it says to the bot: the last message, or the answers that the last message, a reply, waited for.
    ///
    /// # Errors
    /// `Invalid` if there is nothing to say; `Unfit` for files.
    pub(super) fn said(self) -> Result<Said, Problem> {
        let calls = self.calls();
        let Self { mut messages, trigger, message_id, from, .. } = self;
        let last = messages.pop().ok_or_else(|| invalid("there are no messages"))?;
        if last.id.len() > MAX_ID {
            return Err(invalid(&format!("the id of a message has at most {MAX_ID} bytes")));
        }
        if last.role == "assistant" && trigger == Trigger::SubmitMessage {
            let callbacks = last.parts.iter().filter_map(|part| callback(&last.id, part));
            let message = |data: String| Message { from: from.clone(), ..Message::callback(data) };
            let updates: Vec<_> = callbacks
                .map(|(key, data)| Update { message: message(data), key: Some(key), or_key: None })
                .collect();
            if updates.is_empty() {
                return Err(invalid("the last message is a reply that waits for nothing"));
            }
            return Ok(Said { updates, goes_on: Some(last.id), calls });
        }
        if last.role != "user" {
            return Err(invalid("the last message is not the user's"));
        }
        let text = text(&last)?;
        let (key, or_key) = match trigger {
            // Without the reply's id it is said again each time.
            Trigger::RegenerateMessage => (message_id.map(|reply| format!("ai/again/{reply}")), None),
            Trigger::SubmitMessage if last.id.is_empty() => (None, None),
            // With its id the same message may be meant, or what it says after it was edited.
            Trigger::SubmitMessage => {
                let edited = message_id.filter(|id| *id == last.id);
                let edited = edited.map(|id| format!("ai/edited/{id}/{text}"));
                (Some(format!("{SAID}{}", last.id)), edited)
            }
        };
        let calls = calls.of_before();
        let update = Update { message: Message { from, ..Message::new(text) }, key, or_key };
        Ok(Said { updates: vec![update], goes_on: None, calls })
    }

    /// The calls of tools in the messages; those of the last one are known to be shown.
    fn calls(&self) -> Calls {
        let mut calls = Calls::default();
        for (n, message) in self.messages.iter().enumerate() {
            let is_last = n + 1 == self.messages.len();
            for part in &message.parts {
                let Some((id, name)) = tool(part) else { continue };
                let state = part.get("state").and_then(Value::as_str).unwrap_or_default();
                let call = Call {
                    name: name.to_owned(),
                    input: part.get("input").cloned(),
                    is_shown: is_last,
                    takes_input: false,
                    is_open: !state.starts_with("output-"),
                    is_clients: !is_bots(part),
                };
                calls.insert(id.to_owned(), call);
            }
        }
        calls
    }
}

/// What the user wrote.
///
/// # Errors
/// `Unfit` if there is a file, `Invalid` if there is no text.
fn text(message: &UiMessage) -> Result<String, Problem> {
    let mut texts = Vec::new();
    for part in &message.parts {
        match part.get("type").and_then(Value::as_str) {
            Some("text") => texts.extend(part.get("text").and_then(Value::as_str)),
            Some("file") => {
                return Err(Problem::new(ProblemKind::Unfit, "messages with files are not taken, only text"));
            }
            _ => {}
        }
    }
    match texts.iter().all(|text| text.trim().is_empty()) {
        true => Err(invalid("the last message has no text")),
        false => Ok(texts.join("\n")),
    }
}

/// What a part of a reply answers, if it answers something: the key that names the answer, and the answer.
fn callback(message: &str, part: &Map<String, Value>) -> Option<(String, String)> {
    let (call, _) = tool(part)?;
    let of = |name: &str| part.get(name).and_then(Value::as_str);
    match of("state")? {
        "approval-responded" => {
            let approval = part.get("approval")?.as_object()?;
            let id = approval.get("id")?.as_str()?;
            let data = match (approval.get("approved")?.as_bool()?, approval.get("reason")) {
                (true, _) => format!("approve:{id}"),
                (false, Some(Value::String(reason))) if !reason.is_empty() => format!("deny:{id} {reason}"),
                (false, _) => format!("deny:{id}"),
            };
            Some((format!("ai/approval/{message}/{id}"), data))
        }
        "output-available" if !is_bots(part) => {
            let output = part.get("output").unwrap_or(&Value::Null);
            Some((format!("ai/output/{message}/{call}"), format!("output:{call} {output}")))
        }
        "output-error" if !is_bots(part) => {
            let error = of("errorText").unwrap_or_default();
            Some((format!("ai/output/{message}/{call}"), format!("failed:{call} {error}")))
        }
        _ => None,
    }
}

/// What the keys of messages begin with; what follows is the id.
const SAID: &str = "ai/said/";

/// The id of the message that was posted with this key.
pub(super) fn id_of(key: &str) -> Option<&str> {
    key.strip_prefix(SAID)
}

/// Whether what a message says answers a reply instead of being a message of its own.
pub(super) fn is_answer(said: &str) -> bool {
    ["approve:", "deny:", "output:", "failed:"].iter().any(|begin| said.starts_with(begin))
}

/// The id and the name of the call that a part is of.
fn tool(part: &Map<String, Value>) -> Option<(&str, &str)> {
    let of = |name: &str| part.get(name).and_then(Value::as_str);
    let name = match of("type")? {
        "dynamic-tool" => of("toolName")?,
        kind => kind.strip_prefix("tool-")?,
    };
    Some((of("toolCallId")?, name))
}

/// Whether the call is the bot's to make.
fn is_bots(part: &Map<String, Value>) -> bool {
    part.get("providerExecuted") == Some(&Value::Bool(true))
}

fn invalid(text: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, text)
}
