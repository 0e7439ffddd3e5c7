//! What is appended is there, whole and in order.

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::stream::{Append, CreateOptions, End, Event, EventKind, From, Limit, Refused};

use super::Setting;
use super::setting::{append, entries, id, numbers, read_all};

/// G.1: a reader that has `n` of 10,000 events gets exactly the others, in order, and at the end none and the same
/// cursor.
pub async fn g1_a_reader_resumes_exactly_where_it_was(setting: &Setting<'_>) {
    const EVENTS: usize = 10_000;
    let stream = setting.make("long").await;
    for chunk in numbers(0..EVENTS).chunks(500) {
        stream.append_all(chunk.to_vec()).await.unwrap();
    }
    stream.flush().await.unwrap();
    for stream in [stream, setting.others().get(&id("long")).await.unwrap().unwrap()] {
        for has in [0, 1, 5_000, 9_999, EVENTS] {
            let first =
                stream.read(From::Start, Limit { entries: has.max(1), bytes: usize::MAX }).await.unwrap();
            let cursor = if has == 0 { first.first() } else { first.next() };
            let cursor = match has {
                0 | 1 => cursor,
                _ => {
                    let (_, end) = read_to(&stream, has).await;
                    end
                }
            };
            assert_eq!(cursor.offset, has as u64);
            let mut rest = Vec::new();
            let mut from = From::At(cursor);
            loop {
                let page = stream.read(from, Limit::PAGE).await.unwrap();
                from = From::At(page.next());
                rest.extend(entries(&page));
                if page.is_up_to_date() {
                    break;
                }
            }
            assert!(rest == numbers(has..EVENTS), "after {has}: {} events", rest.len());
            let last = stream.read(from, Limit::PAGE).await.unwrap();
            assert!(last.is_empty() && From::At(last.next()) == from);
        }
    }
}

async fn read_to(stream: &tertulia::stream::Stream, count: usize) -> (usize, tertulia::stream::Cursor) {
    let (mut from, mut read) = (From::Start, 0);
    loop {
        let limit = Limit { entries: count - read, bytes: usize::MAX };
        let page = stream.read(from, limit).await.unwrap();
        read += page.len();
        from = From::At(page.next());
        if read == count {
            return (read, page.next());
        }
    }
}

/// What is appended together is there together or not at all, and what comes back is the place after it.
pub async fn what_is_appended_together_is_read_together(setting: &Setting<'_>) {
    let stream = setting.make("batch").await;
    let after = stream.append_all(numbers(0..100)).await.unwrap();
    assert_eq!(after.offset, 100);
    let (all, end) = read_all(&stream, From::Start).await;
    assert_eq!((all, end), (numbers(0..100), after));
    let too_much = vec![Bytes::from(vec![b'x'; 1 << 20]); 9];
    let error = stream.append_all(too_much).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(stream.info().await.unwrap().end, after);
}

/// A page holds no more than was asked for, but at least one entry.
pub async fn a_page_is_bounded_in_entries_and_bytes(setting: &Setting<'_>) {
    let stream = setting.make("pages").await;
    stream.append_all(vec![Bytes::from(vec![b'x'; 1_000]); 20]).await.unwrap();
    stream.flush().await.unwrap();
    for stream in [stream, setting.others().get(&id("pages")).await.unwrap().unwrap()] {
        for (entries, bytes, given) in [(3, usize::MAX, 3), (20, 4_500, 4), (20, 10, 1), (20, 0, 1)] {
            let page = stream.read(From::Start, Limit { entries, bytes }).await.unwrap();
            assert_eq!(page.len(), given, "{entries} entries, {bytes} bytes");
            assert!(!page.is_up_to_date());
        }
    }
}

/// Entries may be empty, large, and hold any bytes.
pub async fn entries_are_bytes(setting: &Setting<'_>) {
    let stream = setting.make("bytes").await;
    let odd: Vec<Bytes> =
        vec![Bytes::new(), Bytes::from_static(b"\0\r\n,\xff"), Bytes::from(vec![7; 3 << 20]), Bytes::new()];
    stream.append_all(odd.clone()).await.unwrap();
    stream.flush().await.unwrap();
    for stream in [stream, setting.others().get(&id("bytes")).await.unwrap().unwrap()] {
        let page = stream.read(From::Start, Limit::NONE).await.unwrap();
        assert_eq!(entries(&page), odd);
        assert_eq!(page.joined().flatten().collect::<Vec<u8>>(), odd.concat());
    }
}

/// Messages of a JSON stream are joined by commas, and taken apart without them.
pub async fn json_messages_are_joined_by_commas(setting: &Setting<'_>) {
    let content_type = "application/json; charset=utf-8".to_owned();
    let stream = setting.make_with("json", CreateOptions { content_type, ..setting.options() }).await;
    for n in 0..50 {
        stream.append(n.to_string()).await.unwrap();
        stream.flush().await.unwrap();
    }
    for stream in [stream, setting.others().get(&id("json")).await.unwrap().unwrap()] {
        assert_eq!(stream.content_type(), "application/json; charset=utf-8");
        let page = stream.read(From::Start, Limit::NONE).await.unwrap();
        let joined: Vec<u8> = page.joined().flatten().collect();
        let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        assert_eq!(String::from_utf8(joined).unwrap(), expected.join(","));
        assert_eq!(entries(&page), numbers(0..50));
    }
}

/// G.5: a closed stream takes nothing more, can be closed again, and is read to its end by whoever comes late.
pub async fn g5_a_closed_stream_takes_nothing_and_can_be_read(setting: &Setting<'_>) {
    let stream = setting.make("closed").await;
    stream.append_all(numbers(0..3)).await.unwrap();
    let last = Append { close: Some(End::Complete), ..append(numbers(3..4)) };
    let end = stream.write(last).await.unwrap().end();
    assert_eq!(stream.close(End::Complete).await.unwrap(), end);
    for stream in [stream, setting.others().get(&id("closed")).await.unwrap().unwrap()] {
        let error = stream.append("more").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Closed);
        assert_eq!(error.detail(), Some(&Refused::Closed { end, how: End::Complete }));
        assert_eq!(super::setting::follow(stream.tail(From::Start)).await, numbers(0..4));
        stream.ready(&end).await.unwrap();
        assert_eq!(stream.info().await.unwrap().closed, Some(End::Complete));
    }
}

/// A stream may be closed as it is made, with all it says.
pub async fn a_stream_may_be_made_closed(setting: &Setting<'_>) {
    let options = CreateOptions { entries: numbers(0..3), closed: true, ..setting.options() };
    setting.make_with("whole", options).await;
    let stream = setting.others().get(&id("whole")).await.unwrap().unwrap();
    let page = stream.read(From::Start, Limit::PAGE).await.unwrap();
    assert_eq!((entries(&page), page.closed()), (numbers(0..3), Some(End::Complete)));
}

/// What one reader was given, no other can change, and reading copies nothing.
pub async fn g11_readers_share_what_they_read(setting: &Setting<'_>) {
    let stream = setting.make("shared").await;
    stream.append_all(numbers(0..100)).await.unwrap();
    stream.flush().await.unwrap();
    let (one, two) = (stream.read(From::Start, Limit::NONE), stream.read(From::Start, Limit::NONE));
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    let addresses = |page| entries(page).iter().map(|entry| entry.as_ptr()).collect::<Vec<_>>();
    assert_eq!(addresses(&one), addresses(&two));
    drop(one);
    assert_eq!(entries(&two), numbers(0..100));
}

/// A stream that is there is not made again.
pub async fn a_stream_is_made_once(setting: &Setting<'_>) {
    let stream = setting.make("once").await;
    stream.append("a").await.unwrap();
    stream.flush().await.unwrap();
    let created = setting.others().create(&id("once"), setting.options()).await.unwrap();
    assert!(matches!(created, tertulia::stream::Created::Existing(_)));
    assert_eq!(read_all(&created.stream(), From::Start).await.0, [Bytes::from("a")]);
}

/// The streams of a conversation are listed by name, a page at a time.
pub async fn streams_are_listed_by_conversation(setting: &Setting<'_>) {
    for name in ["b", "c", "a", "d"] {
        setting.make(name).await;
    }
    let elsewhere = tertulia::stream::StreamId::new(crate::subject::elsewhere(0), "e").unwrap();
    setting.streams().create(&elsewhere, setting.options()).await.unwrap();
    setting.streams().cancel(&id("awaited")).await.unwrap();
    let others = setting.others();
    let listed = others.list(&crate::subject::here(), None, 3).await.unwrap();
    assert_eq!(listed, [id("a"), id("b"), id("c")]);
    let listed = others.list(&crate::subject::here(), Some("c"), 3).await.unwrap();
    assert_eq!(listed, [id("d")]);
}

/// WeKnora's two functions: events of a message, appended and read by conversation and message alone.
pub async fn events_of_a_message_are_appended_and_read(setting: &Setting<'_>) {
    let (here, streams) = (crate::subject::here(), setting.streams());
    assert_eq!(streams.get_events(&here, "m1", From::Start).await.unwrap(), None);
    let at = Some(tertulia::Timestamp(7));
    let given = Event { at, ..Event::new(EventKind::Thinking, "hm") };
    let after = streams.append_event(&here, "m1", given.clone()).await.unwrap();
    streams.append_event(&here, "m1", Event::content("so")).await.unwrap();
    streams.append_event(&here, "m1", Event::new(EventKind::Complete, "")).await.unwrap();
    let late = streams.append_event(&here, "m1", Event::content("late")).await.unwrap_err();
    assert_eq!(late.kind(), Kind::Closed);
    let read = setting.others().get_events(&here, "m1", From::Start).await.unwrap().unwrap();
    assert_eq!((read.events.len(), read.closed), (3, Some(End::Complete)));
    assert_eq!(read.events[0], given, "a time that was given is kept");
    assert!(read.events[1].at.is_some(), "one that was not is set");
    let rest = streams.get_events(&here, "m1", From::At(after)).await.unwrap().unwrap();
    assert_eq!(rest.events, read.events[1..]);
}
