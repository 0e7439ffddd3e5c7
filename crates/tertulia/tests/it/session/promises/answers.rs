//! What a lost answer is told as, whatever others did meanwhile.

use super::*;

#[tokio::test(start_paused = true)]
async fn lost_answer_of_a_push_does_not_adopt_the_state_head_of_another_writer() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| {
        chat.n = 1;
        chat.log.push(1)
    })
    .await
    .unwrap();
    let mut chat = mine.load("web:1").await.unwrap();
    chat.log.push(2);
    storage.next(Call::Commit, Fault::LoseAnswer);
    let overtake = async {
        a_moment().await;
        other.update("web:1", |chat| chat.n = 100).await.unwrap();
    };
    let (saved, ()) = tokio::join!(chat.save(), overtake);
    saved.unwrap();
    chat.n += 1;
    assert_eq!(chat.save().await.unwrap_err().kind(), Kind::Conflict);
    chat.discard();
    assert_eq!(other.get("web:1").await.unwrap().n, 100, "the other's write is lost");
}

#[tokio::test(start_paused = true)]
async fn lost_answer_of_a_push_does_not_leave_an_outdated_value_in_the_cache() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| {
        chat.n = 1;
        chat.log.push(1)
    })
    .await
    .unwrap();
    storage.next(Call::Commit, Fault::LoseAnswer);
    let overtake = async {
        a_moment().await;
        other.update("web:1", |chat| chat.n = 100).await.unwrap();
    };
    let (saved, ()) = tokio::join!(mine.update("web:1", |chat| chat.log.push(2)), overtake);
    saved.unwrap();
    assert_eq!(mine.get("web:1").await.unwrap().n, 100, "`get` reads as it is stored now");
}

#[tokio::test(start_paused = true)]
async fn lost_answer_of_a_state_change_does_not_adopt_the_log_head_of_another_writer() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| {
        chat.n = 1;
        chat.log.push(1)
    })
    .await
    .unwrap();
    storage.next(Call::Commit, Fault::LoseAnswer);
    let overtake = async {
        a_moment().await;
        other.update("web:1", |chat| chat.log.push(2)).await.unwrap();
    };
    let (saved, ()) = tokio::join!(mine.update("web:1", |chat| chat.n = 2), overtake);
    saved.unwrap();
    mine.update("web:1", |chat| chat.log.push(3)).await.unwrap();
    assert_eq!(chats(memory).get("web:1").await.unwrap().log.tail(), [1, 2, 3], "an item is lost");
}

#[tokio::test(start_paused = true)]
async fn lost_request_is_not_taken_for_written_because_a_log_is_gone() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| chat.extra = Some(Log::from(vec![1]))).await.unwrap();
    let mut chat = mine.load("web:1").await.unwrap();
    chat.n = 5;
    chat.extra = None;
    storage.next(Call::Commit, Fault::LoseRequest);
    let overtake = async {
        a_moment().await;
        other
            .update("web:1", |chat| {
                chat.n = 50;
                chat.extra = None
            })
            .await
            .unwrap();
        other.update("web:1", |chat| chat.n += 1).await.unwrap();
    };
    let (saved, ()) = tokio::join!(chat.save(), overtake);
    assert_eq!(other.get("web:1").await.unwrap().n, 51);
    let kind = saved.expect_err("it was never written").kind();
    assert!(matches!(kind, Kind::Conflict | Kind::Unknown));
}

#[tokio::test(start_paused = true)]
async fn delete_all_whose_request_was_lost_removes_all_that_it_says() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    for n in 0..8 {
        mine.update(format!("web:{n}").as_str(), |chat| chat.n = 1).await.unwrap();
    }
    let first = mine.keys("").next().await.unwrap().unwrap();
    // Batches are sorted by shard; the first of a batch is what tells.
    let mut all = mine.keys("").page().await.unwrap().unwrap().keys;
    all.sort_by_key(tertulia::Conversation::shard);
    let first = all.first().unwrap_or(&first).clone();
    storage.next(Call::Commit, Fault::LoseRequest);
    let overtake = async {
        a_moment().await;
        other.delete(first.as_str()).await.unwrap();
    };
    let (removed, ()) = tokio::join!(mine.delete_all(""), overtake);
    let removed = removed.unwrap();
    let left = other.keys("").page().await.unwrap().map_or(0, |page| page.keys.len());
    assert_eq!(left, 0, "it says that {removed} were removed");
}
