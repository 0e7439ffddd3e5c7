//! Places that are not there (any more): they are told apart, and never answered from somewhere else.

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::stream::{Cursor, From, Limit, Lost, Resync, Stream, StreamsOptions};

use super::setting::{id, numbers};
use super::{Mode, Setting};

async fn lost(stream: &Stream, cursor: Cursor) -> Resync {
    let error = stream.read(From::At(cursor), Limit::PAGE).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone);
    *error.detail::<Resync>().expect("it says where to go on")
}

/// G.16: a cursor of one stream is refused by every other, also by a later one with the same name.
pub async fn g16_a_cursor_is_good_for_one_stream(setting: &Setting<'_>) {
    let one = setting.make("one").await;
    let cursor = one.append_all(numbers(0..3)).await.unwrap();
    one.flush().await.unwrap();
    let two = setting.make("two").await;
    two.append_all(numbers(0..5)).await.unwrap();
    let refused = lost(&two, cursor).await;
    assert_eq!((refused.why, refused.earliest.offset), (Lost::Foreign, 0));
    setting.streams().delete(&id("one")).await.unwrap();
    let again = setting.make("one").await;
    again.append_all(numbers(0..5)).await.unwrap();
    assert_eq!(lost(&again, cursor).await.why, Lost::Foreign);
}

/// A place beyond the end is not waited for: what was there is lost.
pub async fn a_place_beyond_the_end_is_told(setting: &Setting<'_>) {
    let stream = setting.make("short").await;
    let end = stream.append_all(numbers(0..3)).await.unwrap();
    let beyond = Cursor { offset: 9, ..end };
    let refused = lost(&stream, beyond).await;
    assert_eq!((refused.why, refused.earliest), (Lost::Superseded, end));
    stream.ready(&beyond).await.unwrap();
}

/// Unknown, empty, gone: three different answers.
pub async fn unknown_and_empty_are_told_apart(setting: &Setting<'_>) {
    assert!(setting.streams().get(&id("unknown")).await.unwrap().is_none());
    let stream = setting.make("empty").await;
    let page = stream.read(From::Start, Limit::PAGE).await.unwrap();
    assert!(page.is_empty() && page.is_up_to_date() && page.closed().is_none());
    setting.streams().delete(&id("empty")).await.unwrap();
    assert!(setting.streams().get(&id("empty")).await.unwrap().is_none());
    assert_eq!(stream.read(From::Start, Limit::PAGE).await.unwrap_err().kind(), Kind::Gone);
}

/// G.9: within its bound a stream keeps its last entries in memory. Stored ones are read back; of one in memory alone,
/// readers are told where it begins.
pub async fn g9_a_long_stream_is_bounded_in_memory(setting: &Setting<'_>) {
    let mut options = StreamsOptions::default();
    options.stream_memory = 1 << 20;
    let streams = setting.bounded(options);
    let stream = streams.create(&id("huge"), setting.options()).await.unwrap().stream();
    let first = stream.append("0").await.unwrap();
    let entry = Bytes::from(vec![b'x'; 1_000]);
    for _ in 0..40 {
        stream.append_all(vec![entry.clone(); 100]).await.unwrap();
        stream.flush().await.unwrap();
        assert!(streams.memory_used() < 3 << 19, "{} bytes", streams.memory_used());
    }
    if setting.mode() == Mode::Alone {
        let refused = lost(&stream, first).await;
        assert_eq!(refused.why, Lost::Trimmed);
        let page = stream.read(From::At(refused.earliest), Limit::PAGE).await.unwrap();
        assert!(!page.is_empty());
        return;
    }
    let mut from = From::At(first);
    let mut read = 0;
    loop {
        let page = stream.read(from, Limit::PAGE).await.unwrap();
        assert!(page.entries().all(|read| read == entry));
        (read, from) = (read + page.len(), From::At(page.next()));
        assert!(streams.memory_used() < 5 << 19, "{} bytes", streams.memory_used());
        if page.is_up_to_date() {
            break;
        }
    }
    assert_eq!(read, 4_000);
}

/// G.9: closed streams leave memory first, those closed longest ago before others. Stored ones are read back; the
/// others are gone, and not unknown.
pub async fn g9_closed_streams_leave_first(setting: &Setting<'_>) {
    let mut options = StreamsOptions::default();
    options.memory = 1 << 20;
    let streams = setting.bounded(options);
    let make = async |name: &str, closed: bool| {
        let entries = vec![Bytes::from(vec![b'x'; 1_000]); 100];
        let options = tertulia::stream::CreateOptions { entries, closed, ..setting.options() };
        streams.create(&id(name), options).await.unwrap().stream()
    };
    let open = make("open", false).await;
    drop(make("closed", true).await);
    let mut names = Vec::new();
    for n in 0..20 {
        names.push(format!("more{n}"));
        drop(make(&names[n], true).await);
        assert!(streams.memory_used() < 5 << 18, "{} bytes", streams.memory_used());
    }
    assert_eq!(open.read(From::Start, Limit::NONE).await.unwrap().len(), 100);
    let last = streams.get(&id(&names[19])).await.unwrap().unwrap();
    assert_eq!(last.read(From::Start, Limit::NONE).await.unwrap().len(), 100);
    match setting.mode() {
        Mode::Alone => assert_eq!(streams.get(&id("closed")).await.unwrap_err().kind(), Kind::Gone),
        Mode::Gated | Mode::Live => {
            let closed = streams.get(&id("closed")).await.unwrap().unwrap();
            assert_eq!(closed.read(From::Start, Limit::NONE).await.unwrap().len(), 100);
        }
    }
}
