//! What a follower of a session is told, and that it is told everything.

use std::time::Duration;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tertulia::error::Kind;
use tertulia::session::{Expiry, Live, LiveLog, Migrations, Operation, Options};
use tertulia::storage::{
    Batch, BoxFuture, CommitId, Committed, Etag, Head, ListQuery, Listing, LogWrite, Memory, Page,
    Properties, Read, SeenPage, SeenQuery, Storage, Write,
};
use tertulia::{Clock, Key, Log, Name, Result, Sessions};

use super::codecs::Toy;
use super::live_random::apply;
use super::{Watched, conversation};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    name: String,
    history: Log<String>,
}

fn chats(storage: &Watched) -> Sessions<Chat> {
    Sessions::new(storage.shared(), "test").unwrap()
}

async fn live(storage: &Watched) -> Live {
    Live::open(storage.shared(), "test", "telegram:42", Options::default()).await.unwrap()
}

/// Nothing comes, however long one waits.
async fn assert_silent(live: &mut Live) {
    let changed = tokio::time::timeout(Duration::from_hours(1), live.changed()).await;
    assert!(changed.is_err(), "{changed:?}");
}

async fn update(chats: &Sessions<Chat>, change: impl Fn(&mut Chat)) {
    chats.update("telegram:42", change).await.unwrap();
}

async fn told(live: &mut Live) -> Value {
    let changed = tokio::time::timeout(Duration::from_hours(1), live.changed()).await;
    json!(changed.expect("a change was missed").unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_happens_at_the_ends_of_a_log_is_told_there() {
    let (storage, numbers) =
        (Watched::new(), |range: std::ops::Range<u32>| range.map(|n| format!("message {n}")));
    let chats = chats(&storage);
    update(&chats, |chat| chat.history.extend(numbers(0..4))).await;
    let mut live = live(&storage).await;
    assert_eq!(*live.value(), json!({ "name": "", "history": numbers(0..4).collect::<Vec<_>>() }));
    update(&chats, |chat| chat.history.push("more".into())).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "add", "path": "/history/-", "value": "more" }]));
    update(&chats, |chat| *chat.history.back_mut().unwrap() = "else".into()).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "/history/4", "value": "else" }]));
    update(&chats, |chat| chat.history.keep_last(4)).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "remove", "path": "/history/0" }]));
    update(&chats, |chat| drop(chat.history.pop())).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "remove", "path": "/history/3" }]));
    update(&chats, |chat| chat.history.clear()).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "/history", "value": [] }]));
}

#[tokio::test(start_paused = true)]
async fn the_array_of_a_log_is_its_tail_and_the_rest_is_counted() {
    let storage = Watched::new();
    let message = |n: u32| format!("a message of some length, with the number {n}");
    let chats = chats(&storage);
    update(&chats, |chat| chat.history.extend((0..5).map(message))).await;
    let options = Options { log_tail: 3, ..Options::default() };
    let mut live = Live::open(storage.shared(), "test", "telegram:42", options).await.unwrap();
    assert_eq!(live.value()["history"], json!([message(2), message(3), message(4)]));
    let logs = |len, not_loaded| vec![LiveLog { path: "/history".into(), len, not_loaded }];
    assert_eq!(live.logs().collect::<Vec<_>>(), logs(5, 2));
    update(&chats, |chat| drop(chat.history.pop())).await;
    let operations = told(&mut live).await;
    assert_eq!(
        operations,
        json!([{ "op": "remove", "path": "/history/2" }, { "op": "add", "path": "/history/0", "value": message(1) }])
    );
    assert_eq!(live.logs().collect::<Vec<_>>(), logs(4, 1));
    // What is dropped before the tail is not told, and is counted.
    update(&chats, |chat| chat.history.keep_last(3)).await;
    assert_silent(&mut live).await;
    assert_eq!(live.logs().collect::<Vec<_>>(), logs(3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_only_stored_in_another_way_is_waited_through() {
    let storage = Watched::new();
    let chats = chats(&storage);
    update(&chats, |chat| chat.history.push("hello".into())).await;
    let mut live = live(&storage).await;
    assert!(chats.rewrite("telegram:42").await.unwrap());
    assert_silent(&mut live).await;
    update(&chats, |chat| chat.history.push("more".into())).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "add", "path": "/history/-", "value": "more" }]));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_goes_is_null_and_one_made_anew_is_told_whole() {
    let storage = Watched::new();
    let chats = chats(&storage);
    let mut live = live(&storage).await;
    assert_eq!((live.value(), live.is_stored()), (&Value::Null, false));
    update(&chats, |chat| chat.history.push("hello".into())).await;
    let whole = |item: &str| json!({ "name": "", "history": [item] });
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "", "value": whole("hello") }]));
    assert!(live.is_stored());
    chats.delete("telegram:42").await.unwrap();
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "", "value": null }]));
    update(&chats, |chat| chat.history.push("hello".into())).await;
    told(&mut live).await;
    // Deleted and made again between two looks: another log with the same number.
    chats.delete("telegram:42").await.unwrap();
    update(&chats, |chat| chat.history.push("again".into())).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "/history", "value": ["again"] }]));
    assert_eq!(*live.value(), whole("again"));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_expires_is_told_when_it_does() {
    let storage = std::sync::Arc::new(Memory::new());
    let life = Duration::from_secs(100);
    let options = Options { expiry: Expiry::Absolute(life), ..Options::default() };
    let chats = Sessions::<Chat>::with(storage.clone(), Clock::system(), "test", options.clone()).unwrap();
    let begun = tokio::time::Instant::now();
    update(&chats, |chat| chat.history.push("hello".into())).await;
    let mut live = Live::open(storage, "test", "telegram:42", options).await.unwrap();
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "", "value": null }]));
    assert!(begun.elapsed() >= life && begun.elapsed() < life + Duration::from_secs(1));
}

/// Sets a base that is no session.
async fn damage(storage: &Watched, base: &'static [u8]) {
    let key = Key::Log(conversation(), Name::from_static("session/test"));
    let mut write = LogWrite::new(key);
    write.base = Some(base.into());
    storage.commit(Batch::new(CommitId(fastrand::u64(..)), vec![Write::Log(write)])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_once_and_followed_on_once_it_can() {
    let storage = Watched::new();
    let chats = chats(&storage);
    update(&chats, |chat| chat.name = "Ana".into()).await;
    let mut live = live(&storage).await;
    damage(&storage, b"garbage").await;
    assert_eq!(live.changed().await.unwrap_err().kind(), Kind::Corrupt);
    assert_silent(&mut live).await;
    assert_eq!(live.value()["name"], "Ana");
    let opened = Live::open(storage.shared(), "test", "telegram:42", Options::default()).await;
    assert_eq!(opened.unwrap_err().kind(), Kind::Corrupt);
    damage(&storage, b"other garbage").await;
    assert_eq!(live.changed().await.unwrap_err().kind(), Kind::Corrupt);
    chats.delete("telegram:42").await.unwrap();
    update(&self::chats(&storage), |chat| chat.name = "Eva".into()).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "/name", "value": "Eva" }]));
}

/// A list of lists of lists.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Deep(Vec<Deep>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Odd {
    name: String,
    items: Log<Deep>,
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_nested_too_deeply_leaves_the_value_as_it_was() {
    let storage = Watched::new();
    let odd = Sessions::<Odd>::new(storage.shared(), "test").unwrap();
    odd.update("telegram:42", |odd| odd.items.push(Deep::default())).await.unwrap();
    let mut live = live(&storage).await;
    let before = live.value().clone();
    let push = |odd: &mut Odd| {
        odd.name = "Ana".into();
        odd.items.push((0..200).fold(Deep::default(), |deep, _| Deep(vec![deep])));
    };
    odd.update("telegram:42", push).await.unwrap();
    assert_eq!(live.changed().await.unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(*live.value(), before);
    assert_silent(&mut live).await;
    odd.update("telegram:42", |odd| drop(odd.items.pop())).await.unwrap();
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "/name", "value": "Ana" }]));
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_cannot_be_asked_loses_no_change() {
    let storage = Watched::new();
    let chats = chats(&storage);
    update(&chats, |chat| chat.name = "Ana".into()).await;
    let mut live = live(&storage).await;
    update(&chats, |chat| chat.name = "Eva".into()).await;
    storage.fail_read();
    assert_eq!(live.changed().await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(told(&mut live).await, json!([{ "op": "replace", "path": "/name", "value": "Eva" }]));
    storage.fail_read();
    let failed = Live::open(storage.shared(), "test", "telegram:42", Options::default()).await;
    assert_eq!(failed.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_name_or_a_conversation_that_is_none_is_refused() {
    let storage = Watched::new();
    for (name, conversation) in [("a/b", "telegram:42"), ("", "telegram:42"), ("test", "telegram")] {
        let refused = Live::open(storage.shared(), name, conversation, Options::default()).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::Invalid, "{name} {conversation}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_reads_through_codecs_and_migrations() {
    let storage = Watched::new();
    let secret = Toy { tag: 200, takes_plain: false, shortest: 0 };
    let options = Options::default().codec(secret);
    let chats = Sessions::<Chat>::with(storage.shared(), Clock::system(), "test", options.clone()).unwrap();
    update(&chats, |chat| chat.history.push("hello".into())).await;
    let rename = |tree: &mut tertulia::session::Tree| {
        tree.rename("history", "messages");
        Ok(())
    };
    let upper = |item: &mut tertulia::session::Tree| {
        let text = item.to::<String>()?.to_uppercase();
        item.replace(&text)
    };
    let migrations = Migrations::new().to(1, rename).to_items(1, "messages", upper);
    let migrated = Options { migrations, ..options };
    let mut live = Live::open(storage.shared(), "test", "telegram:42", migrated).await.unwrap();
    assert_eq!(*live.value(), json!({ "name": "", "messages": ["HELLO"] }));
    update(&chats, |chat| chat.history.push("more".into())).await;
    assert_eq!(told(&mut live).await, json!([{ "op": "add", "path": "/messages/-", "value": "MORE" }]));
    let plain = Live::open(storage.shared(), "test", "telegram:42", Options::default()).await;
    assert_eq!(plain.unwrap_err().kind(), Kind::Corrupt);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_damaged_and_is_gone_is_as_absent_as_before() {
    let storage = Watched::new();
    let mut live = live(&storage).await;
    damage(&storage, b"garbage").await;
    assert_eq!(live.changed().await.unwrap_err().kind(), Kind::Corrupt);
    chats(&storage).delete("telegram:42").await.unwrap();
    assert_silent(&mut live).await;
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Plain {
    messages: Vec<String>,
}

#[tokio::test(start_paused = true)]
async fn a_message_in_a_long_history_is_told_with_its_own_bytes() {
    let storage = Watched::new();
    let message = |n: usize| format!("{n:0500}");
    let chats = chats(&storage);
    let plain = Sessions::<Plain>::new(storage.shared(), "plain").unwrap();
    update(&chats, |chat| chat.history.extend((0..2_000).map(message))).await;
    plain.update("telegram:42", |plain| plain.messages.extend((0..2_000).map(message))).await.unwrap();
    let all = Options { log_tail: 10_000, ..Options::default() };
    let mut log = Live::open(storage.shared(), "test", "telegram:42", all).await.unwrap();
    let mut list = Live::open(storage.shared(), "plain", "telegram:42", Options::default()).await.unwrap();
    for live in [&log, &list] {
        assert!(live.value().to_string().len() > 1_000_000);
    }
    update(&chats, |chat| chat.history.push(message(2_000))).await;
    plain.update("telegram:42", |plain| plain.messages.push(message(2_000))).await.unwrap();
    for live in [&mut log, &mut list] {
        let operations = told(live).await.to_string();
        assert!(operations.len() < 700, "{} bytes", operations.len());
    }
}

/// A storage whose reads wait before and after they read.
#[derive(Debug)]
struct Slow(Watched);

#[deny(clippy::missing_trait_methods, reason = "a wrapper forwards everything")]
impl Storage for Slow {
    fn commit<'a>(&'a self, batch: Batch) -> BoxFuture<'a, Result<Committed>> {
        self.0.commit(batch)
    }

    fn read<'a>(&'a self, reads: &'a [Read]) -> BoxFuture<'a, Result<Vec<Result<Option<Page>>>>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let pages = self.0.read(reads).await;
            tokio::task::yield_now().await;
            pages
        })
    }

    fn list<'a>(&'a self, query: &'a ListQuery) -> BoxFuture<'a, Result<Listing>> {
        self.0.list(query)
    }

    fn seen<'a>(&'a self, query: &'a SeenQuery) -> BoxFuture<'a, Result<SeenPage>> {
        self.0.seen(query)
    }

    fn changed<'a>(&'a self, key: &'a Key, seen: Option<Etag>) -> BoxFuture<'a, Result<Option<Head>>> {
        self.0.changed(key, seen)
    }

    fn properties(&self) -> Properties {
        self.0.properties()
    }
}

/// How often a call of `changed` that finds something is polled at most before it is done.
const POLLS: usize = 8;

/// Follows until the value is this one.
async fn follow(live: &mut Live, followed: &mut Value, expected: &Value) {
    while followed != expected {
        let operations = tokio::time::timeout(Duration::from_secs(1), live.changed()).await;
        apply(followed, &operations.expect("a change was missed").unwrap());
        assert_eq!(live.value(), followed);
    }
}

/// Calls `changed`, and polls it so often; what it gave, if it was done.
fn poll_some(live: &mut Live, polls: usize, mut between: impl FnMut(usize)) -> Option<Vec<Operation>> {
    let mut changed = Box::pin(live.changed());
    for poll in 0..polls {
        if let Some(operations) = changed.as_mut().now_or_never() {
            return Some(operations.unwrap());
        }
        between(poll);
    }
    None
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_the_middle_misses_nothing() {
    let storage = Watched::new();
    let chats = chats(&storage);
    let mut live =
        Live::open(Slow(storage.clone()), "test", "telegram:42", Options::default()).await.unwrap();
    let mut followed = live.value().clone();
    let mut dropped = 0;
    for polls in 0..=POLLS {
        update(&chats, |chat| chat.history.push(format!("message {polls}"))).await;
        match poll_some(&mut live, polls, |_| ()) {
            None => dropped += 1,
            Some(operations) => apply(&mut followed, &operations),
        }
        let expected = json!(chats.get("telegram:42").await.unwrap().into_inner());
        follow(&mut live, &mut followed, &expected).await;
    }
    assert!((3..=POLLS).contains(&dropped), "{dropped} calls were dropped");
}

#[tokio::test(start_paused = true)]
async fn what_is_written_while_a_change_is_read_is_not_missed() {
    for at in 0..POLLS {
        for is_state in [false, true] {
            let storage = Watched::new();
            let chats = chats(&storage);
            update(&chats, |chat| chat.history.push("first".into())).await;
            let slow = Slow(storage.clone());
            let mut live = Live::open(slow, "test", "telegram:42", Options::default()).await.unwrap();
            let mut followed = live.value().clone();
            update(&chats, |chat| chat.history.push("second".into())).await;
            let write = |poll| {
                if poll == at {
                    let change = update(&chats, |chat| match is_state {
                        true => chat.name = "Ana".into(),
                        false => chat.history.push("third".into()),
                    });
                    change.now_or_never().expect("a write to memory does not wait");
                }
            };
            if let Some(operations) = poll_some(&mut live, 4 * POLLS, write) {
                apply(&mut followed, &operations);
            }
            let expected = json!(chats.get("telegram:42").await.unwrap().into_inner());
            follow(&mut live, &mut followed, &expected).await;
        }
    }
}
