//! How much is stored and read for how much change.

use serde::{Deserialize, Serialize};
use tertulia::session::{Options, Store};
use tertulia::{Clock, Log};

use super::{Watched, change, conversation, store};

#[derive(Default, Serialize, Deserialize)]
struct Message {
    id: u32,
    role: String,
    text: String,
}

impl Message {
    /// About 500 bytes.
    fn new(id: u32) -> Self {
        Self { id, role: "assistant".into(), text: format!("{id:>465}") }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Plain {
    count: u32,
    history: Vec<Message>,
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    count: u32,
    history: Log<Message>,
}

const MESSAGES: u32 = 2_100;

async fn one_megabyte(storage: &Watched) -> Store<Plain> {
    let store = store::<Plain>(storage);
    change(storage, &store, |plain| plain.history = (0..MESSAGES).map(Message::new).collect()).await.unwrap();
    assert!(storage.counts().written_bytes > 1_000_000);
    store
}

#[tokio::test]
async fn a_message_appended_to_a_megabyte_stores_the_message() {
    let storage = Watched::new();
    let store = one_megabyte(&storage).await;
    change(&storage, &store, |plain| plain.history.push(Message::new(MESSAGES))).await.unwrap();
    let bytes = storage.counts().written_bytes;
    assert!(bytes <= 530, "{bytes} bytes for a message of 500");
}

#[tokio::test]
async fn an_edit_in_the_middle_of_a_megabyte_stores_the_edit() {
    let storage = Watched::new();
    let store = one_megabyte(&storage).await;
    change(&storage, &store, |plain| plain.history[1_000].role = "user".into()).await.unwrap();
    let bytes = storage.counts().written_bytes;
    assert!(bytes <= 60, "{bytes} bytes");
}

#[tokio::test]
async fn a_window_that_moves_over_a_megabyte_stores_what_came_in() {
    let storage = Watched::new();
    let store = one_megabyte(&storage).await;
    change(&storage, &store, |plain| {
        plain.history.remove(0);
        plain.history.push(Message::new(MESSAGES));
        plain.count += 1;
    })
    .await
    .unwrap();
    let bytes = storage.counts().written_bytes;
    assert!(bytes <= 550, "{bytes} bytes");
}

#[tokio::test]
async fn a_megabyte_with_a_thousand_patches_is_read_back() {
    let storage = Watched::new();
    let store = one_megabyte(&storage).await;
    for i in 0..1_000 {
        change(&storage, &store, |plain| plain.history.push(Message::new(MESSAGES + i))).await.unwrap();
    }
    let bytes = storage.counts().written_bytes;
    assert!(bytes <= 3 * 1_000 * 500, "{bytes} bytes for 1,000 messages of 500");
    let fresh = super::store::<Plain>(&storage);
    let loaded = fresh.load(&conversation()).await.unwrap();
    assert_eq!(loaded.get().history.len(), MESSAGES as usize + 1_000);
    assert_eq!(loaded.get().history.last().unwrap().id, MESSAGES + 999);
}

#[tokio::test]
async fn patches_are_joined_into_the_base_before_they_outgrow_it() {
    let storage = Watched::new();
    let store = store::<Plain>(&storage);
    change(&storage, &store, |plain| plain.history = (0..10).map(Message::new).collect()).await.unwrap();
    for i in 0..200 {
        change(&storage, &store, |plain| plain.history[3] = Message::new(1_000 + i)).await.unwrap();
        let reads = [tertulia::storage::Read::new(store.key(&conversation()))];
        let page =
            tertulia::storage::Storage::read(&storage, &reads).await.unwrap().remove(0).unwrap().unwrap();
        let head = page.into_log().unwrap().head;
        assert!(head.entry_bytes <= head.base_len.max(4_096), "{head:?}");
    }
    let fresh = super::store::<Plain>(&storage);
    assert_eq!(fresh.load(&conversation()).await.unwrap().get().history[3].id, 1_199);
}

#[tokio::test]
async fn a_small_session_stays_one_row() {
    let storage = Watched::new();
    let store = store::<Plain>(&storage);
    for _ in 0..100 {
        change(&storage, &store, |plain| plain.count += 1).await.unwrap();
    }
    let reads = [tertulia::storage::Read::new(store.key(&conversation()))];
    let page = tertulia::storage::Storage::read(&storage, &reads).await.unwrap().remove(0).unwrap().unwrap();
    let page = page.into_log().unwrap();
    assert_eq!((page.entries.len(), page.head.base_version), (0, 100));
}

#[tokio::test]
async fn a_message_pushed_on_a_long_log_stores_the_message() {
    let storage = Watched::new();
    let store = store::<Kept>(&storage);
    change(&storage, &store, |kept| kept.history.extend((0..MESSAGES).map(Message::new))).await.unwrap();
    storage.counts();
    change(&storage, &store, |kept| kept.history.push(Message::new(MESSAGES))).await.unwrap();
    let bytes = storage.counts().written_bytes;
    assert!(bytes <= 520, "{bytes} bytes for a message of 500");
}

#[tokio::test]
async fn the_last_hundred_of_a_hundred_thousand_items_are_read_alone() {
    let storage = Watched::new();
    let kept = store::<Kept>(&storage);
    for from in (0..100_000).step_by(10_000) {
        change(&storage, &kept, |kept| kept.history.extend((from..from + 10_000).map(Message::new)))
            .await
            .unwrap();
    }
    let item_bytes = storage.counts().written_bytes / 100_000;
    let mut options = Options::default();
    options.log_tail = 100;
    let store = Store::<Kept>::with(storage.shared(), Clock::system(), "test", options).unwrap();
    let loaded = store.load(&conversation()).await.unwrap();
    assert_eq!((loaded.get().history.tail().len(), loaded.get().history.len()), (100, 100_000));
    let counts = storage.counts();
    assert!(counts.read_bytes <= 2 * 100 * item_bytes, "{} bytes read", counts.read_bytes);
    assert_eq!(counts.reads, 2);
}
