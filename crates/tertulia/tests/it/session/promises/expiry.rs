//! Nothing expires early or under its user, however slow the storage and whoever else writes.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_queued_session_does_not_expire_before_its_time() {
    let memory = Memory::new();
    let mine: Sessions<Chat> = with(memory.clone(), queued(Expiry::Sliding(HOUR)));
    mine.update("web:1", |chat| chat.n = 1).await.unwrap();
    mine.flush().await.unwrap();
    tokio::time::sleep(14 * MINUTE).await;
    mine.update("web:1", |chat| chat.n = 2).await.unwrap();
    mine.flush().await.unwrap();
    tokio::time::sleep(14 * MINUTE).await;
    assert_eq!(mine.get("web:1").await.unwrap().n, 2);
    mine.flush().await.unwrap();
    tokio::time::sleep(59 * MINUTE).await;
    assert!(chats(memory).contains("web:1").await.unwrap(), "used 59 minutes ago, and gone");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_moves_the_deadline_does_not_outdate_who_holds_the_session() {
    for options in
        [queued(Expiry::Sliding(HOUR)), Options { expiry: Expiry::Sliding(HOUR), ..Options::default() }]
    {
        let mine: Sessions<Chat> = with(Memory::new(), options);
        mine.update("web:1", |chat| chat.n = 1).await.unwrap();
        mine.flush().await.unwrap();
        let mut chat = mine.load("web:1").await.unwrap();
        tokio::time::sleep(20 * MINUTE).await;
        assert_eq!(mine.get("web:1").await.unwrap().n, 1);
        chat.n = 2;
        chat.save().await.unwrap();
        mine.flush().await.unwrap();
        assert_eq!(mine.get("web:1").await.unwrap().n, 2);
    }
}

/// The same without any pause in its use: each save comes while the one before is still queued.
#[tokio::test(start_paused = true)]
async fn a_queued_session_that_is_saved_all_the_time_does_not_expire() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    storage.always(Call::Commit, Fault::Delay(Duration::from_secs(2)));
    let mine: Sessions<Chat> = with(storage.clone(), queued(Expiry::Sliding(2 * MINUTE)));
    let mut chat = mine.load("web:1").await.unwrap();
    for second in 0..600 {
        chat.n += 1;
        chat.save().await.unwrap_or_else(|error| panic!("after {second} seconds: {error}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_cache_does_not_give_a_queued_session_that_has_expired() {
    let memory = Memory::new();
    let chats: Sessions<Chat> = with(memory.clone(), queued(Expiry::Absolute(HOUR)));
    for _ in 0..2 {
        chats.update("web:1", |chat| chat.n += 1).await.unwrap();
        chats.flush().await.unwrap();
        tokio::time::sleep(40 * MINUTE).await;
    }
    assert!(!chats.contains("web:1").await.unwrap());
    // What a bot's handler does.
    let loaded = chats.store().load(&"web:1".try_into().unwrap()).await.unwrap();
    assert!(!loaded.is_stored(), "the handler sees n = {}", loaded.get().n);
}

#[tokio::test(start_paused = true)]
async fn a_log_does_not_expire_before_its_session_that_waited_in_the_queue() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let mine: Sessions<Chat> = with(storage.clone(), queued(Expiry::Absolute(HOUR)));
    storage.next(Call::Commit, Fault::Delay(MINUTE));
    mine.update("web:1", |chat| chat.n = 1).await.unwrap();
    mine.flush().await.unwrap();
    mine.update("web:1", |chat| chat.log.push(1)).await.unwrap();
    mine.flush().await.unwrap();
    // A minute later the session is an hour old for the storage.
    tokio::time::sleep(HOUR - MINUTE + Duration::from_secs(10)).await;
    let other: Sessions<Chat> = with(memory, queued(Expiry::Absolute(HOUR)));
    assert!(other.contains("web:1").await.unwrap());
    assert_eq!(other.get("web:1").await.unwrap().log.tail(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_another_guard_made_lives_as_long_as_its_session() {
    let ttl = Duration::from_secs(10);
    let memory = Memory::new();
    let options = || Options { expiry: Expiry::Sliding(ttl), ..Options::default() };
    let (mine, other) = (with::<Chat>(memory.clone(), options()), with::<Chat>(memory.clone(), options()));
    mine.update("web:1", |chat| chat.n = 1).await.unwrap();
    let reading = mine.get("web:1").await.unwrap();
    other.update("web:1", |chat| chat.log.push(7)).await.unwrap();
    tokio::time::sleep(3 * ttl).await;
    drop(reading);
    let chat = other.get("web:1").await.map(|chat| (chat.n, chat.log.tail().to_vec()));
    assert_eq!(chat.unwrap(), (1, vec![7]));
}

#[tokio::test(start_paused = true)]
async fn a_guard_keeps_its_session_though_another_has_removed_a_log() {
    let ttl = Duration::from_secs(10);
    let memory = Memory::new();
    let options = || Options { expiry: Expiry::Sliding(ttl), ..Options::default() };
    let (mine, other) = (with::<Chat>(memory.clone(), options()), with::<Chat>(memory.clone(), options()));
    mine.update("web:1", |chat| chat.extra = Some(Log::from(vec![1]))).await.unwrap();
    let reading = mine.get("web:1").await.unwrap();
    other.update("web:1", |chat| chat.extra = None).await.unwrap();
    other.update("web:1", |chat| chat.n = 5).await.unwrap();
    tokio::time::sleep(3 * ttl).await;
    drop(reading);
    assert_eq!(other.get("web:1").await.unwrap().n, 5, "a session that is in use does not expire");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_in_the_queue_while_in_use_does_not_expire() {
    let ttl = Duration::from_secs(10);
    let memory = Memory::new();
    let storage = faulty(&memory);
    let mine: Sessions<Chat> = with(storage.clone(), queued(Expiry::Sliding(ttl)));
    let mut chat = mine.load("web:1").await.unwrap();
    chat.n = 1;
    storage.next(Call::Commit, Fault::Delay(ttl));
    chat.save().await.unwrap();
    tokio::time::sleep(4 * ttl).await;
    assert!(chats(memory).contains("web:1").await.unwrap());
    drop(chat);
}

#[tokio::test]
async fn a_very_long_sliding_life_does_not_panic() {
    let options = Options { expiry: Expiry::Sliding(Duration::MAX), ..Options::default() };
    with::<Chat>(Memory::new(), options).update("web:1", |chat| chat.n = 1).await.unwrap();
}

#[test]
fn the_keeper_survives_the_runtime_that_it_was_first_used_in() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ttl = Duration::from_secs(2);
    let memory = Memory::new();
    let first = runtime();
    let chats: Sessions<Chat> = first.block_on(async {
        with(memory.clone(), Options { expiry: Expiry::Sliding(ttl), ..Options::default() })
    });
    first.block_on(async {
        chats.update("web:1", |chat| chat.n = 1).await.unwrap();
        drop(chats.load("web:1").await.unwrap());
    });
    drop(first);
    runtime().block_on(async {
        let chat = chats.load("web:1").await.unwrap();
        assert!(chat.is_stored());
        tokio::time::sleep(3 * ttl).await;
        assert!(chats.contains("web:1").await.unwrap(), "it expired under its user");
        drop(chat);
    });
}
