//! Sessions changed through their JSON.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tertulia::error::Kind;
use tertulia::session::{JsonView, LiveLog, Misfit, Options, WriteMode};
use tertulia::storage::Memory;
use tertulia::{Clock, Error, Log, Result, Sessions};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    name: String,
    #[serde(default)]
    counts: BTreeMap<u8, u64>,
    #[serde(default)]
    history: Log<Message>,
    #[serde(default)]
    topics: Vec<Topic>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Message {
    text: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Topic {
    notes: Log<String>,
}

const ANA: &str = "web:ana";

/// The sessions of a storage, with 4 items of each log; each call as another process has them.
fn chats(storage: &Memory) -> Sessions<Chat> {
    chats_in(storage, WriteMode::Transactional)
}

fn chats_in(storage: &Memory, mode: WriteMode) -> Sessions<Chat> {
    let options = Options { log_tail: 4, mode, ..Options::default() };
    Sessions::with(storage.clone(), Clock::system(), "chat", options).unwrap()
}

fn messages(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Message> {
    numbers.map(|n| Message { text: n.to_string() })
}

/// Changes a part of the value, and checks that what is told is what is there then.
async fn change(chats: &Sessions<Chat>, change: impl Fn(&mut Value)) -> Result<JsonView> {
    let changed = chats
        .update_json(ANA, |view| {
            let mut value = view.value.clone();
            change(&mut value);
            Ok::<_, Error>(Some(value))
        })
        .await;
    if let Ok(view) = &changed {
        let now = chats.get_json(ANA).await.unwrap();
        assert_eq!(now.is_stored, view.is_stored);
        assert!(now == *view || !now.is_stored, "{view:?} {now:?}");
    }
    changed
}

fn misfit(error: &Error) -> (&str, &str) {
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    let Misfit { path, why } = error.detail().unwrap();
    (path, why)
}

#[tokio::test]
async fn a_value_is_changed_and_everybody_sees_it() {
    let storage = Memory::new();
    let (typed, chats) = (chats(&storage), chats(&storage));
    typed.update(ANA, |chat| (chat.name, chat.counts) = ("Ana".into(), [(7, 1)].into())).await.unwrap();
    let view = change(&chats, |value| value["counts"]["7"] = json!(2)).await.unwrap();
    assert_eq!(view.value, json!({ "name": "Ana", "counts": { "7": 2 }, "history": [], "topics": [] }));
    assert!(view.is_stored);
    let chat = typed.get(ANA).await.unwrap();
    assert_eq!((chat.name.as_str(), chat.counts[&7]), ("Ana", 2));
}

#[tokio::test]
async fn what_is_not_stored_begins_as_the_default_and_is_not_there() {
    let storage = Memory::new();
    let chats = chats(&storage);
    let absent = JsonView { value: Value::Null, logs: vec![], is_stored: false };
    assert_eq!(chats.get_json(ANA).await.unwrap(), absent);
    let same = chats.update_json(ANA, |view| Ok::<_, Error>(Some(view.value.clone()))).await.unwrap();
    assert_eq!((same.is_stored, &same.value["name"]), (false, &json!("")));
    assert_eq!(chats.get_json(ANA).await.unwrap(), absent, "nothing was written");
    assert!(change(&chats, |value| value["name"] = json!("Ana")).await.unwrap().is_stored);
    let removed = chats.update_json(ANA, |_| Ok::<_, Error>(None)).await.unwrap();
    assert_eq!((removed, chats.contains(ANA).await.unwrap()), (absent, false));
}

#[tokio::test]
async fn what_is_added_to_a_long_log_keeps_what_is_not_shown() {
    let storage = Memory::new();
    let (typed, chats) = (chats(&storage), chats(&storage));
    typed.update(ANA, |chat| chat.history.extend(messages(0..6))).await.unwrap();
    let view = change(&chats, |value| {
        value["name"] = json!("Ana");
        value["history"].as_array_mut().unwrap().push(json!({ "text": "6" }));
    });
    let view = view.await.unwrap();
    assert_eq!(view.value["history"], json!(messages(3..7).collect::<Vec<_>>()));
    assert_eq!(view.logs[0], LiveLog { path: "/history".into(), len: 7, not_loaded: 3 });
    let mut chat = typed.load(ANA).await.unwrap();
    chat.history.load_all().await.unwrap();
    assert_eq!(chat.history.tail(), messages(0..7).collect::<Vec<_>>());
    chat.discard();
}

#[tokio::test]
async fn a_long_log_is_not_changed_in_any_other_way() {
    let storage = Memory::new();
    let (typed, chats) = (chats(&storage), chats(&storage));
    typed.update(ANA, |chat| chat.history.extend(messages(0..6))).await.unwrap();
    let before = chats.get_json(ANA).await.unwrap();
    for (index, other) in [
        json!([]),
        json!(null),
        json!("x"),
        json!([{ "text": "2" }, { "text": "3" }, { "text": "4" }]),
        json!([{ "text": "3" }, { "text": "4" }, { "text": "5" }, { "text": "6" }]),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = change(&chats, |value| value["history"] = other.clone()).await.unwrap_err();
        let expected = ("/history", "it shows the last 4 of 6 items, and can only be added to");
        assert_eq!(misfit(&refused), expected, "{index}");
    }
    let moved = change(&chats, |value| {
        let history = value.as_object_mut().unwrap().remove("history").unwrap();
        value["topics"] = json!([{ "notes": history }]);
    });
    assert_eq!(misfit(&moved.await.unwrap_err()).0, "/history");
    assert_eq!(chats.get_json(ANA).await.unwrap(), before);
}

#[tokio::test]
async fn a_short_log_is_changed_in_any_way() {
    let storage = Memory::new();
    let (typed, chats) = (chats(&storage), chats(&storage));
    let texts = |chat: &Chat| -> Vec<_> { chat.history.tail().iter().map(|it| it.text.clone()).collect() };
    for texts_now in [&["0", "1", "2"][..], &["0", "1", "9"], &["1", "9"], &[], &["5"], &["6", "5", "7"]] {
        let items: Vec<_> = texts_now.iter().map(|text| json!({ "text": text })).collect();
        let view = change(&chats, |value| value["history"] = json!(items)).await.unwrap();
        assert_eq!(view.value["history"], json!(items));
        assert_eq!(texts(&typed.get(ANA).await.unwrap()), texts_now);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place() {
    let storage = Memory::new();
    let (typed, chats) = (chats(&storage), chats(&storage));
    typed.update(ANA, |chat| chat.history.extend(messages(0..3))).await.unwrap();
    let before = chats.get_json(ANA).await.unwrap();
    for (path, value) in [
        ("/name", json!(5)),
        ("/counts/7", json!("x")),
        ("/history/3", json!({ "text": 5 })),
        ("/topics/0/notes/1", json!({})),
    ] {
        let refused = change(&chats, |whole| {
            whole["counts"] = json!({ "7": 1 });
            whole["topics"] = json!([{ "notes": ["a", "b"] }]);
            whole["history"].as_array_mut().unwrap().push(json!({ "text": "3" }));
            *whole.pointer_mut(path).unwrap() = value.clone();
        });
        let refused = refused.await.unwrap_err();
        let (place, why) = misfit(&refused);
        assert!(place.starts_with(path) && why.contains("expected"), "{refused}");
    }
    let refused = chats.update_json(ANA, |_| Ok::<_, Error>(Some(json!([])))).await.unwrap_err();
    assert_eq!(misfit(&refused).0, "");
    let refused = change(&chats, |value| value["history"] = json!({ "text": "x" })).await.unwrap_err();
    assert_eq!(misfit(&refused), ("/history", "invalid type: map, expected a list"));
    assert_eq!(chats.get_json(ANA).await.unwrap(), before);
}

#[tokio::test]
async fn nobodys_change_is_lost() {
    let storage = Memory::new();
    let stores = [chats(&storage), chats(&storage), chats(&storage)];
    let add = |value: &mut Value| {
        let count = value["counts"]["0"].as_u64().unwrap_or(0);
        value["counts"]["0"] = json!(count + 1);
    };
    let adds = (0..30).map(async |n| {
        let chats = &stores[n % 3];
        if n % 2 == 0 {
            chats.update(ANA, |chat| *chat.counts.entry(0).or_default() += 1).await.unwrap();
        } else {
            let change = |view: &JsonView| {
                let mut value = view.value.clone();
                add(&mut value);
                Ok::<_, Error>(Some(value))
            };
            chats.update_json(ANA, change).await.unwrap();
        }
    });
    join_all(adds).await;
    for chats in stores {
        assert_eq!(chats.get(ANA).await.unwrap().counts[&0], 30);
    }
}

#[tokio::test]
async fn a_change_that_fails_writes_nothing() {
    #[derive(Debug)]
    struct Stop;
    impl From<Error> for Stop {
        fn from(error: Error) -> Self {
            panic!("{error}")
        }
    }
    let storage = Memory::new();
    let chats = chats(&storage);
    change(&chats, |value| value["name"] = json!("Ana")).await.unwrap();
    chats.update_json(ANA, |_| Err::<Option<Value>, _>(Stop)).await.unwrap_err();
    assert_eq!(chats.get(ANA).await.unwrap().name, "Ana");
}

#[tokio::test]
async fn what_is_queued_is_seen_and_what_is_told_is_stored() {
    let storage = Memory::new();
    let (queued, stored) = (chats_in(&storage, WriteMode::FIRE_AND_FORGET), chats(&storage));
    queued.update(ANA, |chat| chat.history.extend(messages(0..3))).await.unwrap();
    let view = change(&queued, |value| value["name"] = json!("Ana")).await.unwrap();
    assert_eq!(view.logs[0].len, 3);
    assert_eq!(stored.get_json(ANA).await.unwrap(), view);
}

/// Some value that fits, made of what is there.
fn altered(value: &mut Value, random: &mut fastrand::Rng) {
    let text = |random: &mut fastrand::Rng| json!(random.u8(..9).to_string());
    let edit = |items: &mut Vec<Value>, item: Value, random: &mut fastrand::Rng| match random.u8(..5) {
        0 if !items.is_empty() => drop(items.remove(random.usize(..items.len()))),
        1 if !items.is_empty() => *random.choice(items).unwrap() = item,
        2 => items.clear(),
        3 => items.insert(random.usize(..=items.len()), item),
        _ => items.push(item),
    };
    match random.u8(..6) {
        0 => value["name"] = text(random),
        1 => {
            let topics = value["topics"].as_array_mut().unwrap();
            match random.u8(..3) {
                0 if !topics.is_empty() => drop(topics.remove(random.usize(..topics.len()))),
                _ => topics.insert(random.usize(..=topics.len()), json!({ "notes": [] })),
            }
        }
        2 | 3 => {
            let topics = value["topics"].as_array_mut().unwrap();
            let Some(topic) = random.choice(topics.iter_mut().map(|it| &mut it["notes"])) else { return };
            let item = text(random);
            edit(topic.as_array_mut().unwrap(), item, random);
        }
        _ => {
            let item = json!({ "text": text(random) });
            edit(value["history"].as_array_mut().unwrap(), item, random);
        }
    }
}

#[tokio::test]
async fn whatever_is_changed_is_there_or_refused_and_items_that_are_not_shown_stay() {
    let (mut done, mut refused) = (0, 0);
    for seed in 0..40 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let storage = Memory::new();
        let chats = chats(&storage);
        for _ in 0..40 {
            let before = chats.get_json(ANA).await.unwrap();
            let state = random.fork();
            let changed = change(&chats, |value| {
                let mut random = state.clone();
                (0..3).for_each(|_| altered(value, &mut random));
            });
            let Ok(view) = changed.await else {
                refused += 1;
                assert_eq!(chats.get_json(ANA).await.unwrap(), before);
                continue;
            };
            done += 1;
            // A process that has nothing in its cache finds the same.
            let mut chat = self::chats(&storage).load(ANA).await.unwrap();
            assert_eq!(json!(chat.history.last(4)), view.value["history"]);
            assert_eq!(json!(chat.name), view.value["name"]);
            let notes = chat.topics.iter().map(|topic| json!({ "notes": topic.notes.last(4) }));
            assert_eq!(Value::from_iter(notes), view.value["topics"]);
            for log in before.logs.iter().filter(|log| log.path == "/history" && log.not_loaded > 0) {
                assert!(chat.history.len() as u64 >= log.len, "{log:?}");
                assert_eq!(chat.history.load_all().await.unwrap() + 4, chat.history.len());
            }
            chat.discard();
        }
    }
    assert!(done > 500 && refused > 100, "{done} {refused}");
}
