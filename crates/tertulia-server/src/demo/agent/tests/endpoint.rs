//! The agent with a model behind an endpoint that misbehaves.

use std::time::Duration;

use serde_json::json;
use tertulia::stream::{End, EventKind, Followed, From};
use tertulia_testkit::openai::{Ended, Fate, OpenAi, Options, Turn};

use super::{Agent, Clock, Room, answered, kinds, seen};
use crate::demo::model;

/// A bot whose model is the endpoint.
async fn room(endpoint: &OpenAi) -> Room {
    Room::with(agent(endpoint)).await
}

fn agent(endpoint: &OpenAi) -> Agent {
    let url = endpoint.url().parse().unwrap();
    let model = model::openai::OpenAi::new(url, "m", Some(crate::config::Secret::new("k"))).unwrap();
    let script = Agent::scripted(Clock::system(), Duration::ZERO);
    let wait = Duration::from_millis(1);
    Agent { model: std::sync::Arc::new(model), scripted: false, wait, ..script }
}

async fn start() -> OpenAi {
    OpenAi::start(Options::default()).await.unwrap()
}

const STORY: &str = "Once upon a time there was a very long story that went on and on until it was over.";

#[tokio::test]
async fn what_the_model_thinks_and_says_is_streamed_and_it_is_told_of_the_conversation() {
    let endpoint = start().await;
    let room = room(&endpoint).await;
    endpoint.push(Turn::says("Hello Ana!").thinking("A greeting."));
    endpoint.push(Turn::says("As I said."));
    assert_eq!(room.one("my name is Ana").await, "Hello Ana!");
    let (events, end) = seen(&room.live().await).await;
    assert_eq!(kinds(&events), ["thinking", "content"]);
    assert_eq!((events[0].content.as_str(), end), ("A greeting.", Some(End::Complete)));
    room.one("what?").await;
    let asked = endpoint.asked();
    assert_eq!((asked[0].key.as_deref(), &asked[0].body["model"]), (Some("k"), &json!("m")));
    assert_eq!(
        asked[1].messages()[1..],
        [("user", "my name is Ana"), ("assistant", "Hello Ana!"), ("user", "what?")]
    );
}

#[tokio::test]
async fn tools_are_called_until_the_model_has_said_what_it_has_to() {
    let endpoint = start().await;
    let room = room(&endpoint).await;
    let calls = Turn::calls("calculator", &json!({ "expression": "6*7" }))
        .and_calls("notes_add", r#"{"text":"bread"}"#);
    endpoint.push(calls);
    endpoint.push(Turn::calls("name_set", &json!({ "name": "Ana" })));
    endpoint.push(Turn::says("It is 42."));
    assert_eq!(room.one("sum").await, "It is 42.");
    let kept = room.kept().await;
    assert_eq!((kept.name.as_deref(), &*kept.notes), (Some("Ana"), &["bread".to_owned()][..]));
    let live = room.live().await;
    assert_eq!(live.info().await.unwrap().attempt, 1);
    let (events, _) = seen(&live).await;
    let expected = [
        "tool_input",
        "tool_input",
        "tool_call",
        "tool_call",
        "tool_result",
        "tool_result",
        "step",
        "tool_input",
        "tool_call",
        "tool_result",
        "step",
        "content",
    ];
    assert_eq!(kinds(&events), expected);
    let asked = endpoint.asked();
    assert_eq!(asked[0].tools().len(), 7);
    assert_eq!(asked[2].messages()[3..5], [("tool", r#"{"result":42}"#), ("tool", r#"{"number":1}"#)]);
    let calls = asked[2].body["messages"][2]["tool_calls"].as_array().unwrap();
    assert_eq!((calls.len(), &calls[0]["id"]), (2, &asked[2].body["messages"][3]["tool_call_id"]));
    room.one("who am I?").await;
    assert!(endpoint.asked()[3].messages()[0].1.contains("name is Ana"));
}

#[tokio::test]
async fn a_cut_in_the_middle_ends_in_one_whole_answer() {
    for fate in [Fate::Cut(1_500), Fate::Fails(8, 429), Fate::Malformed(8), Fate::Short(8)] {
        let endpoint = start().await;
        let room = room(&endpoint).await;
        endpoint.push(Turn::calls("calculator", &json!({ "expression": "1+1" })));
        endpoint
            .push(Turn::says("Another beginning, soon to be lost, and quite long too.").fate(fate.clone()));
        endpoint.push(Turn::says(STORY).thinking("Again."));
        assert_eq!(room.one("tell").await, STORY, "{fate:?}");
        assert_eq!(endpoint.asked().len(), 3, "{fate:?}");
        let (events, end) = seen(&room.live().await).await;
        assert_eq!((answered(&events).as_str(), end), (STORY, Some(End::Complete)), "{fate:?}");
        let expected = ["tool_input", "tool_call", "tool_result", "step", "thinking", "content"];
        // What was said before the cut is said again whole.
        assert_eq!(kinds(&events), expected[1..], "{fate:?}");
        assert_eq!(endpoint.asked()[1].body["messages"], endpoint.asked()[2].body["messages"]);
        assert_eq!(room.kept().await.talk.back().unwrap().text, STORY);
    }
}

#[tokio::test]
async fn whoever_follows_a_cut_answer_is_told_to_forget_what_was_lost() {
    let endpoint = start().await;
    let room = room(&endpoint).await;
    endpoint.push(Turn::says("lost words here").fate(Fate::Fails(3, 503)));
    endpoint.push(Turn::says("whole words"));
    let following = async {
        let live = room.live().await;
        let mut tail = live.tail(From::Start);
        let mut seen = Vec::new();
        while let Some(followed) = tail.next().await.unwrap() {
            match followed {
                Followed::Reset(_) => seen.push("!".to_owned()),
                Followed::Page(page) => seen.extend(
                    page.entries().map(|entry| tertulia::stream::Event::decode(&entry).unwrap().content),
                ),
            }
        }
        seen.concat()
    };
    let (told, followed) = tokio::join!(room.one("tell"), following);
    assert_eq!((told.as_str(), followed.as_str()), ("whole words", "lost words !whole words"));
}

#[tokio::test]
async fn a_refusal_is_waited_for_as_long_as_it_says() {
    let endpoint = start().await;
    let room = room(&endpoint).await;
    endpoint.push(Turn::refused(429, Some(1)));
    endpoint.push(Turn::refused(500, None));
    endpoint.push(Turn::says("Here I am."));
    assert_eq!(room.one("hello").await, "Here I am.");
    let at: Vec<_> = endpoint.asked().iter().map(|asked| asked.at).collect();
    assert!(at[1] - at[0] >= Duration::from_secs(1), "{at:?}");
    assert!(at[2] - at[1] < Duration::from_secs(1), "{at:?}");
}

#[tokio::test]
async fn what_does_not_pass_is_said_and_the_conversation_goes_on() {
    let endpoint = start().await;
    let room = room(&endpoint).await;
    endpoint.push(Turn::refused(401, None));
    let told = room.one("hello").await;
    assert!(told.starts_with("I cannot go on"), "{told}");
    let (events, _) = seen(&room.live().await).await;
    assert_eq!(kinds(&events), ["error", "content"]);
    assert!(events[0].content.contains("401"), "{events:?}");
    assert_eq!(endpoint.asked().len(), 1);
    // One that asks for a longer wait than anybody would wait for is not waited for.
    endpoint.push(Turn::refused(429, Some(3_600)));
    assert!(room.one("hello").await.starts_with("I cannot go on"));
    for _ in 0..5 {
        endpoint.push(Turn::refused(503, None));
    }
    assert!(room.one("hello").await.starts_with("I cannot go on"));
    assert_eq!(endpoint.asked().len(), 7);
    assert_eq!(room.one("hello").await, "You say: hello");
}

#[tokio::test]
async fn a_model_that_never_stops_calling_is_stopped_and_told_so_in_its_last_turn() {
    let mut options = Options::default();
    options.otherwise = Some(Turn::calls("clock", &json!({})));
    let endpoint = OpenAi::start(options).await.unwrap();
    let room = Room::with(Agent { max_steps: 3, ..agent(&endpoint) }).await;
    assert_eq!(room.one("hello").await, "I stop here: that took 3 steps, which is as many as I may take.");
    let tools: Vec<_> = endpoint.asked().iter().map(|asked| asked.tools().len()).collect();
    assert_eq!(tools, [7, 7, 0]);
}

#[tokio::test]
async fn the_model_is_told_what_is_wrong_with_a_call() {
    let endpoint = start().await;
    let room = room(&endpoint).await;
    let calls = Turn::default().and_calls("calculator", r#"{"expression": "#);
    endpoint.push(calls.and_calls("calculator", "{}").and_calls("rocket", "{}"));
    endpoint.push(Turn::says("Sorry."));
    assert_eq!(room.one("hello").await, "Sorry.");
    let (events, _) = seen(&room.live().await).await;
    let call = events.iter().find(|event| event.kind == EventKind::ToolCall).unwrap();
    assert!(call.data["error"].as_str().unwrap().contains("is no JSON") && !call.data.contains_key("input"));
    let asked = endpoint.asked();
    let told: Vec<_> =
        asked[1].messages().iter().filter(|(role, _)| *role == "tool").map(|(_, text)| *text).collect();
    assert!(
        told[0].contains("the input of the call is wrong") && told[1].contains("missing field"),
        "{told:?}"
    );
    assert_eq!(told[2], r#"{"error":"there is no tool `rocket`"}"#);
    let again = &asked[1].body["messages"][2]["tool_calls"][0]["function"]["arguments"];
    assert_eq!(again, "{}", "endpoints refuse a conversation with what is no JSON");
}

#[tokio::test]
async fn a_stop_drops_the_connection_to_the_model() {
    let endpoint = start().await;
    let room = room(&endpoint).await;
    endpoint.push(Turn::says(STORY).fate(Fate::Hang(1_200)));
    let stop = async {
        let live = room.live().await;
        let mut tail = live.tail(From::Start);
        tail.next().await.unwrap();
        room.running.door().stop_live(&super::ana()).await.unwrap();
        endpoint.until(|asked| asked[0].ended == Some(Ended::Left)).await;
    };
    let (told, ()) = tokio::join!(room.one("tell"), stop);
    assert!(STORY.starts_with(&told) && told.len() < STORY.len(), "{told}");
    let said = room.kept().await.talk.back().unwrap().text.clone();
    assert_eq!(said, told);
}

#[tokio::test]
async fn a_model_that_says_nothing_more_is_asked_again() {
    let endpoint = start().await;
    let room = Room::with(Agent { silence: Duration::from_secs(3), ..agent(&endpoint) }).await;
    endpoint.push(Turn::says("lost words").fate(Fate::Hang(300)));
    endpoint.push(Turn::says("Here."));
    assert_eq!(room.one("hello").await, "Here.");
    endpoint.until(|asked| asked[0].ended == Some(Ended::Left)).await;
    assert_eq!(endpoint.asked().len(), 2);
}
