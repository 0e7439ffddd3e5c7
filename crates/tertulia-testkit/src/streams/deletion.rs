//! Streams that are deleted.

use tertulia::error::Kind;
use tertulia::stream::{CreateOptions, ForkFrom, From, Limit};

use super::Setting;
use super::setting::{id, numbers, read_all};

/// A deleted stream is gone for who holds it, reads it or waits for it, in every process.
pub async fn a_deleted_stream_is_gone_for_everybody(setting: &Setting<'_>) {
    let stream = setting.make("gone").await;
    let end = stream.append_all(numbers(0..3)).await.unwrap();
    stream.flush().await.unwrap();
    let far = setting.others().get(&id("gone")).await.unwrap().unwrap();
    let waiting = tokio::spawn({
        let far = far.clone();
        async move { far.ready(&end).await.unwrap_err().kind() }
    });
    tokio::task::yield_now().await;
    assert!(setting.streams().delete(&id("gone")).await.unwrap());
    assert_eq!(waiting.await.unwrap(), Kind::Gone);
    for stream in [stream, far] {
        assert_eq!(stream.append("late").await.unwrap_err().kind(), Kind::Gone);
        assert_eq!(stream.read(From::Start, Limit::PAGE).await.unwrap_err().kind(), Kind::Gone);
    }
    assert!(!setting.streams().delete(&id("gone")).await.unwrap());
    let again = setting.make("gone").await;
    assert!(read_all(&again, From::Start).await.0.is_empty());
}

/// A stream that others were forked from is marked, and goes with the last of them; so do those it was forked from.
pub async fn a_source_is_kept_for_its_forks(setting: &Setting<'_>) {
    let source = setting.make("root").await;
    source.append_all(numbers(0..3)).await.unwrap();
    source.flush().await.unwrap();
    for (from, to) in [("root", "branch"), ("branch", "leaf")] {
        let fork = Some(ForkFrom { source: id(from), at: None, sub: 0 });
        setting.make_with(to, CreateOptions { fork, ..setting.options() }).await;
    }
    let streams = setting.others();
    for name in ["root", "branch"] {
        assert!(streams.delete(&id(name)).await.unwrap());
        assert_eq!(streams.get(&id(name)).await.unwrap_err().kind(), Kind::Gone);
        assert_eq!(streams.delete(&id(name)).await.unwrap_err().kind(), Kind::Gone);
        let again = streams.create(&id(name), setting.options()).await;
        assert_eq!(again.unwrap_err().kind(), Kind::Gone);
    }
    let leaf = setting.others().get(&id("leaf")).await.unwrap().unwrap();
    assert_eq!(read_all(&leaf, From::Start).await.0, numbers(0..3));
    assert!(setting.streams().delete(&id("leaf")).await.unwrap());
    for name in ["root", "branch", "leaf"] {
        assert!(setting.streams().get(&id(name)).await.unwrap().is_none(), "{name}");
        setting.make(name).await;
    }
}
