//! What a handler says in streams beside its replies.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::io;
use std::sync::Arc;
use tertulia::Conversation;
use tertulia::stream::{End, Event, EventKind, Followed, From, Stream};
use tokio::sync::Semaphore;

use super::{Desk, patience, typed, whole};

/// The streams of the conversation by the last part of their names, once there are so many.
async fn streams(desk: &Desk, count: usize) -> Vec<(String, Stream)> {
    let ana = Conversation::new("http", "ana").unwrap();
    let streams = &desk.running.door().streams;
    loop {
        let listed = streams.list(&ana, None, 10).await.unwrap();
        if listed.len() == count {
            let mut found = Vec::new();
            for id in listed {
                let name = id.name().rsplit('/').next().unwrap().to_owned();
                found.push((name, streams.get(&id).await.unwrap().unwrap()));
            }
            return found;
        }
        tokio::task::yield_now().await;
    }
}

/// What a reader sees until the end; `!` where it is told to forget what it saw.
async fn follow(stream: Stream) -> (Vec<(EventKind, String)>, Option<End>) {
    let mut tail = stream.tail(From::Start);
    let mut seen = Vec::new();
    while let Some(followed) = tail.next().await.unwrap() {
        match followed {
            Followed::Page(page) => {
                let events = page.entries().map(|entry| Event::decode(&entry).unwrap());
                seen.extend(events.map(|event| (event.kind, event.content)));
            }
            Followed::Reset(_) => seen.push((EventKind::Error, "!".to_owned())),
        }
    }
    (seen, tail.ended())
}

#[tokio::test]
async fn events_of_a_whole_answer_are_in_streams_of_the_update() {
    let desk = Desk::new(|_| {
        whole(&json!({
            "replies": [{ "text": "4" }],
            "events": [
                { "type": "tool_call", "content": "2 + 2", "data": { "tool": "calculator" } },
                { "type": "content", "content": "4" },
                { "type": "mood", "content": "glad", "stream": "aside" },
            ],
        }))
    })
    .await;
    assert_eq!(desk.say("2 + 2").await.unwrap(), ["4"]);
    let mut said = Vec::new();
    for (name, stream) in streams(&desk, 2).await {
        said.push((name, follow(stream).await));
    }
    let tool = (EventKind::ToolCall, "2 + 2".to_owned());
    let content = (EventKind::Content, "4".to_owned());
    let mood = (EventKind::Other("mood".to_owned()), "glad".to_owned());
    assert_eq!(
        said,
        [
            ("answer".to_owned(), (vec![tool, content], Some(End::Complete))),
            ("aside".to_owned(), (vec![mood], Some(End::Complete))),
        ]
    );
}

#[tokio::test]
async fn an_event_is_seen_before_the_answer_is_done_and_said_anew_by_the_next_attempt() {
    let go = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&go);
    let desk = Desk::with(patience(1), None, move |posted| {
        let gate = Arc::clone(&gate);
        async move {
            if posted.json["attempt"] == 2 {
                return typed(
                    "application/x-ndjson",
                    "{\"event\":{\"type\":\"content\",\"content\":\"b\"}}\n{\"done\":true}\n",
                );
            }
            let line = Bytes::from_static(b"{\"event\":{\"type\":\"content\",\"content\":\"a\"}}\n");
            let begun = stream::once(async move { Ok(line) });
            let breaks = stream::once(async move {
                gate.acquire().await.unwrap().forget();
                Err(io::Error::other("cut"))
            });
            typed("application/x-ndjson", Body::from_stream(begun.chain(breaks)))
        }
    })
    .await;
    let saying = async { desk.say("hello").await.unwrap() };
    let following = async {
        let (_, stream) = streams(&desk, 1).await.remove(0);
        let mut tail = stream.tail(From::Start);
        let Some(Followed::Page(page)) = tail.next().await.unwrap() else { panic!("it is seen at once") };
        assert_eq!(page.len(), 1);
        go.add_permits(1);
        let mut seen = Vec::new();
        while let Some(followed) = tail.next().await.unwrap() {
            match followed {
                Followed::Reset(lost) => seen.push(format!("back to {}", lost.earliest.offset)),
                Followed::Page(page) => {
                    seen.extend(page.entries().map(|entry| Event::decode(&entry).unwrap().content));
                }
            }
        }
        (seen, tail.ended())
    };
    let (_, (seen, end)) = tokio::join!(saying, following);
    assert_eq!(seen, ["back to 0", "b"]);
    assert_eq!(end, Some(End::Complete));
}

#[tokio::test]
async fn a_live_reply_is_one_of_the_replies_and_told_of_before_it_is_over() {
    let desk = Desk::new(|_| {
        whole(&json!({
            "replies": [{ "text": "first" }],
            "live": [
                { "type": "thinking", "content": "hm" },
                { "type": "content", "content": "Hel" },
                { "type": "content", "content": "lo" },
            ],
        }))
    })
    .await;
    assert_eq!(desk.say("hi").await.unwrap(), ["first", "Hello"]);
    let ana = Conversation::new("http", "ana").unwrap();
    let lives = desk.running.door().live(&ana, 0).await.unwrap();
    assert_eq!(lives.entries[0].1.text, "hi");
    let (_, stream) = streams(&desk, 1).await.remove(0);
    let (seen, end) = follow(stream).await;
    assert_eq!((seen.len(), end), (3, Some(End::Complete)));
}

#[tokio::test]
async fn a_live_reply_that_is_stopped_closes_the_connection_and_what_was_said_counts() {
    let desk = Desk::new(|_| {
        let lines = "{\"session\":{\"asked\":1}}\n{\"live\":{\"type\":\"content\",\"content\":\"so far\"}}\n";
        let begun = stream::once(async move { Ok::<_, io::Error>(Bytes::from_static(lines.as_bytes())) });
        typed("application/x-ndjson", Body::from_stream(begun.chain(stream::pending())))
    })
    .await;
    let ana = Conversation::new("http", "ana").unwrap();
    let stopping = async {
        let (_, stream) = streams(&desk, 1).await.remove(0);
        let Some(Followed::Page(_)) = stream.tail(From::Start).next().await.unwrap() else {
            panic!("no page")
        };
        while desk.running.door().stop_live(&ana).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        follow(stream).await
    };
    let (said, (seen, end)) = tokio::join!(desk.say("hi"), stopping);
    assert_eq!(said.unwrap(), ["so far"]);
    assert_eq!((seen, end), (vec![(EventKind::Content, "so far".to_owned())], Some(End::Stopped)));
}

#[tokio::test]
async fn an_event_without_a_type_fails_the_try_by_name() {
    let desk = Desk::new(|_| whole(&json!({ "events": [{ "content": "x" }] }))).await;
    desk.say("hello").await.unwrap_err();
    let errors = desk.errors().await;
    let [error] = &*errors else { panic!("{errors:?}") };
    assert!(error.contains("an event of the handler's answer") && error.contains("`type`"), "{error}");
}
