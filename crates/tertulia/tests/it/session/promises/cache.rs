//! The cache never gives what was before.

use super::*;

#[tokio::test]
async fn a_session_that_was_removed_does_not_come_back_from_another_guard() {
    let chats = chats(Memory::new());
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    let conversation = "web:1".try_into().unwrap();
    let (one, two) =
        (chats.store().load(&conversation).await.unwrap(), chats.store().load(&conversation).await.unwrap());
    let mut one = one;
    one.delete();
    one.save().await.unwrap();
    one.release();
    two.release();
    let loaded = chats.store().load(&conversation).await.unwrap();
    assert!(!loaded.is_stored(), "this store removed it, and gives n = {}", loaded.get().n);
}

#[tokio::test]
async fn what_was_deleted_and_made_anew_is_not_replaced_by_what_was_before() {
    let chats = chats(Memory::new());
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    let conversation = "web:1".try_into().unwrap();
    let old = chats.store().load(&conversation).await.unwrap();
    chats.delete("web:1").await.unwrap();
    chats.update("web:1", |chat| chat.n = 2).await.unwrap();
    old.release();
    assert_eq!(chats.store().load(&conversation).await.unwrap().get().n, 2);
}

#[tokio::test(start_paused = true)]
async fn loads_see_what_is_queued_though_another_guard_came_back_later() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let chats: Sessions<Chat> = with(storage.clone(), queued(Expiry::Never));
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    chats.flush().await.unwrap();
    let mut one = chats.load("web:1").await.unwrap();
    let two = chats.load("web:1").await.unwrap();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    one.n = 2;
    one.save().await.unwrap();
    drop(two);
    let seen = tokio::time::timeout(MINUTE, chats.get("web:1"));
    tokio::pin!(seen);
    let seen = tokio::select! {
        seen = &mut seen => seen,
        () = async { a_moment().await; gate.open(); std::future::pending().await } => unreachable!(),
    };
    assert_eq!(seen.unwrap().unwrap().n, 2, "loads see what is queued");
}

#[tokio::test(start_paused = true)]
async fn loads_see_that_a_delete_is_queued_though_another_guard_came_back_later() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let chats: Sessions<Chat> = with(storage.clone(), queued(Expiry::Never));
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    chats.flush().await.unwrap();
    let one = chats.load("web:1").await.unwrap();
    let two = chats.load("web:1").await.unwrap();
    storage.next(Call::Commit, Fault::Delay(Duration::from_secs(1)));
    one.delete().await.unwrap();
    drop(two);
    assert_eq!(chats.get("web:1").await.unwrap().n, 0, "loads see what is queued");
}
