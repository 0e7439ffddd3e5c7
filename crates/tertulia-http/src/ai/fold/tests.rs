use serde_json::{Value, json};
use tertulia::stream::{End, Event, EventKind};

use super::super::chunk::Chunk;
use super::{Calls, Fold};

/// The chunks of a live reply with these events, without those of the step around them.
fn told(events: &[Event]) -> Vec<Value> {
    let (mut fold, mut chunks) = (Fold::default(), Vec::new());
    fold.begin("00ff/reply-2", &mut chunks);
    events.iter().for_each(|event| fold.event(event, &mut chunks));
    fold.end(&mut chunks);
    let mut values = values(&chunks);
    assert_eq!(values.remove(0), json!({ "type": "start-step" }));
    values
}

fn values(chunks: &[Chunk]) -> Vec<Value> {
    chunks.iter().map(|chunk| serde_json::to_value(chunk).unwrap()).collect()
}

/// What is told of a call that the bot makes, the type first.
fn of_bot(mut chunk: Value) -> Value {
    chunk["providerExecuted"] = true.into();
    chunk
}

fn id_of(mut event: Event, id: &str) -> Event {
    event.id = Some(id.to_owned());
    event
}

fn done(mut event: Event) -> Event {
    event.done = true;
    event
}

#[test]
fn a_text_goes_on_until_something_else_comes() {
    let events = [
        Event::thinking("h"),
        Event::thinking("m"),
        Event::content("a"),
        Event::content(""),
        Event::content("b"),
        Event::content("c").of("2"),
        done(Event::content("").of("2")),
        Event::content("d").of("2"),
    ];
    let expected = [
        json!({ "type": "reasoning-start", "id": "reply-2-0" }),
        json!({ "type": "reasoning-delta", "id": "reply-2-0", "delta": "h" }),
        json!({ "type": "reasoning-delta", "id": "reply-2-0", "delta": "m" }),
        json!({ "type": "reasoning-end", "id": "reply-2-0" }),
        json!({ "type": "text-start", "id": "reply-2-1" }),
        json!({ "type": "text-delta", "id": "reply-2-1", "delta": "a" }),
        json!({ "type": "text-delta", "id": "reply-2-1", "delta": "b" }),
        json!({ "type": "text-end", "id": "reply-2-1" }),
        json!({ "type": "text-start", "id": "reply-2-2" }),
        json!({ "type": "text-delta", "id": "reply-2-2", "delta": "c" }),
        json!({ "type": "text-end", "id": "reply-2-2" }),
        json!({ "type": "text-start", "id": "reply-2-3" }),
        json!({ "type": "text-delta", "id": "reply-2-3", "delta": "d" }),
        json!({ "type": "text-end", "id": "reply-2-3" }),
    ];
    assert_eq!(told(&events), expected);
}

#[test]
fn a_call_is_written_made_asked_about_and_answered() {
    let events = [
        Event::tool_input("c1", "sum", "{\"a\":"),
        Event::tool_input("c1", "sum", "1}"),
        Event::tool_call("c1", "sum", json!({ "a": 1 })),
        Event::approval("c1", "a1"),
        Event::tool_result("c1", "half").with("preliminary", true),
        Event::tool_result("c1", 7),
    ];
    let expected = [
        of_bot(json!({ "type": "tool-input-start", "toolCallId": "c1", "toolName": "sum" })),
        json!({ "type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "{\"a\":" }),
        json!({ "type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "1}" }),
        of_bot(json!({
            "type": "tool-input-available", "toolCallId": "c1", "toolName": "sum", "input": { "a": 1 }
        })),
        json!({ "type": "tool-approval-request", "toolCallId": "c1", "approvalId": "a1" }),
        of_bot(json!({
            "type": "tool-output-available", "toolCallId": "c1", "output": "half", "preliminary": true
        })),
        of_bot(json!({ "type": "tool-output-available", "toolCallId": "c1", "output": 7 })),
    ];
    assert_eq!(told(&events), expected);
}

#[test]
fn a_call_fails_in_each_way() {
    let events = [
        Event::tool_call("c1", "sum", "{\"a\"").with("error", "not JSON"),
        Event::tool_call("c2", "sum", 1),
        Event::tool_failed("c2", "too late"),
        Event::tool_call("c3", "sum", 1),
        Event::tool_denied("c3"),
    ];
    let start = |id| of_bot(json!({ "type": "tool-input-start", "toolCallId": id, "toolName": "sum" }));
    let made = |id| {
        of_bot(json!({ "type": "tool-input-available", "toolCallId": id, "toolName": "sum", "input": 1 }))
    };
    let expected = [
        start("c1"),
        of_bot(json!({
            "type": "tool-input-error", "toolCallId": "c1", "toolName": "sum", "input": "{\"a\"",
            "errorText": "not JSON"
        })),
        start("c2"),
        made("c2"),
        of_bot(json!({ "type": "tool-output-error", "toolCallId": "c2", "errorText": "too late" })),
        start("c3"),
        made("c3"),
        json!({ "type": "tool-output-denied", "toolCallId": "c3" }),
    ];
    assert_eq!(told(&events), expected);
}

#[test]
fn a_result_of_a_call_that_the_message_does_not_show_comes_with_the_call() {
    let mut before = Fold::default();
    before.event(&Event::tool_call("c1", "sum", json!({ "a": 1 })), &mut Vec::new());
    let mut fold = Fold::new(before.into_calls().of_before());
    let mut chunks = Vec::new();
    fold.event(&Event::tool_result("c1", 7), &mut chunks);
    fold.event(&Event::tool_failed("c2", "who?"), &mut chunks);
    let types: Vec<_> = values(&chunks).iter().map(|chunk| chunk["type"].clone()).collect();
    let begun = ["tool-input-start", "tool-input-available"];
    assert_eq!(types, [&begun[..], &["tool-output-available"], &begun, &["tool-output-error"]].concat());
    assert_eq!(values(&chunks)[1]["input"], json!({ "a": 1 }));
    assert_eq!(
        (&values(&chunks)[0]["toolName"], &values(&chunks)[3]["toolName"]),
        (&json!("sum"), &json!("tool"))
    );
}

#[test]
fn a_result_of_a_call_that_the_page_shows_comes_alone() {
    let mut calls = Calls::default();
    calls.named("c1", Some("sum".into())).is_shown = true;
    let mut chunks = Vec::new();
    let mut fold = Fold::new(calls);
    fold.event(&Event::tool_input("c1", "sum", "{"), &mut chunks);
    fold.event(&Event::tool_denied("c1"), &mut chunks);
    assert_eq!(values(&chunks), [json!({ "type": "tool-output-denied", "toolCallId": "c1" })]);
}

#[test]
fn a_call_for_the_page_is_not_said_to_be_made_elsewhere() {
    let chunks = told(&[Event::tool_call("c1", "where", json!({})).with("client", true)]);
    assert_eq!(chunks[1].get("providerExecuted"), None);
    assert_eq!(chunks[1]["type"], "tool-input-available");
}

#[test]
fn everything_else_has_its_chunk_and_ends_a_text_if_it_is_a_part() {
    let sources = vec![
        json!({ "id": "s1", "url": "https://a.example", "title": "A" }),
        json!({ "id": 2, "title": "B", "media_type": "text/plain", "filename": "b.txt" }),
        json!({ "url": "https://c.example" }),
        json!({ "id": "nothing" }),
    ];
    let file =
        Event::new(EventKind::File, "").with("url", "https://f.example").with("media_type", "image/png");
    let events = [
        Event::content("a"),
        Event::new(EventKind::Metadata, "").with("tokens", 7),
        Event::content("b"),
        Event::references(sources),
        file,
        Event::step(),
        Event::data("mood", "glad"),
        id_of(Event::data("mood", json!({ "of": "ana" })).with("transient", true), "d1"),
        Event::new(EventKind::Other("data-bare".into()), "").with("x", 1).with("transient", true),
    ];
    let expected = [
        json!({ "type": "text-start", "id": "reply-2-0" }),
        json!({ "type": "text-delta", "id": "reply-2-0", "delta": "a" }),
        json!({ "type": "message-metadata", "messageMetadata": { "tokens": 7 } }),
        json!({ "type": "text-delta", "id": "reply-2-0", "delta": "b" }),
        json!({ "type": "text-end", "id": "reply-2-0" }),
        json!({ "type": "source-url", "sourceId": "s1", "url": "https://a.example", "title": "A" }),
        json!({
            "type": "source-document", "sourceId": "2", "mediaType": "text/plain", "title": "B",
            "filename": "b.txt"
        }),
        json!({ "type": "source-url", "sourceId": "source-2", "url": "https://c.example" }),
        json!({ "type": "file", "url": "https://f.example", "mediaType": "image/png" }),
        json!({ "type": "finish-step" }),
        json!({ "type": "start-step" }),
        json!({ "type": "data-mood", "data": "glad" }),
        json!({ "type": "data-mood", "id": "d1", "data": { "of": "ana" }, "transient": true }),
        json!({ "type": "data-bare", "data": { "x": 1 }, "transient": true }),
    ];
    assert_eq!(told(&events), expected);
}

#[test]
fn what_is_not_known_is_passed_over() {
    let nameless = Event { id: None, ..Event::tool_call("c1", "sum", 1) };
    let other = |kind: &str| Event::new(EventKind::Other(kind.into()), "");
    let events =
        [nameless, other("reflection"), other("data-"), Event::new(EventKind::File, ""), Event::content("")];
    assert_eq!(told(&events), [] as [Value; 0]);
}

/// The chunks at the end of a message.
fn finished(fold: &mut Fold, how: End) -> Vec<Value> {
    let mut chunks = Vec::new();
    fold.finish(how, &mut chunks);
    values(&chunks)
}

#[test]
fn a_message_ends_as_its_last_live_reply_did() {
    let mut fold = Fold::default();
    let stop = json!({ "type": "finish", "finishReason": "stop" });
    assert_eq!(finished(&mut fold, End::Complete), std::slice::from_ref(&stop));
    assert_eq!(finished(&mut fold, End::Stopped), [json!({ "type": "abort", "reason": "stopped" })]);
    let aborted = json!({ "type": "error", "errorText": "the message was tried and given up" });
    assert_eq!(finished(&mut fold, End::Aborted), [aborted]);
    fold.event(&Event::tool_call("c1", "sum", 1), &mut Vec::new());
    let waits = json!({ "type": "finish", "finishReason": "tool-calls" });
    assert_eq!(finished(&mut fold, End::Complete), std::slice::from_ref(&waits));
    fold.event(&Event::tool_result("c1", 1).with("preliminary", true), &mut Vec::new());
    assert_eq!(finished(&mut fold, End::Complete), [waits]);
    fold.event(&Event::tool_result("c1", 2), &mut Vec::new());
    assert_eq!(finished(&mut fold, End::Complete), [stop]);
}

#[test]
fn what_went_wrong_is_told_at_the_end() {
    let (mut fold, mut chunks) = (Fold::default(), Vec::new());
    for event in [Event::content("a"), Event::error("it broke"), Event::content("b")] {
        fold.event(&event, &mut chunks);
    }
    assert_eq!(values(&chunks)[2]["delta"], "b");
    let broke = json!({ "type": "error", "errorText": "it broke" });
    assert_eq!(finished(&mut fold, End::Complete), [broke]);
}

#[test]
fn what_was_said_live_is_not_said_again() {
    let replies = || vec!["first".to_owned(), "live".to_owned(), "live".to_owned()];
    let mut chunks = Vec::new();
    Fold::default().beside(replies(), vec!["live".into()], true, &mut chunks);
    let said: Vec<_> = values(&chunks).iter().filter_map(|chunk| chunk.get("delta").cloned()).collect();
    assert_eq!(said, ["first", "live"]);
    assert_eq!(
        values(&chunks)[1..3],
        [
            json!({ "type": "text-start", "id": "said-0" }),
            json!({ "type": "text-delta", "id": "said-0", "delta": "first" }),
        ]
    );
}

#[test]
fn what_is_replied_beside_belongs_to_the_last_step() {
    let (mut fold, mut chunks) = (Fold::default(), Vec::new());
    for stream in ["reply-0", "reply-1"] {
        fold.begin(stream, &mut chunks);
        fold.end(&mut chunks);
        fold.beside(vec!["May I?".into()], vec![], false, &mut chunks);
    }
    chunks.retain(|chunk| !matches!(chunk, Chunk::TextStart { .. } | Chunk::TextEnd { .. }));
    let types: Vec<_> = values(&chunks).iter().map(|chunk| chunk["type"].clone()).collect();
    assert_eq!(types, ["start-step", "text-delta", "finish-step", "start-step", "text-delta"]);
    assert_eq!(finished(&mut fold, End::Complete)[0], json!({ "type": "finish-step" }));
}

#[test]
fn a_message_has_a_step_and_no_more_than_it_needs() {
    let (mut fold, mut chunks) = (Fold::default(), Vec::new());
    fold.beside(vec![], vec![], false, &mut chunks);
    assert_eq!(chunks, []);
    fold.beside(vec![], vec![], true, &mut chunks);
    fold.beside(vec![], vec![], true, &mut chunks);
    assert_eq!(values(&chunks), [json!({ "type": "start-step" })]);
}
