//! Sessions that expire: never early, never under their user, and gone without being read.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Expiry, Options};
use tertulia::storage::{ListQuery, Storage};
use tertulia::{Clock, Log, Sessions};

use super::Watched;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    n: u64,
    log: Log<u64>,
}

const TTL: Duration = Duration::from_millis(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// As another process would have them.
fn chats(storage: &Watched, expiry: Expiry) -> Sessions<Chat> {
    let options = Options { expiry, ..Options::default() };
    Sessions::with(storage.clone(), Clock::system(), "chat", options).unwrap()
}

async fn pass(duration: Duration) {
    tokio::time::advance(duration).await;
}

async fn stored(storage: &Watched) -> usize {
    storage.list(&ListQuery::default()).await.unwrap().keys.len()
}

async fn make(chats: &Sessions<Chat>) {
    let change = |chat: &mut Chat| {
        chat.n = 1;
        chat.log.push(1);
    };
    chats.update("web:1", change).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_absolute_deadline_is_not_moved_by_use() {
    let storage = Watched::new();
    let chats = chats(&storage, Expiry::Absolute(TTL));
    make(&chats).await;
    pass(TTL / 2).await;
    chats.update("web:1", |chat| chat.n = 2).await.unwrap();
    pass(TTL / 2 - Duration::from_millis(1)).await;
    assert_eq!(chats.get("web:1").await.unwrap().n, 2, "never early");
    pass(Duration::from_millis(1)).await;
    assert_eq!(chats.get("web:1").await.unwrap().n, 0);
    assert!(!chats.contains("web:1").await.unwrap());
    assert_eq!(chats.keys("").next().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_sliding_deadline_is_moved_by_reading_and_no_value_is_written() {
    let storage = Watched::new();
    let reader = chats(&storage, Expiry::Sliding(TTL));
    make(&reader).await;
    storage.counts();
    for _ in 0..10 {
        pass(TTL / 2).await;
        let seen = reader.get("web:1").await.unwrap();
        assert_eq!((seen.n, seen.log.tail()), (1, &[1][..]));
    }
    assert_eq!(storage.counts().writes, 0);
    pass(TTL - Duration::from_millis(1)).await;
    assert!(reader.contains("web:1").await.unwrap());
    pass(Duration::from_millis(1)).await;
    assert!(!reader.contains("web:1").await.unwrap());
    assert_eq!(stored(&storage).await, 0, "the log inside expires with it, unread");
}

#[tokio::test(start_paused = true)]
async fn a_long_sliding_deadline_is_moved_once_a_quarter_of_its_life_is_over() {
    let storage = Watched::new();
    let chats = chats(&storage, Expiry::Sliding(HOUR));
    make(&chats).await;
    let mut moved = 0;
    for _ in 0..240 {
        pass(Duration::from_secs(60)).await;
        let before = storage.commits();
        drop(chats.load("web:1").await.unwrap());
        moved += storage.commits() - before;
    }
    assert!((13..=16).contains(&moved), "in four hours it was moved {moved} times");
    pass(HOUR - Duration::from_secs(1)).await;
    assert!(chats.contains("web:1").await.unwrap(), "never early");
    pass(HOUR / 4 + Duration::from_secs(2)).await;
    assert!(!chats.contains("web:1").await.unwrap(), "at most a quarter late");
}

#[tokio::test(start_paused = true)]
async fn a_session_in_use_does_not_expire_under_its_user() {
    for ttl in [TTL, HOUR] {
        let storage = Watched::new();
        let chats = chats(&storage, Expiry::Sliding(ttl));
        make(&chats).await;
        let mut chat = chats.load("web:1").await.unwrap();
        tokio::time::sleep(20 * ttl).await;
        chat.n += 1;
        chat.log.push(2);
        chat.save().await.unwrap();
        tokio::time::sleep(3 * ttl).await;
        chat.n += 1;
        chat.save().await.unwrap();
        drop(chat);
        let seen = chats.get("web:1").await.unwrap();
        assert_eq!((seen.n, seen.log.tail()), (3, &[1, 2][..]));
        drop(seen);
        tokio::time::sleep(2 * ttl).await;
        assert_eq!(stored(&storage).await, 0, "once nobody uses it, it does");
    }
}

#[tokio::test(start_paused = true)]
async fn an_absolute_deadline_ends_a_session_in_use_and_nothing_is_written_to_the_next_one() {
    let storage = Watched::new();
    let chats = chats(&storage, Expiry::Absolute(TTL));
    make(&chats).await;
    let mut chat = chats.load("web:1").await.unwrap();
    pass(TTL).await;
    chat.n = 7;
    assert_eq!(chat.save().await.unwrap_err().kind(), Kind::Conflict);
    chat.discard();
    assert_eq!(chats.get("web:1").await.unwrap().n, 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_made_after_one_expired_has_logs_of_its_own() {
    let storage = Watched::new();
    let chats = chats(&storage, Expiry::Absolute(TTL));
    for round in 0..20 {
        let began = tokio::time::Instant::now();
        let seen = chats.update("web:1", |chat| {
            chat.n += 1;
            // Only here every other time.
            chat.log.extend((round % 2 == 0).then_some(round));
            (chat.n, chat.log.len())
        });
        assert_eq!(seen.await.unwrap(), (1, usize::from(round % 2 == 0)));
        // A log that comes later lives as long as the session, and hardly longer.
        pass(TTL / 2).await;
        chats.update("web:1", |chat| chat.log.push(round)).await.unwrap();
        pass(TTL / 2).await;
        assert_eq!(began.elapsed(), TTL, "nobody met the log of the session before and had to wait");
    }
    pass(Duration::from_secs(2)).await;
    assert_eq!(stored(&storage).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_taken_back_and_given_later() {
    let storage = Watched::new();
    make(&chats(&storage, Expiry::Sliding(TTL))).await;
    let never = chats(&storage, Expiry::Never);
    never.update("web:1", |chat| chat.log.push(2)).await.unwrap();
    pass(100 * HOUR).await;
    assert_eq!(never.get("web:1").await.unwrap().log.tail(), [1, 2]);
    let absolute = chats(&storage, Expiry::Absolute(HOUR));
    pass(2 * HOUR).await;
    absolute.update("web:1", |chat| chat.n = 5).await.unwrap();
    pass(HOUR - TTL).await;
    assert_eq!(absolute.get("web:1").await.unwrap().n, 5);
    pass(TTL).await;
    assert_eq!(absolute.get("web:1").await.unwrap().n, 0);
    pass(2 * TTL).await;
    assert_eq!(stored(&storage).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_cache_holds_of_an_expired_session_is_not_given() {
    for expiry in [Expiry::Absolute(HOUR), Expiry::Sliding(HOUR)] {
        let storage = Watched::new();
        let chats = chats(&storage, expiry);
        make(&chats).await;
        let conversation = tertulia::Conversation::new("web", "1").unwrap();
        pass(HOUR / 2).await;
        let loaded = chats.store().load(&conversation).await.unwrap();
        assert!(loaded.is_cached());
        loaded.release();
        pass(HOUR).await;
        let loaded = chats.store().load(&conversation).await.unwrap();
        assert_eq!((loaded.is_cached(), loaded.get().n), (false, 0));
    }
}
