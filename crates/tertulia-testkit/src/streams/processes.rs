//! Several processes over one storage, without any agreement between them.

use std::collections::HashMap;

use bytes::Bytes;
use tertulia::stream::{From, Stream};

use super::Setting;
use super::setting::{follow, id, numbers, read_all};

/// What two processes append to one stream is all there, each in its own order, and both read the same.
pub async fn two_processes_lose_nothing(setting: &Setting<'_>) {
    const EACH: usize = 100;
    setting.make("both").await;
    let write = |name: &'static str| {
        let streams = setting.others();
        tokio::spawn(async move {
            let stream = streams.get(&id("both")).await.unwrap().unwrap();
            for n in 0..EACH {
                stream.append(format!("{name}{n}")).await.unwrap();
            }
            stream.flush().await.unwrap();
            stream
        })
    };
    let (one, two) = (write("a"), write("b"));
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    let all = read_all(&one, From::Start).await.0;
    assert_eq!(read_all(&two, From::Start).await.0, all);
    let mut next: HashMap<u8, usize> = HashMap::new();
    for entry in &all {
        let text = std::str::from_utf8(entry).unwrap();
        let expected = next.entry(entry[0]).or_default();
        assert_eq!(text[1..], expected.to_string());
        *expected += 1;
    }
    assert_eq!(all.len(), 2 * EACH);
}

/// A reader that looks sees what another process has written before.
pub async fn a_reader_sees_what_another_process_wrote(setting: &Setting<'_>) {
    let stream = setting.make("fresh").await;
    let far = setting.others().get(&id("fresh")).await.unwrap().unwrap();
    for n in 0..20 {
        stream.append(n.to_string()).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(read_all(&far, From::Start).await.0, numbers(0..n + 1));
    }
}

/// G.12: what was acknowledged is there when the store is opened again, and cursors go on.
pub async fn g12_streams_go_on_when_the_storage_is_opened_again(setting: &Setting<'_>) {
    let cursor = {
        let stream: Stream = setting.others().create(&id("kept"), setting.options()).await.unwrap().stream();
        let cursor = stream.append_all(numbers(0..5)).await.unwrap();
        stream.append_all(numbers(5..8)).await.unwrap();
        stream.flush().await.unwrap();
        cursor
    };
    // Where it cannot be opened again there is nothing to go on.
    if !setting.subject().close_and_open().await {
        return;
    }
    let stream = setting.others().get(&id("kept")).await.unwrap().unwrap();
    assert_eq!(read_all(&stream, From::At(cursor)).await.0, numbers(5..8));
    stream.append("8").await.unwrap();
    stream.close(tertulia::stream::End::Complete).await.unwrap();
    assert_eq!(follow(stream.tail(From::Start)).await, numbers(0..9));
    assert_eq!(stream.info().await.unwrap().end.offset, 9);
    assert!(stream.append(Bytes::from("late")).await.is_err());
}
