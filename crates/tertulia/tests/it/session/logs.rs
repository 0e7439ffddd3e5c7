//! What a `Log` promises, and what it refuses.

use serde::{Deserialize, Serialize, Serializer};
use tertulia::error::Kind;
use tertulia::session::{Options, Store};
use tertulia::{Clock, Log, Sessions};

use super::{Watched, change, commit, conversation, store};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    name: String,
    history: Log<String>,
}

fn small_tail<S: tertulia::session::State>(storage: &Watched, tail: usize) -> Store<S> {
    let options = Options { log_tail: tail, ..Options::default() };
    Store::with(storage.shared(), Clock::system(), "test", options).unwrap()
}

async fn write_numbers(storage: &Watched, count: usize) {
    let store = store::<Chat>(storage);
    change(storage, &store, |chat| chat.history.extend((0..count).map(|i| i.to_string()))).await.unwrap();
}

#[tokio::test]
async fn a_push_writes_to_the_log_and_only_expects_the_session() {
    let storage = Watched::new();
    write_numbers(&storage, 1).await;
    let store = store::<Chat>(&storage);
    let mut loaded = store.load(&conversation()).await.unwrap();
    loaded.get_mut().history.push("next".into());
    let writes = loaded.prepare().unwrap();
    assert_eq!(writes.len(), 2);
    assert!(writes[0].base.is_none() && writes[0].append.is_empty());
    assert_eq!(writes[1].append.len(), 1);
    assert_eq!(writes[1].key.to_string(), "telegram:42 session/test/log/1");
}

#[tokio::test]
async fn two_pushes_at_once_conflict_although_the_session_is_not_written() {
    let storage = Watched::new();
    write_numbers(&storage, 3).await;
    let (one, two) = (store::<Chat>(&storage), store::<Chat>(&storage));
    let mut first = one.load(&conversation()).await.unwrap();
    let mut second = two.load(&conversation()).await.unwrap();
    first.get_mut().history.push("first".into());
    second.get_mut().history.push("second".into());
    commit(&storage, first).await.unwrap();
    assert_eq!(commit(&storage, second).await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_session_changed_after_reading_a_log_conflicts_with_a_push() {
    let storage = Watched::new();
    write_numbers(&storage, 3).await;
    let (one, two) = (store::<Chat>(&storage), store::<Chat>(&storage));
    let mut first = one.load(&conversation()).await.unwrap();
    first.get_mut().name = format!("of {} messages", first.get().history.len());
    change(&storage, &two, |chat| chat.history.push("meanwhile".into())).await.unwrap();
    assert_eq!(commit(&storage, first).await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn the_last_items_are_loaded_and_older_ones_when_asked_for() {
    let storage = Watched::new();
    write_numbers(&storage, 1_000).await;
    let store = store::<Chat>(&storage);
    let mut loaded = store.load(&conversation()).await.unwrap();
    let history = &mut loaded.get_mut().history;
    assert_eq!((history.len(), history.tail().len(), history.not_loaded()), (1_000, 256, 744));
    assert_eq!(history.tail()[0], "744");
    assert_eq!(history.before(2).await.unwrap(), ["742", "743"]);
    assert_eq!(history.load_before(700).await.unwrap(), 700);
    assert_eq!((history.tail().len(), history.tail()[0].as_str()), (956, "44"));
    assert_eq!(history.load_before(usize::MAX).await.unwrap(), 44);
    assert_eq!(history.load_before(1).await.unwrap(), 0);
    assert_eq!(loaded.prepare().unwrap().len(), 0);
}

#[tokio::test]
async fn a_copy_is_another_log_and_a_half_loaded_one_is_refused() {
    #[derive(Default, Serialize, Deserialize)]
    struct Two {
        one: Log<String>,
        #[serde(default)]
        other: Log<String>,
    }
    let storage = Watched::new();
    let store = small_tail::<Two>(&storage, 2);
    change(&storage, &store, |two| two.one.extend(["a".into(), "b".into()])).await.unwrap();
    change(&storage, &store, |two| two.other = two.one.clone()).await.unwrap();
    change(&storage, &store, |two| two.other.push("c".into())).await.unwrap();
    let fresh = small_tail::<Two>(&storage, 2);
    let loaded = fresh.load(&conversation()).await.unwrap();
    assert_eq!((loaded.get().one.len(), loaded.get().other.len()), (2, 3));
    drop(loaded);
    let copied = change(&storage, &fresh, |two| two.one = two.other.clone()).await.unwrap_err();
    assert_eq!(copied.kind(), Kind::Invalid);
    assert!(copied.to_string().contains("1 items that are not loaded"), "{copied}");
    assert_eq!(fresh.load(&conversation()).await.unwrap().get().one.tail(), ["a", "b"]);
}

#[tokio::test]
async fn a_log_kept_over_a_failed_turn_is_a_copy_in_the_next() {
    let storage = Watched::new();
    write_numbers(&storage, 3).await;
    let store = store::<Chat>(&storage);
    let mut loaded = store.load(&conversation()).await.unwrap();
    let mut stale = std::mem::take(&mut loaded.get_mut().history);
    stale.push("of a failed turn".into());
    drop(loaded);
    change(&storage, &store, |chat| chat.history.push("3".into())).await.unwrap();
    change(&storage, &store, |chat| chat.history = stale).await.unwrap();
    let fresh = super::store::<Chat>(&storage);
    let loaded = fresh.load(&conversation()).await.unwrap();
    assert_eq!(loaded.get().history.tail(), ["0", "1", "2", "of a failed turn"]);
    assert_eq!(storage.keys().await.len(), 2, "the log it replaced is deleted");
}

#[tokio::test]
async fn a_log_that_vanishes_is_deleted_and_its_number_is_not_used_again() {
    let storage = Watched::new();
    let store = store::<Chat>(&storage);
    for round in 1..4 {
        change(&storage, &store, |chat| chat.history.push("x".into())).await.unwrap();
        let mut keys: Vec<String> = storage.keys().await.iter().map(ToString::to_string).collect();
        keys.sort();
        assert_eq!(
            keys,
            ["telegram:42 session/test".to_owned(), format!("telegram:42 session/test/log/{round}")]
        );
        change(&storage, &store, |chat| *chat = Chat { name: round.to_string(), ..Chat::default() })
            .await
            .unwrap();
        assert_eq!(storage.keys().await.len(), 1);
    }
}

#[tokio::test]
async fn deleting_a_session_deletes_its_logs() {
    let storage = Watched::new();
    write_numbers(&storage, 3).await;
    let chats = Sessions::<Chat>::new(storage.clone(), "test").unwrap();
    chats.delete("telegram:42").await.unwrap();
    assert_eq!(storage.keys().await, []);
    assert_eq!(chats.get("telegram:42").await.unwrap().history.len(), 0);
}

#[tokio::test]
async fn a_log_inside_an_item_of_a_log_is_refused() {
    #[derive(Default, Serialize, Deserialize)]
    struct Item {
        inner: Log<u8>,
    }
    #[derive(Default, Serialize, Deserialize)]
    struct Outer {
        log: Log<Item>,
    }
    let storage = Watched::new();
    let store = store::<Outer>(&storage);
    let error = change(&storage, &store, |outer| outer.log.push(Item::default())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("inside an item of another Log"), "{error}");
    assert_eq!(storage.keys().await, []);
}

#[tokio::test]
async fn a_serializer_that_swallows_a_log_is_caught() {
    #[derive(Default, Serialize, Deserialize)]
    struct Swallowing {
        #[serde(serialize_with = "length_only", deserialize_with = "nothing")]
        log: Log<String>,
    }
    fn length_only<S: Serializer>(log: &Log<String>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        drop(log.serialize(&mut rmp_serde::Serializer::new(&mut bytes)));
        serializer.serialize_u64(bytes.len() as u64)
    }
    fn nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Log<String>, D::Error> {
        u64::deserialize(deserializer).map(|_| Log::new())
    }
    let storage = Watched::new();
    let store = store::<Swallowing>(&storage);
    let error = change(&storage, &store, |state| state.log.push("lost".into())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("would be lost"), "{error}");
}

#[tokio::test]
async fn elsewhere_a_log_is_a_list_and_half_loaded_an_error() {
    let storage = Watched::new();
    write_numbers(&storage, 3).await;
    let store = small_tail::<Chat>(&storage, 2);
    let mut loaded = store.load(&conversation()).await.unwrap();
    let error = serde_json::to_string(&loaded.get().history).unwrap_err();
    assert!(error.to_string().contains("1 items of a Log are not loaded"), "{error}");
    loaded.get_mut().history.load_before(1).await.unwrap();
    let json = serde_json::to_string(&loaded.get().history).unwrap();
    assert_eq!(json, r#"["0","1","2"]"#);
    assert_eq!(serde_json::from_str::<Log<String>>(&json).unwrap().tail(), ["0", "1", "2"]);
}

#[tokio::test]
async fn a_vector_can_become_a_log() {
    #[derive(Default, Serialize, Deserialize)]
    struct Before {
        name: String,
        history: Vec<String>,
    }
    let storage = Watched::new();
    change(&storage, &store::<Before>(&storage), |chat| chat.history = vec!["a".into(), "b".into()])
        .await
        .unwrap();
    change(&storage, &store::<Chat>(&storage), |chat| chat.history.push("c".into())).await.unwrap();
    let fresh = store::<Chat>(&storage);
    assert_eq!(fresh.load(&conversation()).await.unwrap().get().history.tail(), ["a", "b", "c"]);
    assert_eq!(storage.keys().await.len(), 2);
}

#[tokio::test]
async fn a_window_is_trimmed_where_it_is_stored() {
    let storage = Watched::new();
    let store = store::<Chat>(&storage);
    for i in 0..200 {
        change(&storage, &store, |chat| {
            chat.history.push(i.to_string());
            chat.history.keep_last(10);
        })
        .await
        .unwrap();
    }
    let reads = [tertulia::storage::Read::new(storage.keys().await.iter().max().unwrap().clone())];
    let page = tertulia::storage::Storage::read(&storage, &reads).await.unwrap().remove(0).unwrap().unwrap();
    assert_eq!(page.into_log().unwrap().entries.len(), 10);
    let fresh = super::store::<Chat>(&storage);
    let loaded = fresh.load(&conversation()).await.unwrap();
    assert_eq!((loaded.get().history.len(), loaded.get().history.tail()[0].as_str()), (10, "190"));
}

#[tokio::test]
async fn a_window_whose_end_is_edited_is_trimmed_up_to_its_first_item() {
    let storage = Watched::new();
    let store = store::<Chat>(&storage);
    // Where each item there ever was lies.
    let (mut offsets, mut start, mut end) = (Vec::new(), 0, 0);
    for i in 0..200 {
        let popped = [0, 3, 1, 7, 2][i % 5].min(offsets.len());
        change(&storage, &store, |chat| {
            (0..popped).for_each(|_| drop(chat.history.pop()));
            chat.history.extend((0..4).map(|part| format!("{i}.{part}")));
            chat.history.keep_last(10);
        })
        .await
        .unwrap();
        offsets.truncate(offsets.len() - popped);
        offsets.extend(end..end + 4);
        end += 4;
        let reads = [tertulia::storage::Read::new(storage.keys().await.iter().max().unwrap().clone())];
        let page =
            tertulia::storage::Storage::read(&storage, &reads).await.unwrap().remove(0).unwrap().unwrap();
        start = offsets.len().saturating_sub(10).max(start);
        assert_eq!(page.into_log().unwrap().head.start.0, offsets[start], "turn {i}");
    }
}

#[tokio::test]
async fn a_default_with_items_is_written_once_it_is_changed() {
    #[derive(Serialize, Deserialize)]
    struct Greeted {
        history: Log<String>,
    }
    impl Default for Greeted {
        fn default() -> Self {
            Self { history: Log::from(vec!["welcome".to_owned()]) }
        }
    }
    let storage = Watched::new();
    let store = store::<Greeted>(&storage);
    let mut loaded = store.load(&conversation()).await.unwrap();
    loaded.get_mut();
    assert_eq!(loaded.prepare().unwrap().len(), 0);
    loaded.get_mut().history.push("hello".into());
    commit(&storage, loaded).await.unwrap();
    let fresh = super::store::<Greeted>(&storage);
    assert_eq!(fresh.load(&conversation()).await.unwrap().get().history.tail(), ["welcome", "hello"]);
}

#[tokio::test]
async fn a_log_that_is_serialized_twice_is_refused() {
    #[derive(Default, Serialize, Deserialize)]
    struct Twice {
        #[serde(serialize_with = "twice", deserialize_with = "first")]
        log: Log<String>,
    }
    fn twice<S: Serializer>(log: &Log<String>, serializer: S) -> Result<S::Ok, S::Error> {
        (log, log).serialize(serializer)
    }
    fn first<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Log<String>, D::Error> {
        <(Log<String>, Log<String>)>::deserialize(deserializer).map(|(first, _)| first)
    }
    let storage = Watched::new();
    let store = store::<Twice>(&storage);
    let error = change(&storage, &store, |state| state.log.push("a".into())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(storage.keys().await, []);
}

#[tokio::test]
async fn a_log_whose_records_are_gone_is_corrupt_and_not_empty() {
    let storage = Watched::new();
    write_numbers(&storage, 3).await;
    let key = storage.keys().await.into_iter().max().unwrap();
    super::commit_writes(&storage, vec![tertulia::storage::LogWrite::new(key).delete()]).await.unwrap();
    let error = store::<Chat>(&storage).load(&conversation()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
}

#[tokio::test]
async fn too_many_logs_are_refused_by_number() {
    #[derive(Default, Serialize, Deserialize)]
    struct Many {
        logs: Vec<Log<u8>>,
    }
    let storage = Watched::new();
    let store = store::<Many>(&storage);
    let logs = |count| Many { logs: (0..count).map(|_| Log::from(vec![1])).collect() };
    change(&storage, &store, |many| *many = logs(120)).await.unwrap();
    let error = change(&storage, &store, |many| *many = logs(121)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("121 logs, at most 120"), "{error}");
}

#[tokio::test]
async fn the_last_items_are_had_at_once_and_the_oldest_are_dropped_unloaded() {
    let storage = Watched::new();
    let sessions = || {
        let options = Options { log_tail: 10, ..Options::default() };
        Sessions::<Chat>::with(storage.clone(), Clock::system(), "chat", options).unwrap()
    };
    sessions().update("web:1", |chat| chat.history.extend((0..100).map(|n| n.to_string()))).await.unwrap();
    let mut chat = sessions().load("web:1").await.unwrap();
    assert_eq!(chat.history.last(3), ["97", "98", "99"]);
    assert_eq!(chat.history.back().unwrap(), "99");
    chat.history.drop_first(40);
    chat.history.last_mut(2)[0].push('!');
    chat.save().await.unwrap();
    let mut chat = sessions().get("web:1").await.unwrap().into_inner();
    assert_eq!((chat.history.len(), chat.history.load_all().await.unwrap()), (60, 50));
    assert_eq!(chat.history.tail()[0], "40");
    assert_eq!(chat.history.last(2), ["98!", "99"]);
}
