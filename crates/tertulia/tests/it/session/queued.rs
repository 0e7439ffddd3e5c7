//! Fire-and-forget: a save returns when it is queued, and what is stored is always a prefix of what was saved.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Options, WriteMode};
use tertulia::storage::{IntoStorage, Memory};
use tertulia::{Clock, Log, Sessions};
use tertulia_testkit::{Call, Fault, Faulty, Gate};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    n: usize,
    text: String,
    log: Log<usize>,
}

fn sessions(storage: impl IntoStorage, mode: WriteMode) -> Sessions<Chat> {
    let options = Options { mode, ..Options::default() };
    Sessions::with(storage, Clock::system(), "chat", options).unwrap()
}

/// A memory whose commits can be held, the sessions over it, and the sessions as another process has them.
fn held() -> (Arc<Faulty>, Sessions<Chat>, Sessions<Chat>) {
    let memory = Memory::new();
    let storage = Arc::new(Faulty::new(memory.clone().into_storage()));
    let queued = sessions(Arc::clone(&storage), WriteMode::FIRE_AND_FORGET);
    (storage, queued, sessions(memory, WriteMode::Transactional))
}

async fn add(chats: &Sessions<Chat>, n: usize) {
    let change = |chat: &mut Chat| {
        chat.n = n;
        chat.text = "x".repeat(n % 7 * 400);
        chat.log.push(n);
    };
    chats.update("web:1", change).await.unwrap();
}

/// What another process sees is what was there after some save.
async fn check_prefix(stored: &Sessions<Chat>) -> usize {
    let chat = stored.get("web:1").await.unwrap();
    assert_eq!(chat.log.tail(), (1..=chat.n).collect::<Vec<_>>());
    assert_eq!(chat.text.len(), chat.n % 7 * 400);
    chat.n
}

#[tokio::test(start_paused = true)]
async fn a_save_returns_when_it_is_queued_and_loads_see_what_is_queued() {
    let (storage, queued, stored) = held();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    for n in 1..=50 {
        add(&queued, n).await;
        assert_eq!(queued.get("web:1").await.unwrap().n, n, "loads see what is queued");
    }
    assert_eq!(check_prefix(&stored).await, 0);
    gate.open();
    queued.flush().await.unwrap();
    assert_eq!(check_prefix(&stored).await, 50);
    assert!(storage.calls(Call::Commit) < 10, "what came meanwhile was joined");
    add(&queued, 51).await;
    queued.flush().await.unwrap();
    assert_eq!(check_prefix(&stored).await, 51);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_sees_is_a_prefix_at_every_moment() {
    let (storage, queued, stored) = held();
    let mut seen = 0;
    for n in 1..=200 {
        if n % 7 == 3 {
            storage.next(Call::Commit, if n % 2 == 0 { Fault::LoseAnswer } else { Fault::LoseRequest });
        }
        add(&queued, n).await;
        if n % 11 == 0 {
            let guard = queued.load("web:1").await.unwrap();
            // The session is out, so this one has to come from the storage.
            assert_eq!(queued.get("web:1").await.unwrap().n, n);
            drop(guard);
        }
        tokio::task::yield_now().await;
        let now = check_prefix(&stored).await;
        assert!(now >= seen);
        seen = now;
    }
    queued.flush().await.unwrap();
    assert_eq!(check_prefix(&stored).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_failure_drops_what_is_queued_behind_it_and_is_told_once() {
    let (storage, queued, stored) = held();
    add(&queued, 1).await;
    queued.flush().await.unwrap();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    add(&queued, 2).await;
    queued.update("web:2", |chat| chat.n = 7).await.unwrap();
    stored.update("web:1", |chat| chat.text = "theirs".into()).await.unwrap();
    add(&queued, 3).await;
    gate.open();
    assert_eq!(queued.flush().await.unwrap_err().kind(), Kind::Conflict);
    queued.flush().await.unwrap();
    let chat = queued.get("web:1").await.unwrap();
    assert_eq!((chat.n, chat.text.as_str(), chat.log.tail()), (1, "theirs", &[1][..]));
    assert_eq!(queued.get("web:2").await.unwrap().n, 7, "the other conversation goes on");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_by_the_next_save_or_load() {
    for is_saved in [true, false] {
        let (storage, queued, stored) = held();
        add(&queued, 1).await;
        queued.flush().await.unwrap();
        let gate = Gate::new();
        storage.next(Call::Commit, Fault::Hold(gate.clone()));
        let mut chat = queued.load("web:1").await.unwrap();
        chat.n = 2;
        chat.save().await.unwrap();
        stored.update("web:1", |chat| chat.text = "theirs".into()).await.unwrap();
        gate.open();
        while queued.store().queue_stats().queued > 0 {
            tokio::task::yield_now().await;
        }
        let error = if is_saved {
            chat.n = 3;
            let error = chat.save().await.unwrap_err();
            chat.discard();
            error
        } else {
            drop(chat);
            queued.load("web:1").await.unwrap_err()
        };
        assert_eq!(error.kind(), Kind::Conflict);
        assert_eq!(queued.get("web:1").await.unwrap().text, "theirs");
        queued.flush().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_waits_while_the_queue_is_full() {
    let memory = Memory::new();
    let storage = Arc::new(Faulty::new(memory.clone().into_storage()));
    let queued = sessions(Arc::clone(&storage), WriteMode::FireAndForget { max_bytes: 2_000 });
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    let mut chat = queued.load("web:1").await.unwrap();
    for n in 0.. {
        assert!(n < 20, "the queue has no bound");
        chat.text.push_str(&"y".repeat(500));
        if tokio::time::timeout(std::time::Duration::from_secs(60), chat.save()).await.is_err() {
            break;
        }
        assert!(queued.store().queue_stats().queued_bytes <= 2_000);
    }
    chat.discard();
    gate.open();
    queued.flush().await.unwrap();
    assert!(!sessions(memory, WriteMode::Transactional).get("web:1").await.unwrap().text.is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_guards_of_one_session_do_not_overwrite_each_other_in_the_queue() {
    let (_storage, queued, stored) = held();
    add(&queued, 1).await;
    queued.flush().await.unwrap();
    let mut one = queued.load("web:1").await.unwrap();
    let mut two = queued.load("web:1").await.unwrap();
    one.n = 10;
    two.n = 20;
    one.save().await.unwrap();
    assert_eq!(two.save().await.unwrap_err().kind(), Kind::Conflict);
    two.discard();
    one.n = 11;
    one.save().await.unwrap();
    queued.flush().await.unwrap();
    assert_eq!(stored.get("web:1").await.unwrap().n, 11);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_deleted_and_made_again_in_the_queue() {
    let (storage, queued, stored) = held();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    add(&queued, 1).await;
    queued.load("web:1").await.unwrap().delete().await.unwrap();
    gate.open();
    let mut chat = queued.load("web:1").await.unwrap();
    assert_eq!((chat.n, chat.log.len(), chat.is_stored()), (0, 0, false));
    chat.n = 5;
    chat.log.push(5);
    chat.save().await.unwrap();
    drop(chat);
    queued.flush().await.unwrap();
    let chat = stored.get("web:1").await.unwrap();
    assert_eq!((chat.n, chat.log.tail()), (5, &[5][..]));
}

#[tokio::test(start_paused = true)]
async fn listing_and_removing_see_what_is_queued() {
    let (storage, queued, _) = held();
    storage.next(Call::Commit, Fault::Delay(std::time::Duration::from_secs(1)));
    add(&queued, 1).await;
    assert!(queued.contains("web:1").await.unwrap());
    queued.update("web:2", |chat| chat.n = 1).await.unwrap();
    let mut keys = queued.keys("web:");
    assert_eq!(keys.page().await.unwrap().unwrap().keys.len(), 2);
    queued.update("web:2", |chat| chat.n = 2).await.unwrap();
    assert!(queued.delete("web:2").await.unwrap());
    add(&queued, 2).await;
    assert_eq!(queued.delete_all("").await.unwrap(), 1);
    assert!(!queued.contains("web:1").await.unwrap());
    add(&queued, 1).await;
    queued.flush().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_in_the_queue_can_be_made_again_by_the_same_user() {
    let (_storage, queued, stored) = held();
    add(&queued, 1).await;
    let conversation = tertulia::Conversation::new("web", "1").unwrap();
    for is_flushed in [false, true] {
        let mut loaded = queued.store().load(&conversation).await.unwrap();
        loaded.delete();
        loaded.save().await.unwrap();
        if is_flushed {
            queued.flush().await.unwrap();
            assert!(!stored.contains("web:1").await.unwrap());
        }
        loaded.get_mut().n = 9;
        loaded.save().await.unwrap();
        loaded.release();
        queued.flush().await.unwrap();
        assert_eq!(stored.get("web:1").await.unwrap().n, 9);
    }
}
