use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tertulia::stream::{End, Followed, From};
use tertulia::{Log, Sessions};

use super::{Room, SESSION, answered, kinds, seen};
use crate::demo::model::Role;

#[tokio::test(start_paused = true)]
async fn a_sum_is_calculated_by_the_tool_and_answered() {
    let room = Room::new(25).await;
    assert_eq!(room.one("what is 12*(3+4)?").await, "12*(3+4) = 84");
    let (events, end) = seen(&room.live().await).await;
    assert_eq!(kinds(&events), ["thinking", "tool_input", "tool_call", "tool_result", "step", "content"]);
    assert_eq!(end, Some(End::Complete));
    let [_, input, call, result, ..] = &*events else { panic!("{events:?}") };
    assert_eq!(input.content, r#"{"expression":"12*(3+4)"}"#);
    assert_eq!(
        (&call.data["name"], &call.data["input"]),
        (&json!("calculator"), &json!({ "expression": "12*(3+4)" }))
    );
    assert_eq!((&result.id, &result.data["output"]), (&call.id, &json!({ "result": 84 })));
    assert_eq!(room.one("0.1 + 0.2").await, "0.1 + 0.2 = 0.3");
    assert_eq!(room.one("1/0").await, "I cannot calculate 1/0: nothing can be divided by 0.");
}

#[tokio::test(start_paused = true)]
async fn a_search_says_how_far_it_is_and_is_answered_with_references() {
    let room = Room::new(25).await;
    let begun = tokio::time::Instant::now();
    let answer = room.one("search bursts").await;
    assert!(
        answer.starts_with("From Turns, Bursts (docs/turns.md):") && answer.contains("become one turn"),
        "{answer}"
    );
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    let (events, _) = seen(&room.live().await).await;
    let (progress, results): (Vec<_>, Vec<_>) = events
        .iter()
        .filter(|event| event.kind.as_str() == "tool_result")
        .partition(|event| event.data.contains_key("preliminary"));
    assert_eq!(
        progress[0].data["output"],
        json!({ "file": "README.md", "searched": 1, "of": progress.len() })
    );
    assert_eq!(results.len(), 1);
    let references = events.iter().find(|event| event.kind.as_str() == "references").unwrap();
    assert_eq!(
        references.data["sources"][0],
        json!({ "id": "docs/turns.md#bursts", "title": "Turns, Bursts", "media_type": "text/markdown", "filename": "docs/turns.md" })
    );
    assert!(room.one("search xylophones").await.contains("says nothing about"));
}

#[tokio::test(start_paused = true)]
async fn a_story_is_seen_while_it_is_told() {
    let room = Room::new(25).await;
    let told = async { room.one("tell me a long story").await };
    let read = async {
        let live = room.live().await;
        let first = live.tail(From::Start).next().await.unwrap();
        assert!(matches!(first, Some(Followed::Page(page)) if page.len() < 10));
        let (events, end) = seen(&live).await;
        (answered(&events), end)
    };
    let (told, (read, end)) = tokio::join!(told, read);
    assert_eq!((read, end), (told, Some(End::Complete)));
}

#[tokio::test(start_paused = true)]
async fn what_was_said_is_kept_for_the_model_and_goes_with_the_rest() {
    let room = Room::new(0).await;
    room.one("hello").await;
    room.one("2*21").await;
    room.one("count").await;
    let kept = room.kept().await;
    let said: Vec<_> = kept.talk.tail().iter().map(|message| (message.role, message.text.as_str())).collect();
    assert_eq!(said.len(), 6, "{said:?}");
    assert_eq!(said[2..4], [(Role::User, "2*21"), (Role::Assistant, "")]);
    assert_eq!(said[4..], [(Role::Tool, r#"{"result":42}"#), (Role::Assistant, "2*21 = 42")]);
    assert_eq!((kept.messages, kept.history.len()), (3, 3));
    room.one("forget me").await;
    room.one("yes").await;
    assert!(room.kept().await.talk.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_live_reply_that_is_asked_to_stop_is_kept_as_far_as_it_was() {
    let room = Room::new(25).await;
    let told = async { room.one("tell me a long story").await };
    let stop = async {
        let live = room.live().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        room.running.door().streams.cancel(live.id()).await.unwrap();
        seen(&live).await
    };
    let (told, (events, end)) = tokio::join!(told, stop);
    assert_eq!((answered(&events), end), (told.clone(), Some(End::Stopped)));
    assert!((30..60).contains(&told.split_whitespace().count()), "{told}");
    assert_eq!(room.kept().await.talk.back().unwrap().text, told);
}

#[tokio::test(start_paused = true)]
async fn a_search_that_is_asked_to_stop_ends_there() {
    let room = Room::new(25).await;
    let told = async { room.say("search bursts").await };
    let stop = async {
        let live = room.live().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        room.running.door().streams.cancel(live.id()).await.unwrap();
        seen(&live).await
    };
    let (told, (events, end)) = tokio::join!(told, stop);
    assert_eq!((told.len(), end), (0, Some(End::Stopped)));
    assert_eq!(events.last().unwrap().data["error"], "the user has stopped it");
}

#[tokio::test(start_paused = true)]
async fn a_session_from_before_there_was_an_agent_is_read_and_goes_on() {
    #[derive(Default, Serialize, Deserialize)]
    struct Earlier {
        name: Option<String>,
        messages: u64,
        notes: Vec<String>,
        history: Log<String>,
    }
    let room = Room::new(0).await;
    let earlier = Sessions::<Earlier>::new(Arc::clone(&room.storage), SESSION).unwrap();
    let fill = |chat: &mut Earlier| {
        (chat.name, chat.messages, chat.notes) = (Some("Ana".into()), 7, vec!["bread".into()]);
        chat.history.push("hello".into());
    };
    earlier.update("http:ana", fill).await.unwrap();
    assert_eq!(room.one("what is my name").await, "Your name is Ana.");
    assert_eq!(room.one("2*3").await, "2*3 = 6");
    let kept = room.kept().await;
    assert_eq!(
        (kept.messages, kept.talk.len(), kept.history.len(), &*kept.notes),
        (9, 4, 3, &["bread".to_owned()][..])
    );
}
