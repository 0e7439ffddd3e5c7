//! `Sessions::load`: a guard that is changed in place and saved when the program says so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Options, Unsaved};
use tertulia::storage::{IntoStorage, Memory};
use tertulia::{Clock, Log, Sessions};
use tertulia_testkit::{Call, Fault, Faulty};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    n: u64,
    log: Log<u64>,
}

fn chats(memory: &Memory) -> Sessions<Chat> {
    Sessions::new(memory.clone(), "chat").unwrap()
}

#[tokio::test]
async fn a_guard_writes_when_it_is_saved_and_can_be_saved_again() {
    let memory = Memory::new();
    let mut chat = chats(&memory).load("web:1").await.unwrap();
    assert!(!chat.is_stored());
    chat.n = 1;
    chat.log.push(10);
    assert!(!chats(&memory).contains("web:1").await.unwrap());
    chat.save().await.unwrap();
    assert!(chat.is_stored());
    assert_eq!(chats(&memory).get("web:1").await.unwrap().n, 1);
    chat.n = 2;
    chat.log.push(20);
    chat.save().await.unwrap();
    let seen = chats(&memory).get("web:1").await.unwrap();
    assert_eq!((seen.n, seen.log.tail()), (2, &[10, 20][..]));
}

#[tokio::test]
async fn a_guard_that_is_discarded_changes_nothing() {
    let memory = Memory::new();
    let sessions = chats(&memory);
    sessions.update("web:1", |chat| chat.n = 1).await.unwrap();
    let mut chat = sessions.load("web:1").await.unwrap();
    chat.n = 2;
    chat.discard();
    assert_eq!(sessions.get("web:1").await.unwrap().n, 1);
    assert_eq!(sessions.store().unsaved(), 0);
}

#[tokio::test]
async fn a_change_that_is_dropped_unsaved_is_counted_and_lost() {
    let memory = Memory::new();
    let sessions = chats(&memory);
    let mut chat = sessions.load("web:1").await.unwrap();
    chat.n = 2;
    drop(chat);
    assert_eq!(sessions.store().unsaved(), 1);
    assert_eq!(sessions.get("web:1").await.unwrap().n, 0);
    drop(sessions.load("web:1").await.unwrap());
    assert_eq!(sessions.store().unsaved(), 1, "reading is not changing");
}

#[tokio::test]
#[should_panic(expected = "web:1 session/chat: a session was changed and neither saved nor discarded")]
async fn a_change_that_is_dropped_unsaved_panics_where_options_say_so() {
    let options = Options { unsaved: Unsaved::Panic, ..Options::default() };
    let sessions = Sessions::<Chat>::with(Memory::new(), Clock::system(), "chat", options).unwrap();
    sessions.load("web:1").await.unwrap().n = 2;
}

#[tokio::test]
async fn the_second_of_two_guards_gets_a_conflict_and_its_value_is_not_written_any_more() {
    let memory = Memory::new();
    let (one, two) = (chats(&memory), chats(&memory));
    let mut first = one.load("web:1").await.unwrap();
    let mut second = two.load("web:1").await.unwrap();
    first.n = 1;
    second.n = 2;
    first.save().await.unwrap();
    assert_eq!(second.save().await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(second.n, 2, "it can still be read");
    second.n = 3;
    let error = second.save().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Closed);
    assert_eq!(error.to_string(), "web:1 session/chat: it could not be written and must be loaded again");
    second.discard();
    assert_eq!(two.get("web:1").await.unwrap().n, 1);
}

#[tokio::test]
async fn a_guard_replaces_and_deletes() {
    let memory = Memory::new();
    let sessions = chats(&memory);
    let mut chat = sessions.load("web:1").await.unwrap();
    chat.set(Chat { n: 5, log: Log::from(vec![1, 2]) });
    chat.save().await.unwrap();
    drop(chat);
    assert_eq!(sessions.get("web:1").await.unwrap().log.tail(), [1, 2]);
    sessions.load("web:1").await.unwrap().delete().await.unwrap();
    assert!(!sessions.contains("web:1").await.unwrap());
    assert_eq!(sessions.get("web:1").await.unwrap().n, 0);
    assert_eq!(left(&memory).await, 0, "the logs inside go with it");
}

/// How many logs there are.
async fn left(memory: &Memory) -> usize {
    use tertulia::storage::{ListQuery, Storage};
    memory.list(&ListQuery::default()).await.unwrap().keys.len()
}

#[tokio::test]
async fn a_guard_of_a_deleted_session_does_not_bring_it_back() {
    let memory = Memory::new();
    let sessions = chats(&memory);
    sessions.update("web:1", |chat| chat.n = 1).await.unwrap();
    let mut slow = sessions.load("web:1").await.unwrap();
    slow.n = 2;
    assert!(sessions.delete("web:1").await.unwrap());
    assert_eq!(slow.save().await.unwrap_err().kind(), Kind::Conflict);
    slow.discard();
    assert!(!sessions.contains("web:1").await.unwrap());
}

/// Sessions over a memory whose next commit goes wrong.
fn faulty(memory: &Memory, fault: Fault) -> Sessions<Chat> {
    let storage = Faulty::new(memory.clone().into_storage());
    storage.next(Call::Commit, fault);
    Sessions::new(Arc::new(storage), "chat").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_save_whose_answer_is_lost_is_found_out() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let memory = Memory::new();
        let sessions = faulty(&memory, fault);
        let mut chat = sessions.load("web:1").await.unwrap();
        chat.n = 1;
        chat.log.push(1);
        chat.save().await.unwrap();
        chat.log.push(2);
        chat.save().await.unwrap();
        drop(chat);
        for n in 0..10 {
            sessions.update("web:1", |chat| chat.n += n).await.unwrap();
        }
        let seen = chats(&memory).get("web:1").await.unwrap();
        assert_eq!((seen.n, seen.log.tail()), (46, &[1, 2][..]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_answer_is_lost_counts_once() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let memory = Memory::new();
        chats(&memory).update("web:1", |chat| chat.log.push(0)).await.unwrap();
        let sessions = faulty(&memory, fault);
        sessions.update("web:1", |chat| chat.log.push(1)).await.unwrap();
        sessions.update("web:1", |chat| chat.log.push(2)).await.unwrap();
        assert_eq!(chats(&memory).get("web:1").await.unwrap().log.tail(), [0, 1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_lost_its_answer_and_was_overtaken_tells_so() {
    let memory = Memory::new();
    let storage = Arc::new(Faulty::new(memory.clone().into_storage()));
    let sessions = Sessions::<Chat>::new(Arc::clone(&storage), "chat").unwrap();
    sessions.update("web:1", |chat| chat.n = 1).await.unwrap();
    storage.next(Call::Commit, Fault::LoseAnswer);
    let update = sessions.update("web:1", |chat| chat.n += 1);
    let overtake = async {
        let others = chats(&memory);
        while others.get("web:1").await.unwrap().n < 2 {
            tokio::task::yield_now().await;
        }
        others.update("web:1", |chat| chat.n += 10).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(update, overtake);
    assert_eq!(outcome.unwrap_err().kind(), Kind::Unknown);
    assert_eq!(chats(&memory).get("web:1").await.unwrap().n, 12, "it was written, and once");
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_was_overtaken_while_its_answer_was_lost_overwrites_nothing() {
    let memory = Memory::new();
    let sessions = faulty(&memory, Fault::LoseAnswer);
    let mut chat = sessions.load("web:1").await.unwrap();
    chat.n = 1;
    let overtake = async {
        let others = chats(&memory);
        while others.get("web:1").await.unwrap().n < 1 {
            tokio::task::yield_now().await;
        }
        others.update("web:1", |chat| chat.n += 10).await.unwrap();
    };
    let (saved, ()) = tokio::join!(chat.save(), overtake);
    // The session is the one this made, so it was written.
    saved.unwrap();
    chat.n = 2;
    assert_eq!(chat.save().await.unwrap_err().kind(), Kind::Conflict);
    chat.discard();
    assert_eq!(chats(&memory).get("web:1").await.unwrap().n, 11);
}
