//! Attempts: what a later one says supersedes what the one before it said.

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::stream::{End, Followed, From, Limit, Lost, Refused};

use super::setting::{entries, follow, id, numbers, read_all};
use super::{Mode, Setting};

fn texts(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
}

/// Readers of the first attempt are told, whoever comes later sees the second alone, and the first may write no more.
pub async fn a_later_attempt_supersedes_the_one_before(setting: &Setting<'_>) {
    let first = setting.streams().attempt(&id("try"), setting.options()).await.unwrap();
    let seen = first.append_all(texts(&["once", "upon"])).await.unwrap();
    first.flush().await.unwrap();
    let others = setting.others();
    let mut reader = others.get(&id("try")).await.unwrap().unwrap().tail(From::Start);
    let Some(Followed::Page(page)) = reader.next().await.unwrap() else { panic!("a page comes first") };
    assert_eq!(page.next(), seen);

    let second = others.attempt(&id("try"), setting.options()).await.unwrap();
    second.append_all(texts(&["in", "the", "beginning"])).await.unwrap();
    if setting.mode() == Mode::Live {
        // What is shown before it is stored is found out when it is to be stored.
        let written = first.append("a time").await;
        let error = match written {
            Ok(_) => first.flush().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), Kind::Conflict);
    }
    let error = first.append("a time").await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (Kind::Conflict, Some(&Refused::Superseded)));
    assert!(first.is_superseded().await.unwrap() && !second.is_superseded().await.unwrap());
    second.close(End::Complete).await.unwrap();

    let Some(Followed::Reset(lost)) = reader.next().await.unwrap() else { panic!("it is told") };
    assert_eq!((lost.why, lost.earliest.offset), (Lost::Superseded, 0));
    assert_eq!(follow(reader).await, texts(&["in", "the", "beginning"]));
    let error = first.read(From::At(seen), Limit::PAGE).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone);
    for streams in [setting.streams().clone(), setting.others()] {
        let stream = streams.get(&id("try")).await.unwrap().unwrap();
        assert_eq!(read_all(&stream, From::Start).await.0, texts(&["in", "the", "beginning"]));
        assert_eq!(stream.info().await.unwrap().attempt, 2);
    }
}

/// What was there before the first attempt stays.
pub async fn an_attempt_begins_where_the_first_one_began(setting: &Setting<'_>) {
    let stream = setting.make("preface").await;
    stream.append_all(numbers(0..3)).await.unwrap();
    stream.flush().await.unwrap();
    for round in 0..4 {
        let attempt = setting.others().attempt(&id("preface"), setting.options()).await.unwrap();
        attempt.append_all(numbers(3 + round..5 + round)).await.unwrap();
        attempt.flush().await.unwrap();
        for streams in [setting.streams().clone(), setting.others()] {
            let stream = streams.get(&id("preface")).await.unwrap().unwrap();
            let page = stream.read(From::Start, Limit::NONE).await.unwrap();
            assert_eq!(entries(&page), [numbers(0..3), numbers(3 + round..5 + round)].concat());
        }
    }
}

/// Readers that follow through many attempts end with what the last one said.
pub async fn readers_end_with_the_last_attempt(setting: &Setting<'_>) {
    let mut attempt = setting.streams().attempt(&id("many"), setting.options()).await.unwrap();
    let readers: Vec<_> = (0..20).map(|_| tokio::spawn(follow(attempt.tail(From::Start)))).collect();
    for round in 0..20_usize {
        for n in 0..round {
            attempt.append(format!("{round}.{n}")).await.unwrap();
            if n % 4 == 0 {
                tokio::task::yield_now().await;
            }
        }
        if round < 19 {
            attempt = setting.streams().attempt(&id("many"), setting.options()).await.unwrap();
        }
    }
    attempt.close(End::Complete).await.unwrap();
    let last: Vec<Bytes> = (0..19).map(|n| Bytes::from(format!("19.{n}"))).collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), last);
    }
}
