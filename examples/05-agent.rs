//! An agent on Telegram: what the model says is in the chat as it says it, with a tool that it calls, until somebody
//! says /stop. Any endpoint that speaks as OpenAI's does will do.
//!
//! `OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_MODEL=qwen3 OPENAI_API_KEY=none TELEGRAM_BOT_TOKEN=... \
//! cargo run --release -p examples --bin 05-agent`

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sse_stream::SseStream;
use tertulia::Log;
use tertulia::bot::{Bot, Bypass, Context, Live, Result, Session, command};
use tertulia::stream::Event;
use tertulia_sqlite::Sqlite;
use tertulia_telegram::Telegram;

#[derive(Default, Serialize, Deserialize)]
struct Chat {
    messages: Log<Value>,
}

#[tokio::main]
async fn main() -> tertulia::Result<()> {
    Bot::new(Telegram::from_env()?)
        .storage(Sqlite::open("agent.db").await?)
        .session::<Chat>("chat")
        .bypass(command("stop"), async |turn: Bypass| {
            turn.stop_live().await?;
            Ok(())
        })
        .on_message(answer)
        .run()
        .await
}

async fn answer(ctx: Context, mut chat: Session<Chat>) -> Result {
    chat.messages.push(json!({ "role": "user", "content": ctx.text() }));
    let mut messages = chat.messages.last(40).to_vec();
    // One message that grows; after a crash, or an error, this runs again, and the message begins anew.
    let live = ctx.reply_live().await?;
    tokio::select! {
        said = think(&live, &mut messages) => said?,
        // Dropping the other branch drops the request to the model.
        stopped = live.cancelled() => {
            stopped?;
            live.stop();
        }
    }
    chat.messages.push(json!({ "role": "assistant", "content": live.text() }));
    Ok(())
}

/// Asks the model, and calls what it wants called, until it wants nothing more.
async fn think(live: &Live, messages: &mut Vec<Value>) -> Result {
    for _ in 0..8 {
        let (text, calls) = ask(live, messages).await?;
        if calls.is_empty() {
            return Ok(());
        }
        messages.push(json!({ "role": "assistant", "content": text, "tool_calls": calls }));
        for call in calls {
            let (id, input) = (call["id"].as_str().unwrap_or_default(), &call["function"]["arguments"]);
            let input: Value = serde_json::from_str(input.as_str().unwrap_or_default()).unwrap_or_default();
            live.event(Event::tool_call(id, "roll", input.clone())).await?;
            let rolled = fastrand::u64(1..=input["sides"].as_u64().unwrap_or(6).max(1));
            live.event(Event::tool_result(id, rolled)).await?;
            messages.push(json!({ "role": "tool", "tool_call_id": id, "content": rolled.to_string() }));
        }
    }
    Ok(())
}

/// One turn of the model: its text, which is said as it comes, and its calls.
async fn ask(live: &Live, messages: &[Value]) -> Result<(String, Vec<Value>)> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let sides = json!({ "type": "object", "properties": { "sides": { "type": "integer" } } });
    let roll = json!({ "name": "roll", "description": "Rolls a die.", "parameters": sides });
    let body = json!({
        "model": variable("OPENAI_MODEL"),
        "messages": messages,
        "tools": [{ "type": "function", "function": roll }],
        "stream": true,
    });
    let url = format!("{}/chat/completions", variable("OPENAI_BASE_URL"));
    let request = reqwest::Client::new().post(url).bearer_auth(variable("OPENAI_API_KEY")).json(&body);
    let response = request.send().await?.error_for_status()?;
    let mut events = SseStream::new(reqwest::Body::from(response));
    let (mut text, mut calls) = (String::new(), Vec::<Value>::new());
    while let Some(event) = events.next().await {
        let Some(data) = event?.data else { continue };
        if data == "[DONE]" {
            return Ok((text, calls));
        }
        let chunk: Value = serde_json::from_str(&data)?;
        let delta = &chunk["choices"][0]["delta"];
        if let Some(token) = delta["content"].as_str() {
            live.push(token).await?;
            text.push_str(token);
        }
        for part in delta["tool_calls"].as_array().into_iter().flatten() {
            // The first part of a call has its id and its name; the others go on with the input.
            match calls.iter_mut().find(|call| call["index"] == part["index"]) {
                None => calls.push(part.clone()),
                Some(call) => {
                    let input = &mut call["function"]["arguments"];
                    *input = [&*input, &part["function"]["arguments"]]
                        .map(|part| part.as_str().unwrap_or(""))
                        .concat()
                        .into();
                }
            }
        }
    }
    Err(std::io::Error::other("the model was cut").into())
}
