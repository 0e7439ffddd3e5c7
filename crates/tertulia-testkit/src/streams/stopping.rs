//! The signal to stop.

use tertulia::stream::{End, From};

use super::Setting;
use super::setting::{follow, id, numbers};

/// G.7: whoever writes learns of it, also from another process; what was said stays, and readers see how it ended.
pub async fn g7_a_producer_is_told_to_stop(setting: &Setting<'_>) {
    let stream = setting.make("stop").await;
    stream.append_all(numbers(0..3)).await.unwrap();
    stream.flush().await.unwrap();
    let producer = tokio::spawn({
        let stream = stream.clone();
        async move {
            stream.cancelled().await.unwrap();
            stream.close(End::Stopped).await.unwrap();
        }
    });
    let reader = stream.tail(From::Start);
    tokio::task::yield_now().await;
    setting.others().cancel(&id("stop")).await.unwrap();
    producer.await.unwrap();
    assert_eq!(follow(reader).await, numbers(0..3));
    let info = setting.others().get(&id("stop")).await.unwrap().unwrap().info().await.unwrap();
    assert_eq!((info.closed, info.cancelled), (Some(End::Stopped), true));
}

/// G.7: a signal that comes before the stream is remembered.
pub async fn g7_a_signal_that_comes_first_is_remembered(setting: &Setting<'_>) {
    setting.others().cancel(&id("early")).await.unwrap();
    assert!(setting.streams().get(&id("early")).await.unwrap().is_none(), "to readers it is absent");
    let stream = setting.make("early").await;
    stream.cancelled().await.unwrap();
    stream.append("said all the same").await.unwrap();
    assert!(stream.info().await.unwrap().cancelled);
}

/// G.7: a reader that goes is no signal.
pub async fn g7_a_reader_that_goes_stops_nothing(setting: &Setting<'_>) {
    let stream = setting.make("on").await;
    let mut reader = stream.tail(From::Start);
    stream.append("0").await.unwrap();
    reader.next().await.unwrap();
    drop(reader);
    stream.append("1").await.unwrap();
    stream.flush().await.unwrap();
    assert!(!stream.info().await.unwrap().cancelled);
}
