//! What a reply over the AI SDK is made of: the chunks of its UI message stream, version 1.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;

/// A chunk, with the fields that `uiMessageChunkSchema` of `ai` 6 has for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum Chunk {
    Start {
        message_id: String,
    },
    StartStep,
    FinishStep,
    Finish {
        finish_reason: &'static str,
    },
    Abort {
        reason: &'static str,
    },
    Error {
        error_text: String,
    },
    TextStart {
        id: String,
    },
    TextDelta {
        id: String,
        delta: String,
    },
    TextEnd {
        id: String,
    },
    ReasoningStart {
        id: String,
    },
    ReasoningDelta {
        id: String,
        delta: String,
    },
    ReasoningEnd {
        id: String,
    },
    ToolInputStart {
        tool_call_id: String,
        tool_name: String,
        #[serde(flatten)]
        by: By,
    },
    ToolInputDelta {
        tool_call_id: String,
        input_text_delta: String,
    },
    ToolInputAvailable {
        tool_call_id: String,
        tool_name: String,
        input: Value,
        #[serde(flatten)]
        by: By,
    },
    ToolInputError {
        tool_call_id: String,
        tool_name: String,
        input: Value,
        error_text: String,
        #[serde(flatten)]
        by: By,
    },
    ToolApprovalRequest {
        approval_id: String,
        tool_call_id: String,
    },
    ToolOutputAvailable {
        tool_call_id: String,
        output: Value,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        preliminary: bool,
        #[serde(flatten)]
        by: By,
    },
    ToolOutputError {
        tool_call_id: String,
        error_text: String,
        #[serde(flatten)]
        by: By,
    },
    ToolOutputDenied {
        tool_call_id: String,
    },
    SourceUrl {
        source_id: String,
        url: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    SourceDocument {
        source_id: String,
        media_type: String,
        title: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
    },
    File {
        url: String,
        media_type: String,
    },
    MessageMetadata {
        message_metadata: Value,
    },
    #[serde(untagged)]
    Data(Data),
}

/// Who runs a tool. A page runs, and counts, only calls that are not said to be made elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct By {
    /// The bot does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) provider_executed: bool,
}

/// Data of a program's own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Data {
    /// `data-` and a name.
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) data: Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) transient: bool,
}

impl Chunk {
    /// The chunk as a server-sent event. JSON has no line breaks, so nothing in it can pass for another one.
    pub(super) fn frame(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        serde_json::to_writer(&mut *out, self).expect("its maps have texts as keys");
        out.write_all(b"\n\n").expect("a vector takes everything");
    }
}

/// What comes after the last chunk.
pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";
/// What says that the connection stands: a comment, which clients pass over.
pub(super) const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
