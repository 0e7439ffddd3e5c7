//! Readers that wait for what comes.

use std::time::Duration;

use bytes::Bytes;
use tertulia::error::Kind;
use tertulia::stream::{Append, CreateOptions, End, From};

use super::Setting;
use super::setting::{append, follow, id, numbers};

/// G.2: readers that catch up while events are appended end with the full sequence, wherever they began.
pub async fn g2_no_wake_up_is_lost(setting: &Setting<'_>) {
    const READERS: usize = 1_000;
    let stream = setting.make("race").await;
    let mut readers = Vec::new();
    for n in 0..READERS {
        let reader = stream.clone();
        readers.push(tokio::spawn(async move { follow(reader.tail(From::Start)).await }));
        stream.append(n.to_string()).await.unwrap();
        if n % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    stream.close(End::Complete).await.unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() == numbers(0..READERS));
    }
}

/// G.4: the last event and the end come together, to every reader.
pub async fn g4_every_reader_sees_the_last_event_and_the_end(setting: &Setting<'_>) {
    let stream = setting.make("end").await;
    let readers: Vec<_> = (0..200).map(|_| stream.tail(From::Start)).map(follow).map(tokio::spawn).collect();
    stream.append_all(numbers(0..2)).await.unwrap();
    tokio::task::yield_now().await;
    stream.write(Append { close: Some(End::Complete), ..append(numbers(2..3)) }).await.unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), numbers(0..3));
    }
}

/// G.4: a stream whose producer fell silent ends as aborted, for those who read it and those who come later.
pub async fn g4_a_stream_whose_producer_died_is_aborted(setting: &Setting<'_>) {
    let options = CreateOptions { abandoned_after: Some(Duration::from_secs(2)), ..setting.options() };
    let stream = setting.make_with("silent", options).await;
    stream.append("last words").await.unwrap();
    stream.flush().await.unwrap();
    let mut tail = setting.others().get(&id("silent")).await.unwrap().unwrap().tail(From::Start);
    tail.next().await.unwrap();
    let waits = tokio::spawn(async move {
        let last = tail.next().await.unwrap();
        (last.is_some(), tail.ended())
    });
    setting.leap(Duration::from_millis(2_100)).await;
    assert_eq!(waits.await.unwrap(), (true, Some(End::Aborted)));
    // What is shown before it is stored is refused when it is to be stored.
    let written = stream.append("too late").await;
    let error = written.map(|_| stream.flush()).map_err(|error| error.kind());
    let kind = match error {
        Ok(flushed) => flushed.await.unwrap_err().kind(),
        Err(kind) => kind,
    };
    assert_eq!(kind, Kind::Closed);
}

/// A reader at the end of one process's stream is woken by what another process appends.
pub async fn a_reader_is_woken_by_another_process(setting: &Setting<'_>) {
    let stream = setting.make("far").await;
    stream.append("0").await.unwrap();
    stream.flush().await.unwrap();
    let far = setting.others().get(&id("far")).await.unwrap().unwrap();
    let reader = tokio::spawn(follow(far.tail(From::Start)));
    for n in 1..100 {
        stream.append(n.to_string()).await.unwrap();
        if n % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    stream.close(End::Complete).await.unwrap();
    assert_eq!(reader.await.unwrap(), numbers(0..100));
}

/// Who begins at the end is given what comes from then on.
pub async fn a_reader_may_begin_at_the_end(setting: &Setting<'_>) {
    let stream = setting.make("now").await;
    stream.append_all(numbers(0..5)).await.unwrap();
    stream.flush().await.unwrap();
    let page = stream.read(From::End, tertulia::stream::Limit::PAGE).await.unwrap();
    assert!(page.is_empty() && page.is_up_to_date());
    let tail = stream.tail(From::At(page.next()));
    stream.append_all(numbers(5..7)).await.unwrap();
    stream.close(End::Complete).await.unwrap();
    assert_eq!(follow(tail).await, numbers(5..7));
}

/// G.8: a reader that never reads holds nothing of the stream, and goes on where it was.
pub async fn g8_a_reader_that_does_not_read_costs_nothing(setting: &Setting<'_>) {
    let options = {
        let mut options = tertulia::stream::StreamsOptions::default();
        (options.memory, options.stream_memory) = (8 << 20, 8 << 20);
        options
    };
    let streams = setting.bounded(options);
    let stream = streams.create(&id("slow"), setting.options()).await.unwrap().stream();
    stream.append("first").await.unwrap();
    let mut slow = stream.tail(From::Start);
    slow.next().await.unwrap();
    for _ in 0..200 {
        stream.append_all(vec![Bytes::from(vec![b'x'; 1 << 10]); 10]).await.unwrap();
    }
    assert!(streams.memory_used() < 9 << 20, "{} bytes", streams.memory_used());
    stream.close(End::Complete).await.unwrap();
    assert_eq!(follow(slow).await.len(), 2_000);
}
