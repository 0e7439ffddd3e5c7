//! The fake model server, as clients find it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod fates;
mod wire;

use reqwest::Response;
use serde_json::{Value, json};
use tertulia_testkit::openai::{OpenAi, Options, Turn};

async fn start() -> OpenAi {
    OpenAi::start(Options::default()).await.unwrap()
}

async fn ask(model: &OpenAi, body: &Value) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/chat/completions", model.url())).bearer_auth("k").json(body);
    request.send().await.unwrap()
}

/// Asks for a stream, and gives what came and whether it was cut.
async fn stream(model: &OpenAi) -> (String, bool) {
    read(ask(model, &question()).await).await
}

async fn read(mut response: Response) -> (String, bool) {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend(chunk),
            Ok(None) => return (String::from_utf8(body).unwrap(), false),
            Err(_) => return (String::from_utf8(body).unwrap(), true),
        }
    }
}

fn question() -> Value {
    json!({ "model": "m", "stream": true, "messages": [{ "role": "user", "content": "hi" }] })
}

/// The events of a body.
fn events(body: &str) -> Vec<Value> {
    let data = body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn turn() -> Turn {
    Turn::says("one two").thinking("let me see").and_calls("sum", r#"{"a":1}"#)
}
