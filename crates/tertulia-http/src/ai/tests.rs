//! A message with every kind of event, and what the SDK's own client is tested with: the chunks and the `UIMessage`.

use serde_json::{Value, json};
use tertulia::stream::{End, Event, EventKind};

use super::call::Calls;
use super::chunk::{Chunk, DONE};
use super::fold::Fold;
use super::ui::UiMessage;

/// Read by `ai-sdk/chunks.test.mjs` too.
const FIXTURE: &str = include_str!("../../../../ai-sdk/chunks.json");

/// What each of two live replies says.
fn events() -> [Vec<Event>; 2] {
    let file = Event::new(EventKind::File, "").with("url", "https://f.example/a.png");
    let sources = vec![
        json!({ "id": "s1", "url": "https://a.example", "title": "A" }),
        json!({ "id": "s2", "title": "B", "media_type": "text/plain", "filename": "b.txt" }),
    ];
    let first = vec![
        Event::new(EventKind::Metadata, "").with("model", "m").with("usage", json!({ "in": 1 })),
        Event::thinking("Which "),
        Event::thinking("one?"),
        Event::tool_input("c1", "sum", "{\"a\":"),
        Event::tool_input("c1", "sum", "1}"),
        Event::tool_call("c1", "sum", json!({ "a": 1 })),
        Event::tool_result("c1", "half").with("preliminary", true),
        Event::tool_result("c1", json!({ "is": 2 })),
        Event::tool_call("c2", "sum", "{").with("error", "not JSON"),
        Event::tool_call("c3", "sum", json!({ "a": 2 })),
        Event::tool_failed("c3", "too late"),
        Event::step(),
        Event::content("One "),
        Event::content("text."),
        Event::content("Another.").of("2"),
        Event::references(sources),
        file.with("media_type", "image/png"),
        Event::data("mood", "glad").of("d1"),
        Event::data("mood", "gladder").of("d1"),
        Event::data("seen", json!({ "by": "ana" })).with("transient", true),
        Event::tool_call("c4", "delete", json!({ "what": "notes" })),
        Event::approval("c4", "a4"),
        Event::tool_call("c5", "delete", json!({ "what": "all" })),
        Event::approval("c5", "a5"),
        Event::tool_call("c6", "place", json!({})).with("client", true),
    ];
    let second = vec![
        Event::tool_result("c4", "gone"),
        Event::tool_denied("c5"),
        Event::tool_result("c6", "Lund"),
        Event::content("Done."),
        Event::new(EventKind::Metadata, "").with("usage", json!({ "out": 2 })),
    ];
    [first, second]
}

fn message() -> Vec<Chunk> {
    let (mut fold, mut chunks) = (Fold::new(Calls::default()), Vec::new());
    chunks.push(Chunk::Start { message_id: "m1".into() });
    for (stream, events) in ["00ff/reply-0", "00ff/reply-1"].into_iter().zip(events()) {
        fold.begin(stream, &mut chunks);
        events.iter().for_each(|event| fold.event(event, &mut chunks));
        fold.end(&mut chunks);
        fold.beside(vec!["Beside.".into()], vec![], false, &mut chunks);
    }
    fold.finish(End::Complete, &mut chunks);
    chunks
}

#[test]
fn the_sdk_is_tested_with_what_is_told_and_kept() {
    let chunks = message();
    let mut frames = Vec::new();
    chunks.iter().for_each(|chunk| chunk.frame(&mut frames));
    frames.extend_from_slice(DONE);
    // The chunks that a message has which ends in another way.
    let mut ends = Vec::new();
    for how in [End::Stopped, End::Aborted] {
        Fold::default().finish(how, &mut ends);
    }
    let told = json!({
        "frames": String::from_utf8(frames).unwrap(),
        "ends": ends,
        "message": UiMessage::of_bot("m1".into(), chunks),
    });
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    assert!(told == fixture, "{told:#}");
}
