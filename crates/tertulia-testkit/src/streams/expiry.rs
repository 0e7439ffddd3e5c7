//! Streams that go by themselves.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::stream::{CreateOptions, Expiry, From, Limit, Lost, Resync};
use tertulia::{Clock, Timestamp};

use super::Setting;
use super::setting::{id, numbers};

const TTL: Duration = Duration::from_secs(2);

fn sliding(setting: &Setting<'_>) -> CreateOptions {
    CreateOptions { expiry: Expiry::Sliding(TTL), ..setting.options() }
}

/// G.10: an idle stream is gone after its time, its readers are told, and its name is free; a cursor of before is
/// refused by the next one.
pub async fn g10_an_idle_stream_is_gone(setting: &Setting<'_>) {
    let stream = setting.make_with("idle", sliding(setting)).await;
    let cursor = stream.append_all(numbers(0..3)).await.unwrap();
    stream.flush().await.unwrap();
    let waiting = tokio::spawn({
        let stream = stream.clone();
        async move { stream.ready(&cursor).await.unwrap_err().kind() }
    });
    tokio::task::yield_now().await;
    setting.leap(TTL + Duration::from_secs(1)).await;
    assert_eq!(waiting.await.unwrap(), Kind::Gone);
    assert!(setting.streams().get(&id("idle")).await.unwrap().is_none());
    assert!(setting.others().get(&id("idle")).await.unwrap().is_none());
    assert_eq!(stream.append("late").await.unwrap_err().kind(), Kind::Gone);
    let again = setting.make_with("idle", sliding(setting)).await;
    let error = again.read(From::At(cursor), Limit::PAGE).await.unwrap_err();
    assert_eq!(error.detail::<Resync>().unwrap().why, Lost::Foreign);
}

/// G.10: reading and appending keep a stream, looking at it does not.
pub async fn g10_use_keeps_a_stream(setting: &Setting<'_>) {
    // So long that half of it is enough for an answer on a busy machine.
    let ttl = 2 * TTL;
    let options = CreateOptions { expiry: Expiry::Sliding(ttl), ..setting.options() };
    let stream = setting.make_with("used", options).await;
    for round in 0..4 {
        setting.leap(ttl / 2).await;
        match round % 2 {
            0 => drop(stream.append("again").await.unwrap()),
            _ => drop(stream.read(From::Start, Limit::PAGE).await.unwrap()),
        }
        stream.flush().await.unwrap();
    }
    for _ in 0..3 {
        if setting.streams().get(&id("used")).await.unwrap().is_none() {
            return;
        }
        let _ = stream.info().await;
        setting.leap(ttl / 2).await;
    }
    panic!("looking kept it");
}

/// A deadline that does not slide is kept whatever is done.
pub async fn an_absolute_deadline_does_not_move(setting: &Setting<'_>) {
    let now: Timestamp = Clock::system().now();
    let options = CreateOptions { expiry: Expiry::At(now.after(TTL)), ..setting.options() };
    let stream = setting.make_with("absolute", options).await;
    stream.append("kept busy").await.unwrap();
    stream.flush().await.unwrap();
    let left = stream.info().await.unwrap().expires_in.unwrap();
    assert!(left <= TTL && left > Duration::ZERO);
    setting.leap(TTL + Duration::from_millis(100)).await;
    assert_eq!(stream.append("late").await.unwrap_err().kind(), Kind::Gone);
    assert!(setting.others().get(&id("absolute")).await.unwrap().is_none());
}
