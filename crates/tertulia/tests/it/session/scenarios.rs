//! What is read and written of whole populations, and what failures leave behind.

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, LogWrite, Read, Storage};
use tertulia::{Conversation, Key, Name};

use super::{Watched, change, commit, conversation, store};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counter {
    n: u64,
    notes: Vec<String>,
}

fn chat(i: usize) -> Conversation {
    Conversation::new("telegram", &i.to_string()).unwrap()
}

#[tokio::test]
async fn untouched_new_sessions_are_read_once_and_never_written() {
    let storage = Watched::new();
    let store = store::<Counter>(&storage);
    for i in 0..10_000 {
        let mut loaded = store.load(&chat(i)).await.unwrap();
        assert_eq!(*loaded.get(), Counter::default());
        if i % 2 == 0 {
            // Touched and left as it was.
            loaded.get_mut().n += 0;
        }
        commit(&storage, loaded).await.unwrap();
    }
    let counts = storage.counts();
    assert!(counts.reads <= 10_000);
    assert_eq!((counts.writes, counts.deletes, storage.keys().await.len()), (0, 0, 0));
}

#[tokio::test]
async fn reading_stored_sessions_writes_nothing() {
    let storage = Watched::new();
    let one = store::<Counter>(&storage);
    for i in 0..10_000 {
        let mut loaded = one.load(&chat(i)).await.unwrap();
        *loaded.get_mut() = Counter { n: i as u64 + 1, notes: vec!["a".into(), "b".into()] };
        commit(&storage, loaded).await.unwrap();
    }
    storage.counts();
    let two = store::<Counter>(&storage);
    for i in 0..10_000 {
        let loaded = two.load(&chat(i)).await.unwrap();
        let notes = loaded.get().notes.clone();
        assert_eq!((loaded.get().n, notes.iter().filter(|note| note.len() == 1).count()), (i as u64 + 1, 2));
        commit(&storage, loaded).await.unwrap();
    }
    let counts = storage.counts();
    assert_eq!((counts.writes, counts.deletes, counts.written_bytes), (0, 0, 0));
}

#[tokio::test]
async fn a_session_is_decoded_once_and_then_taken_from_the_cache() {
    let storage = Watched::new();
    let store = store::<Counter>(&storage);
    for _ in 0..10 {
        change(&storage, &store, |counter| counter.n += 1).await.unwrap();
    }
    let stats = store.cache_stats();
    assert_eq!((stats.hits, stats.misses, storage.counts().reads), (9, 1, 1));
    assert!((stats.hit_rate() - 0.9).abs() < 1e-9);
}

#[tokio::test]
async fn the_cache_keeps_to_its_bound() {
    let storage = Watched::new();
    let options =
        tertulia::session::Options { cache_bytes: 100_000, ..tertulia::session::Options::default() };
    let store = tertulia::session::Store::<Counter>::with(
        storage.shared(),
        tertulia::Clock::system(),
        "test",
        options,
    )
    .unwrap();
    for i in 0..1_000 {
        let mut loaded = store.load(&chat(i)).await.unwrap();
        loaded.get_mut().notes = vec!["x".repeat(i)];
        commit(&storage, loaded).await.unwrap();
        assert!(store.cache_stats().bytes <= 100_000);
    }
    assert!(store.cache_stats().bytes > 50_000, "{:?}", store.cache_stats());
    for i in 0..1_000 {
        assert_eq!(store.load(&chat(i)).await.unwrap().get().notes[0].len(), i);
    }
}

#[tokio::test]
async fn a_dropped_session_is_rolled_back_in_memory_and_in_the_store() {
    let storage = Watched::new();
    let store = store::<Counter>(&storage);
    change(&storage, &store, |counter| counter.n = 1).await.unwrap();
    storage.counts();
    let mut failed = store.load(&conversation()).await.unwrap();
    failed.get_mut().n += 1;
    drop(failed);
    let mut prepared = store.load(&conversation()).await.unwrap();
    prepared.get_mut().n += 1;
    assert_eq!(prepared.prepare().unwrap().len(), 1);
    prepared.release();
    let panicked = store.load(&conversation()).await.unwrap();
    let task = tokio::spawn(async move {
        let mut panicked = panicked;
        panicked.get_mut().n += 1;
        panic!("the handler panics");
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(store.load(&conversation()).await.unwrap().get().n, 1);
    assert_eq!(storage.counts().writes, 0);
}

#[tokio::test]
async fn a_touched_session_that_was_not_prepared_does_not_go_back_to_the_cache() {
    let storage = Watched::new();
    let store = store::<Counter>(&storage);
    change(&storage, &store, |counter| counter.n = 1).await.unwrap();
    let mut loaded = store.load(&conversation()).await.unwrap();
    loaded.get_mut().n = 2;
    loaded.release();
    assert_eq!(store.load(&conversation()).await.unwrap().get().n, 1);
}

#[tokio::test]
async fn a_read_error_is_not_an_absent_session() {
    let storage = Watched::new();
    change(&storage, &store::<Counter>(&storage), |counter| counter.n = 41).await.unwrap();
    let store = store::<Counter>(&storage);
    storage.counts();
    storage.fail_read();
    let error = store.load(&conversation()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(storage.counts().writes, 0);
    assert_eq!(store.load(&conversation()).await.unwrap().get().n, 41);
}

#[tokio::test]
async fn bytes_that_cannot_be_read_are_corrupt_and_stay_as_they_are() {
    let storage = Watched::new();
    let key = Key::Log(conversation(), Name::from_static("session/test"));
    change(&storage, &store::<Counter>(&storage), |counter| counter.n = 41).await.unwrap();
    let read = [Read::new(key.clone())];
    let page = storage.read(&read).await.unwrap().remove(0).unwrap().unwrap().into_log().unwrap();
    let whole = page.base.unwrap();
    let mut flipped = whole.to_vec();
    flipped[5] ^= 1;
    for damaged in [&whole[..whole.len() - 1], &whole[..4], &flipped, b"", b"\xffnew"] {
        let write = LogWrite::new(key.clone()).base(damaged.to_vec());
        storage.commit(Batch::new(CommitId(7), vec![write.into()])).await.unwrap();
        let store = store::<Counter>(&storage);
        let error = store.load(&conversation()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(error.to_string().starts_with("telegram:42 session/test: "), "{error}");
        let chats = tertulia::Sessions::<Counter>::new(storage.clone(), "test").unwrap();
        assert_eq!(
            chats.update("telegram:42", |counter| counter.n += 1).await.unwrap_err().kind(),
            Kind::Corrupt
        );
        let page = storage.read(&read).await.unwrap().remove(0).unwrap().unwrap().into_log().unwrap();
        assert_eq!(page.base.unwrap(), damaged);
    }
}

#[tokio::test]
async fn a_type_that_does_not_fit_what_is_stored_is_corrupt() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Other {
        n: String,
    }
    let storage = Watched::new();
    change(&storage, &store::<Counter>(&storage), |counter| counter.n = 41).await.unwrap();
    let error = store::<Other>(&storage).load(&conversation()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
}

#[tokio::test]
async fn a_type_that_cannot_come_back_is_refused_before_it_is_written() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct OneWay {
        #[serde(skip_serializing_if = "String::is_empty")]
        name: String,
        n: u32,
    }
    let storage = Watched::new();
    let store = store::<OneWay>(&storage);
    let error = change(&storage, &store, |state| state.n = 1).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("session/test: cannot be read back: missing field `name`"), "{error}");
    assert_eq!(storage.keys().await, []);
}

#[tokio::test]
async fn a_type_that_comes_back_as_another_value_is_refused() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Ambiguous {
        which: Which,
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Which {
        Short { a: u8 },
        Long { a: u8, b: u8 },
    }
    impl Default for Which {
        fn default() -> Self {
            Self::Short { a: 0 }
        }
    }
    let storage = Watched::new();
    let store = store::<Ambiguous>(&storage);
    let error = change(&storage, &store, |state| state.which = Which::Long { a: 1, b: 2 }).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(storage.keys().await, []);
}

#[tokio::test]
async fn a_session_deleted_and_touched_again_is_a_new_one() {
    let storage = Watched::new();
    let store = store::<Counter>(&storage);
    change(&storage, &store, |counter| counter.n = 41).await.unwrap();
    let mut loaded = store.load(&conversation()).await.unwrap();
    loaded.delete();
    assert_eq!(loaded.get().n, 0);
    loaded.get_mut().n += 1;
    commit(&storage, loaded).await.unwrap();
    let mut loaded = store.load(&conversation()).await.unwrap();
    assert_eq!(loaded.get().n, 1);
    loaded.delete();
    commit(&storage, loaded).await.unwrap();
    assert_eq!(storage.keys().await, []);
    let mut absent = store.load(&conversation()).await.unwrap();
    absent.delete();
    let writes = absent.prepare().unwrap();
    // Nothing is written: it is only expected that nobody made it meanwhile.
    assert!(writes.iter().all(|write| !write.delete && write.base.is_none() && write.append.is_empty()));
}

#[tokio::test]
async fn a_turn_that_only_read_can_check_what_it_read() {
    let storage = Watched::new();
    let (one, two) = (store::<Counter>(&storage), store::<Counter>(&storage));
    let absent = one.load(&conversation()).await.unwrap();
    change(&storage, &two, |counter| counter.n = 1).await.unwrap();
    assert_eq!(super::commit_writes(&storage, absent.checks()).await.unwrap_err().kind(), Kind::Conflict);
    let stored = one.load(&conversation()).await.unwrap();
    super::commit_writes(&storage, stored.checks()).await.unwrap();
    change(&storage, &two, |counter| counter.n = 2).await.unwrap();
    assert_eq!(super::commit_writes(&storage, stored.checks()).await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_session_over_the_limit_is_refused_by_name_and_limit() {
    let storage = Watched::new();
    let store = store::<Counter>(&storage);
    let error =
        change(&storage, &store, |counter| counter.notes = vec!["x".repeat(33 << 20)]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("telegram:42 session/test: it has 346"), "{error}");
    assert!(error.to_string().contains("at most 33554432 are allowed"), "{error}");
}
