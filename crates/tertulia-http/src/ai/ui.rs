//! A message as a `UIMessage`: what `ai` 6 makes of its chunks, `processUIMessageStream` again.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::chunk::{By, Chunk};

/// A message of a chat.
#[derive(Debug, Serialize)]
pub(super) struct UiMessage {
    pub(super) id: String,
    pub(super) role: &'static str,
    pub(super) parts: Vec<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Value>,
}

impl UiMessage {
    /// What a user wrote.
    pub(super) fn of_user(id: String, text: &str) -> Self {
        let part = part("text", json!({ "text": text }));
        Self { id, role: "user", parts: vec![part], metadata: None }
    }

    /// The reply with that id. Calls whose input is still being written are left out: a client that resumes would go on from
    /// there, and not begin anew.
    pub(super) fn of_bot(id: String, chunks: impl IntoIterator<Item = Chunk>) -> Self {
        let mut message = Self { id, role: "assistant", parts: Vec::new(), metadata: None };
        for chunk in chunks {
            message.apply(chunk);
        }
        message.parts.retain(|part| part.get("state") != Some(&json!("input-streaming")));
        message
    }

    fn apply(&mut self, chunk: Chunk) {
        match chunk {
            Chunk::StartStep => self.push("step-start", json!({})),
            Chunk::TextStart { .. } => self.push("text", json!({ "text": "", "state": "streaming" })),
            Chunk::ReasoningStart { id } => {
                self.push("reasoning", json!({ "id": id, "text": "", "state": "streaming" }));
            }
            Chunk::TextDelta { delta, .. } | Chunk::ReasoningDelta { delta, .. } => self.say(&delta),
            Chunk::TextEnd { .. } | Chunk::ReasoningEnd { .. } => self.set_last("state", "done".into()),
            Chunk::SourceUrl { source_id, url, title } => {
                self.push("source-url", json!({ "sourceId": source_id, "url": url, "title": title }));
            }
            Chunk::SourceDocument { source_id, media_type, title, filename } => {
                let part = json!({
                    "sourceId": source_id, "mediaType": media_type, "title": title, "filename": filename
                });
                self.push("source-document", part);
            }
            Chunk::File { url, media_type } => {
                self.push("file", json!({ "mediaType": media_type, "url": url }))
            }
            Chunk::Data(data) if !data.transient => {
                let known = data.id.as_ref().and_then(|id| {
                    let is_it = |part: &&mut Map<String, Value>| {
                        part.get("type") == Some(&json!(data.kind)) && part.get("id") == Some(&json!(id))
                    };
                    self.parts.iter_mut().find(is_it)
                });
                match known {
                    Some(part) => drop(part.insert("data".into(), data.data)),
                    None => self.push(&data.kind, json!({ "id": data.id, "data": data.data })),
                }
            }
            Chunk::MessageMetadata { message_metadata } => match &mut self.metadata {
                Some(metadata) => merge(metadata, message_metadata),
                None => self.metadata = Some(message_metadata),
            },
            chunk => self.tool(chunk),
        }
    }

    fn tool(&mut self, chunk: Chunk) {
        match chunk {
            Chunk::ToolInputStart { tool_call_id, tool_name, by } => {
                self.call(&tool_call_id, &tool_name, by, "input-streaming", json!({}));
            }
            Chunk::ToolInputAvailable { tool_call_id, tool_name, input, by } => {
                self.call(&tool_call_id, &tool_name, by, "input-available", json!({ "input": input }));
            }
            Chunk::ToolInputError { tool_call_id, tool_name, input, error_text, by } => {
                let fields = json!({ "rawInput": input, "errorText": error_text });
                self.call(&tool_call_id, &tool_name, by, "output-error", fields);
            }
            Chunk::ToolApprovalRequest { approval_id, tool_call_id } => {
                self.set(&tool_call_id, "approval-requested", json!({ "approval": { "id": approval_id } }));
            }
            Chunk::ToolOutputAvailable { tool_call_id, output, preliminary, .. } => {
                self.set(&tool_call_id, "output-available", json!({ "output": output }));
                self.preliminary(&tool_call_id, preliminary);
                self.decided(&tool_call_id, true);
            }
            Chunk::ToolOutputError { tool_call_id, error_text, .. } => {
                self.set(&tool_call_id, "output-error", json!({ "errorText": error_text }));
                self.decided(&tool_call_id, true);
            }
            Chunk::ToolOutputDenied { tool_call_id } => {
                self.set(&tool_call_id, "output-denied", json!({}));
                self.decided(&tool_call_id, false);
            }
            _ => {}
        }
    }

    fn push(&mut self, kind: &str, fields: Value) {
        self.parts.push(part(kind, fields));
    }

    fn say(&mut self, delta: &str) {
        let last = self.parts.last_mut().and_then(|part| part.get_mut("text"));
        if let Some(Value::String(text)) = last {
            text.push_str(delta);
        }
    }

    fn set_last(&mut self, name: &str, value: Value) {
        if let Some(part) = self.parts.last_mut() {
            part.insert(name.to_owned(), value);
        }
    }

    fn find(&mut self, call: &str) -> Option<&mut Map<String, Value>> {
        self.parts.iter_mut().rfind(|part| part.get("toolCallId").and_then(Value::as_str) == Some(call))
    }

    /// A call as it begins or is made.
    fn call(&mut self, id: &str, name: &str, by: By, state: &str, fields: Value) {
        if self.find(id).is_none() {
            self.push(&format!("tool-{name}"), json!({ "toolCallId": id }));
        }
        self.set(id, state, fields);
        if by.provider_executed {
            self.set(id, state, json!({ "providerExecuted": true }));
        }
    }

    fn set(&mut self, call: &str, state: &str, fields: Value) {
        let Some(known) = self.find(call) else { return };
        known.insert("state".into(), state.into());
        let Value::Object(fields) = fields else { return };
        known.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }

    /// Whether another result of a call follows.
    fn preliminary(&mut self, call: &str, preliminary: bool) {
        let Some(known) = self.find(call) else { return };
        match preliminary {
            true => drop(known.insert("preliminary".into(), true.into())),
            false => drop(known.remove("preliminary")),
        }
    }

    /// What the user decided about a call that asked: the chunks do not say it, but what came of it does.
    fn decided(&mut self, call: &str, approved: bool) {
        let approval = self.find(call).and_then(|part| part.get_mut("approval"));
        if let Some(Value::Object(approval)) = approval {
            approval.insert("approved".into(), approved.into());
        }
    }
}

/// A part of that type, without the fields that are null.
fn part(kind: &str, fields: Value) -> Map<String, Value> {
    let mut part = Map::new();
    part.insert("type".into(), kind.into());
    if let Value::Object(fields) = fields {
        part.extend(fields.into_iter().filter(|(name, value)| !value.is_null() || name == "data"));
    }
    part
}

/// As the SDK merges: objects field by field, what else there is replaces.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
