//! Streams that begin as a copy of another.

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::stream::{CreateOptions, Created, End, ForkFrom, From, Limit, Stream, StreamId};

use super::Setting;
use super::setting::{id, numbers, read_all};

async fn fork(
    setting: &Setting<'_>,
    source: &Stream,
    at: Option<tertulia::stream::Cursor>,
    name: &str,
) -> Stream {
    try_fork(setting, source.id(), at, 0, name).await.unwrap()
}

async fn try_fork(
    setting: &Setting<'_>,
    source: &StreamId,
    at: Option<tertulia::stream::Cursor>,
    sub: u64,
    name: &str,
) -> tertulia::Result<Stream> {
    let fork = Some(ForkFrom { source: source.clone(), at, sub });
    let options = CreateOptions { fork, ..setting.options() };
    match setting.streams().create(&id(name), options).await? {
        Created::New(stream) => Ok(stream),
        Created::Existing(stream) => panic!("there was a stream {}", stream.id()),
    }
}

/// A fork has what its source had up to there, with the same places, and both go their own ways.
pub async fn a_fork_goes_its_own_way(setting: &Setting<'_>) {
    let source = setting.make("source").await;
    let at = source.append_all(numbers(0..3)).await.unwrap();
    source.append_all(numbers(3..5)).await.unwrap();
    source.flush().await.unwrap();
    let forked = fork(setting, &source, Some(at), "forked").await;
    assert_eq!(forked.info().await.unwrap().end, at);
    forked.append("fork").await.unwrap();
    forked.flush().await.unwrap();
    source.append("source").await.unwrap();
    source.flush().await.unwrap();
    for streams in [setting.streams().clone(), setting.others()] {
        let forked = streams.get(&id("forked")).await.unwrap().unwrap();
        let expected = [numbers(0..3), vec![Bytes::from("fork")]].concat();
        assert_eq!(read_all(&forked, From::Start).await.0, expected);
        assert_eq!(read_all(&forked, From::At(at)).await.0, [Bytes::from("fork")]);
        let source = streams.get(&id("source")).await.unwrap().unwrap();
        assert_eq!(
            read_all(&source, From::Start).await.0,
            [numbers(0..5), vec![Bytes::from("source")]].concat()
        );
    }
}

/// A fork of a fork, and one within an entry.
pub async fn forks_are_forked_and_entries_divided(setting: &Setting<'_>) {
    let source = setting.make("bytes").await;
    let at = source.append("first").await.unwrap();
    source.append("second").await.unwrap();
    source.flush().await.unwrap();
    let within = try_fork(setting, source.id(), Some(at), 3, "within").await.unwrap();
    within.append("!").await.unwrap();
    within.flush().await.unwrap();
    let again = fork(setting, &within, None, "again").await;
    again.append("?").await.unwrap();
    again.flush().await.unwrap();
    let again = setting.others().get(&id("again")).await.unwrap().unwrap();
    let page = again.read(From::Start, Limit::NONE).await.unwrap();
    assert_eq!(page.joined().flatten().collect::<Vec<u8>>(), b"firstsec!?");
    let error = try_fork(setting, source.id(), Some(at), 99, "beyond").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let foreign = setting.make("foreign").await.append("x").await.unwrap();
    let error = try_fork(setting, source.id(), Some(foreign), 0, "beyond").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
}

/// A closed stream can be forked; the fork is open.
pub async fn a_fork_of_a_closed_stream_is_open(setting: &Setting<'_>) {
    let source = setting.make("done").await;
    source.append_all(numbers(0..2)).await.unwrap();
    source.close(End::Complete).await.unwrap();
    let forked = fork(setting, &source, None, "more").await;
    forked.append_all(numbers(2..4)).await.unwrap();
    forked.close(End::Complete).await.unwrap();
    assert_eq!(read_all(&forked, From::Start).await.0, numbers(0..4));
    assert_eq!(read_all(&source, From::Start).await.0, numbers(0..2));
}

/// A stream that takes several batches to copy is copied whole.
pub async fn a_long_stream_is_forked_whole(setting: &Setting<'_>) {
    const ENTRIES: u8 = 40;
    let source = setting.make("long").await;
    for n in 0..ENTRIES {
        source.append(vec![n; 1 << 19]).await.unwrap();
    }
    source.flush().await.unwrap();
    let forked = fork(setting, &source, None, "copy").await;
    forked.append("end").await.unwrap();
    forked.flush().await.unwrap();
    let forked = setting.others().get(&id("copy")).await.unwrap().unwrap();
    let (read, _) = read_all(&forked, From::Start).await;
    assert_eq!(read.len(), usize::from(ENTRIES) + 1);
    assert!((0..ENTRIES).all(|n| read[usize::from(n)] == vec![n; 1 << 19]));
    assert_eq!(read[usize::from(ENTRIES)], "end");
}
