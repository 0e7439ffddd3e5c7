//! What a browser's `EventSource` reads, and where it goes on after it was cut off.

use std::time::Duration;

use tertulia::Conversation;
use tertulia::stream::{Append, CreateOptions, End, StreamId, Visible};
use tertulia_http::Gate;

use super::support::{CLOSED, Event, JSON, Site, TEXT};

const EVENTS: &str = "/v1/events/http:alice/reply";
const STREAM: &str = "/v1/stream/http:alice/reply";

async fn with_entries(count: usize, closed: bool) -> Site {
    let site = Site::new();
    site.put(STREAM, &[TEXT], "").await;
    for n in 0..count {
        site.post(STREAM, &[TEXT], &format!("entry {n}")).await;
    }
    if closed {
        site.post(STREAM, &[CLOSED], "").await;
    }
    site
}

fn messages(events: &[Event]) -> Vec<&str> {
    events.iter().filter(|event| event.kind == "message").map(|event| &*event.data).collect()
}

#[tokio::test]
async fn g3_a_browser_that_is_cut_off_after_each_event_reads_the_log_once() {
    let site = with_entries(12, true).await;
    for cut in 1..=13 {
        let (mut read, mut last_id) = (Vec::new(), String::new());
        loop {
            let again = [("last-event-id", &*last_id)];
            let headers = if last_id.is_empty() { &[][..] } else { &again };
            if site.answer("GET", EVENTS, headers, "").await.status() == 204 {
                break;
            }
            let mut reader = site.follow(EVENTS, headers).await;
            for _ in 0..cut {
                match reader.next().await {
                    Some(event) => read.push(event),
                    None => break,
                }
            }
            last_id = reader.last_id;
        }
        let expected: Vec<_> = (0..12).map(|n| format!("entry {n}")).collect();
        assert_eq!(messages(&read), expected, "cut after {cut}");
        let last = read.last().unwrap();
        assert_eq!((&*last.kind, &*last.data), ("end", "complete"), "cut after {cut}");
    }
}

#[tokio::test]
async fn the_end_is_told_to_whoever_has_not_seen_it() {
    let site = with_entries(1, true).await;
    let mut reader = site.follow(EVENTS, &[]).await;
    let last = reader.next().await.unwrap();
    let mut again = site.follow(&format!("{EVENTS}?last_event_id={}", last.id), &[]).await;
    let rest = again.rest().await;
    assert_eq!((rest.len(), &*rest[0].kind), (1, "end"));
    let over = site.get(&format!("{EVENTS}?last_event_id={}", rest[0].id)).await;
    assert_eq!((over.status.as_u16(), over.text()), (204, ""));
}

#[tokio::test]
async fn the_end_says_how_it_came() {
    for (how, told) in [(End::Stopped, "stopped"), (End::Aborted, "aborted")] {
        let site = with_entries(1, false).await;
        let mut reader = site.follow(EVENTS, &[]).await;
        reader.next().await.unwrap();
        let last = Append { entries: vec!["last".into()], close: Some(how), ..Append::default() };
        site.stream("http:alice", "reply").await.write(last).await.unwrap();
        let rest = reader.rest().await;
        assert_eq!((&*rest[0].data, &*rest[1].kind, &*rest[1].data), ("last", "end", told));
    }
}

#[tokio::test]
async fn g4_every_reader_sees_the_last_event_and_the_end() {
    let site = with_entries(1, false).await;
    let mut readers = Vec::new();
    for _ in 0..200 {
        let mut reader = site.follow(EVENTS, &[]).await;
        reader.next().await.unwrap();
        readers.push(tokio::spawn(async move { reader.rest().await }));
    }
    site.post(STREAM, &[TEXT, CLOSED], "last").await;
    for reader in readers {
        let rest = reader.await.unwrap();
        assert_eq!((&*rest[0].data, &*rest[1].kind, rest.len()), ("last", "end", 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_sees_pings_and_is_told_when_to_come_back() {
    let site = with_entries(1, false).await;
    let mut reader = site.follow(EVENTS, &[]).await;
    let first = reader.next().await.unwrap();
    assert_eq!(reader.retry, Some(Duration::from_secs(1)));
    let began = tokio::time::Instant::now();
    reader.next().await.unwrap();
    let ping = reader.next().await.unwrap();
    // One heartbeat passes without a ping, since something was sent before it.
    assert_eq!(began.elapsed(), Duration::from_secs(45));
    assert_eq!((&*ping.kind, &ping.data, &ping.id), ("ping", &first.id, &first.id));
    site.post(STREAM, &[TEXT], "more").await;
    assert_eq!(reader.next().await.unwrap().data, "more");
}

#[tokio::test]
async fn messages_of_json_are_events_of_their_own() {
    let site = Site::new();
    site.put(STREAM, &[JSON, CLOSED], "[{\"a\":\n1},[2]]").await;
    let events = site.follow(EVENTS, &[]).await.rest().await;
    assert_eq!(messages(&events), ["{\"a\":\n1}", "[2]"]);
}

#[tokio::test]
async fn typed_events_are_called_after_their_type_and_none_passes_for_the_server() {
    let site = Site::new();
    let entries = r#"[{"type":"thinking","content":"hm"},{"type":"end"},{"type":"reset"},{"a":1}]"#;
    site.put(STREAM, &[JSON, CLOSED], entries).await;
    let events = site.follow(EVENTS, &[]).await.rest().await;
    let kinds: Vec<_> = events.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds, ["thinking", "message", "message", "message", "end"]);
    assert_eq!(events[4].data, "complete");
}

#[tokio::test]
async fn what_a_later_attempt_says_anew_is_told() {
    let site = Site::new();
    let id = StreamId::new(Conversation::parse("http:alice").unwrap(), "reply").unwrap();
    let options =
        CreateOptions { content_type: "text/plain".into(), visible: Visible::Live, ..Default::default() };
    let first = site.streams.attempt(&id, options.clone()).await.unwrap();
    let begin = first.info().await.unwrap().end.to_string();
    first.append("I was").await.unwrap();
    let mut reader = site.follow(EVENTS, &[]).await;
    let seen = reader.next().await.unwrap();
    let mut durable = site.follow(&format!("{STREAM}?offset=-1&live=sse"), &[]).await;
    durable.next().await.unwrap();
    durable.next().await.unwrap();
    let second = site.streams.attempt(&id, options).await.unwrap();
    second.append("I am").await.unwrap();
    let reset = reader.next().await.unwrap();
    assert_eq!((&*reset.kind, &reset.id), ("reset", &begin));
    assert_eq!(reset.data, format!(r#"{{"from":"{begin}","why":"superseded"}}"#));
    assert_eq!(reader.next().await.unwrap().data, "I am");
    // Whoever was away meanwhile is told the same.
    let mut back = site.follow(&format!("{EVENTS}?last_event_id={}", seen.id), &[]).await;
    assert_eq!(back.next().await.unwrap(), reset);
    assert_eq!(back.next().await.unwrap().data, "I am");
    // The protocol of Durable Streams has no word for it: its reader finds out when it comes back.
    assert_eq!(durable.next().await, None);
    let lost = site.get(&format!("{STREAM}?offset={}", seen.id)).await;
    assert_eq!((lost.status.as_u16(), lost.json()["error"]["earliest"].as_str().unwrap()), (410, &*begin));
}

#[tokio::test]
async fn a_reader_may_begin_after_an_entry_by_its_number() {
    let site = with_entries(5, true).await;
    let after = async |number: &str| site.follow(&format!("{EVENTS}?starting_after={number}"), &[]).await;
    assert_eq!(messages(&after("2").await.rest().await), ["entry 3", "entry 4"]);
    assert_eq!(messages(&after("4").await.rest().await), [""; 0]);
    for number in ["5", "-1", "x", "18446744073709551615", ""] {
        let refused = site.get(&format!("{EVENTS}?starting_after={number}")).await;
        assert_eq!(refused.status, 400, "{number}");
    }
}

#[tokio::test]
async fn g9_a_cursor_of_another_stream_is_told_and_not_answered_with_nothing() {
    let site = with_entries(2, false).await;
    let other = site.put("/v1/stream/http:bob/reply", &[TEXT], "another").await;
    for path in
        [format!("{EVENTS}?last_event_id={}", other.offset()), format!("{STREAM}?offset={}", other.offset())]
    {
        let refused = site.get(&path).await;
        assert_eq!((refused.status.as_u16(), &*refused.kind()), (410, "resync_required"), "{path}");
        let earliest = refused.json()["error"]["earliest"].as_str().unwrap().to_owned();
        assert_eq!(site.get(&format!("{STREAM}?offset={earliest}")).await.text(), "entry 0entry 1");
    }
    let header = site.send("GET", EVENTS, &[("last-event-id", other.offset())], "").await;
    assert_eq!(header.status, 410);
}

#[tokio::test]
async fn g7_a_reader_that_leaves_stops_nothing_and_a_stop_signal_does() {
    let site = with_entries(1, false).await;
    let mut reader = site.follow(EVENTS, &[]).await;
    reader.next().await.unwrap();
    drop(reader);
    let stream = site.stream("http:alice", "reply").await;
    assert!(!stream.info().await.unwrap().cancelled);
    assert_eq!(site.post("/v1/cancel/http:alice/reply", &[], "").await.status, 204);
    stream.cancelled().await.unwrap();
    // The signal may come first.
    assert_eq!(site.post("/v1/cancel/http:alice/later", &[], "").await.status, 204);
    assert_eq!(site.get("/v1/stream/http:alice/later").await.status, 404);
    site.put("/v1/stream/http:alice/later", &[TEXT], "").await;
    assert!(site.stream("http:alice", "later").await.info().await.unwrap().cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_sends_its_readers_away_to_come_back() {
    let gate = Gate::new();
    let site = Site::with(|options| options.gate = Some(gate.clone()));
    site.put(STREAM, &[TEXT], "one").await;
    let mut reader = site.follow(EVENTS, &[]).await;
    reader.next().await.unwrap();
    let mut durable = site.follow(&format!("{STREAM}?offset=now&live=sse"), &[]).await;
    durable.next().await.unwrap();
    let began = tokio::time::Instant::now();
    let path = format!("{STREAM}?offset=now&live=long-poll");
    let (poll, ()) = tokio::join!(site.get(&path), async { gate.close() });
    assert_eq!((poll.status.as_u16(), poll.header("stream-closed")), (204, None));
    assert_eq!((reader.rest().await, durable.rest().await), (vec![], vec![]));
    assert_eq!(began.elapsed(), Duration::ZERO);
}
