//! A prompt as the body of a request.

use serde_json::{Value, json};

use super::super::{Call, Message, Prompt, Role, ToolSpec};

/// The body that asks for the next turn, as a stream.
pub(super) fn body(model: &str, prompt: &Prompt) -> Value {
    let system = json!({ "role": "system", "content": prompt.system });
    let messages: Vec<Value> = [system].into_iter().chain(prompt.messages.iter().map(message)).collect();
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    if !prompt.tools.is_empty() {
        body["tools"] = prompt.tools.iter().map(tool).collect();
    }
    body
}

fn message(message: &Message) -> Value {
    match message.role {
        Role::User | Role::Unknown => json!({ "role": "user", "content": message.text }),
        Role::Tool => json!({ "role": "tool", "tool_call_id": message.of, "content": message.text }),
        Role::Assistant => {
            let mut said = json!({ "role": "assistant", "content": message.text });
            if !message.calls.is_empty() {
                said["tool_calls"] = message.calls.iter().map(call).collect();
            }
            said
        }
    }
}

/// A call that was made. What was no JSON is told as none: endpoints refuse the whole conversation otherwise.
fn call(call: &Call) -> Value {
    let is_json = serde_json::from_str::<Value>(&call.input).is_ok();
    let input = if is_json { &*call.input } else { "{}" };
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": input } })
}

fn tool(tool: &ToolSpec) -> Value {
    let ToolSpec { name, description, input } = tool;
    json!({ "type": "function", "function": { "name": name, "description": description, "parameters": input } })
}
