//! A turn as events of a stream, in OpenAI's words.

use bytes::Bytes;
use serde_json::{Value, json};

use super::turn::Turn;

/// What every answer says it is of.
const MODEL: &str = "fake";

/// The events of a turn, the first token first. Words are tokens.
pub(super) fn frames(turn: &Turn, number: usize, usage: bool) -> Vec<Bytes> {
    let id = format!("chatcmpl-{number}");
    let chunk = |delta: Value, finish: Option<&str>| {
        frame(&json!({
            "id": id, "object": "chat.completion.chunk", "created": 0, "model": MODEL,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        }))
    };
    let mut frames = vec![chunk(json!({ "role": "assistant", "content": "" }), None)];
    frames.extend(tokens(&turn.thinking).map(|token| chunk(json!({ "reasoning_content": token }), None)));
    frames.extend(tokens(&turn.text).map(|token| chunk(json!({ "content": token }), None)));
    for (index, (name, input)) in turn.calls.iter().enumerate() {
        let function = json!({ "name": name, "arguments": "" });
        let call =
            json!({ "index": index, "id": call_id(number, index), "type": "function", "function": function });
        frames.push(chunk(json!({ "tool_calls": [call] }), None));
        frames.extend(pieces(input).map(|piece| {
            let call = json!({ "index": index, "function": { "arguments": piece } });
            chunk(json!({ "tool_calls": [call] }), None)
        }));
    }
    frames.push(chunk(json!({}), Some(finish(turn))));
    if usage {
        frames.push(frame(&json!({
            "id": id, "object": "chat.completion.chunk", "created": 0, "model": MODEL,
            "choices": [], "usage": used(turn),
        })));
    }
    frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
    frames
}

/// The turn as one answer.
pub(super) fn whole(turn: &Turn, number: usize) -> Value {
    let calls = turn.calls.iter().enumerate().map(|(index, (name, input))| {
        let function = json!({ "name": name, "arguments": input });
        json!({ "id": call_id(number, index), "type": "function", "function": function })
    });
    let calls: Vec<Value> = calls.collect();
    let mut message = json!({ "role": "assistant", "content": turn.text });
    if !turn.thinking.is_empty() {
        message["reasoning_content"] = turn.thinking.as_str().into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    json!({
        "id": format!("chatcmpl-{number}"), "object": "chat.completion", "created": 0, "model": MODEL,
        "choices": [{ "index": 0, "message": message, "finish_reason": finish(turn) }],
        "usage": used(turn),
    })
}

/// An error, in a stream or alone.
pub(super) fn error(status: u16) -> Value {
    let kind = if status == 429 { "rate_limit_exceeded" } else { "server_error" };
    json!({ "error": { "message": format!("the fake fails with {status}"), "type": kind, "code": status } })
}

pub(super) fn frame(json: &Value) -> Bytes {
    Bytes::from(format!("data: {json}\n\n"))
}

fn finish(turn: &Turn) -> &'static str {
    if turn.calls.is_empty() { "stop" } else { "tool_calls" }
}

fn call_id(number: usize, index: usize) -> String {
    format!("call_{number}_{index}")
}

fn used(turn: &Turn) -> Value {
    let completion = tokens(&turn.thinking).count() + tokens(&turn.text).count();
    json!({ "prompt_tokens": 7, "completion_tokens": completion, "total_tokens": 7 + completion })
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

/// An input in pieces of a few characters.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(4).map(|piece| piece.iter().collect()).collect::<Vec<String>>().into_iter()
}
