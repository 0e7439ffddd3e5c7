use serde_json::{Value, json};
use tertulia_testkit::openai::{Ended, OpenAi, Options, Turn};

use super::{ask, events, question, start, stream, turn};

/// The parts of all deltas under one name, joined.
fn joined(events: &[Value], of: impl Fn(&Value) -> &Value) -> String {
    events.iter().filter_map(|event| of(&event["choices"][0]["delta"]).as_str()).collect()
}

#[tokio::test]
async fn a_turn_is_streamed_token_by_token() {
    let model = start().await;
    model.push(turn());
    let (body, cut) = stream(&model).await;
    assert!(!cut && body.ends_with("data: [DONE]\n\n"), "{body}");
    let events = events(&body);
    assert_eq!(joined(&events, |delta| &delta["reasoning_content"]), "let me see");
    assert_eq!(joined(&events, |delta| &delta["content"]), "one two");
    assert_eq!(joined(&events, |delta| &delta["tool_calls"][0]["function"]["arguments"]), r#"{"a":1}"#);
    let names: Vec<_> = events.iter().map(|event| &event["choices"][0]["delta"]["tool_calls"][0]).collect();
    assert_eq!(
        names.iter().filter(|call| call["function"]["name"] == "sum" && call["id"] == "call_0_0").count(),
        1
    );
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    assert!(
        events.iter().all(|event| event["object"] == "chat.completion.chunk" && event["usage"].is_null())
    );
}

#[tokio::test]
async fn what_was_used_is_told_if_it_is_asked_for() {
    let model = start().await;
    let mut question = question();
    question["stream_options"] = json!({ "include_usage": true });
    model.push(Turn::says("a b c"));
    let body = ask(&model, &question).await.text().await.unwrap();
    let last = events(&body).pop().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(3)));
}

#[tokio::test]
async fn without_a_stream_it_answers_in_one() {
    let model = start().await;
    model.push(turn());
    let answer: Value = ask(&model, &json!({ "messages": [] })).await.json().await.unwrap();
    let message = &answer["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&json!("one two"), &json!("let me see"))
    );
    assert_eq!(message["tool_calls"][0]["function"], json!({ "name": "sum", "arguments": "{\"a\":1}" }));
}

#[tokio::test]
async fn what_is_not_pushed_is_an_echo_or_what_was_said_to_be() {
    let model = start().await;
    assert_eq!(joined(&events(&stream(&model).await.0), |delta| &delta["content"]), "You say: hi");
    let mut options = Options::default();
    options.otherwise = Some(Turn::says("no"));
    let model = OpenAi::start(options).await.unwrap();
    for _ in 0..2 {
        assert_eq!(joined(&events(&stream(&model).await.0), |delta| &delta["content"]), "no");
    }
}

#[tokio::test]
async fn what_it_was_asked_is_kept_and_it_can_be_steered_over_http() {
    let model = start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let control = model.url().replace("/v1", "/control");
    let turns = json!([{ "text": "x", "pace": 0, "fate": "whole" }, { "fate": { "refused": [503, null] } }]);
    let pushed = client.post(format!("{control}/turns")).json(&turns).send().await.unwrap();
    assert_eq!(pushed.status(), 200);
    assert_eq!(joined(&events(&stream(&model).await.0), |delta| &delta["content"]), "x");
    let mut with_tools = question();
    with_tools["tools"] = json!([{ "type": "function", "function": { "name": "sum" } }]);
    assert_eq!(ask(&model, &with_tools).await.status(), 503);
    let asked = model.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[0].messages(), asked[0].key.as_deref()), (vec![("user", "hi")], Some("k")));
    assert_eq!((asked[1].tools(), asked[1].ended), (vec!["sum"], Some(Ended::Given)));
    let journal: Value = client.get(format!("{control}/journal")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&journal[1]["body"], journal.as_array().unwrap().len()), (&with_tools, 2));
    let wrong = client.post(format!("{control}/turns")).json(&json!([{ "says": 1 }])).send().await.unwrap();
    assert_eq!(wrong.status(), 422);
}
