//! `Sessions::keys`, `delete` and `delete_all`.

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, ListQuery, LogWrite, Memory, Storage, Write};
use tertulia::{Conversation, Key, Log, Name, Sessions};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    n: usize,
    log: Log<usize>,
}

/// 2,500 sessions of one source and ten of another, among the sessions of another type.
async fn full() -> (Memory, Sessions<Chat>) {
    let memory = Memory::new();
    let chats = Sessions::<Chat>::new(memory.clone(), "chat").unwrap();
    let others = Sessions::<Chat>::new(memory.clone(), "other").unwrap();
    for n in 0..2_500 {
        chats.update(format!("telegram:{n}"), |chat| chat.n = n + 1).await.unwrap();
    }
    for n in 0..10 {
        chats.update(format!("web:{n}"), |chat| chat.log.push(n)).await.unwrap();
        others.update(format!("web:{n}"), |chat| chat.log.push(n)).await.unwrap();
    }
    (memory, chats)
}

#[tokio::test]
async fn keys_are_listed_by_prefix_and_by_state() {
    let (_, chats) = full().await;
    let mut count = 0;
    let mut telegram = chats.keys("telegram:");
    while let Some(conversation) = telegram.next().await.unwrap() {
        assert_eq!(conversation.source(), "telegram");
        count += 1;
    }
    assert_eq!(count, 2_500);
    let mut found = Vec::new();
    let mut great = chats.keys("").filter(|chat| chat.n >= 2_499);
    while let Some(conversation) = great.next().await.unwrap() {
        found.push(conversation.to_string());
    }
    found.sort();
    assert_eq!(found, ["telegram:2498", "telegram:2499"]);
    let mut prefix = chats.keys("telegram:249");
    let mut found = Vec::new();
    while let Some(page) = prefix.page().await.unwrap() {
        found.extend(page.keys.iter().map(Conversation::to_string));
    }
    assert_eq!(found.len(), 11);
    assert_eq!(chats.keys("nobody").next().await.unwrap(), None);
    assert_eq!(chats.keys("a b:").next().await.unwrap(), None);
}

#[tokio::test]
async fn a_listing_goes_on_where_another_was() {
    let (_, chats) = full().await;
    let mut keys = chats.keys("");
    let mut found: Vec<String> = Vec::new();
    loop {
        // One by one and by pages: what is left of a page is a page.
        found.extend(keys.next().await.unwrap().map(|conversation| conversation.to_string()));
        let Some(page) = keys.page().await.unwrap() else { break };
        assert!(page.keys.len() <= 1_000);
        found.extend(page.keys.iter().map(Conversation::to_string));
        let Some(cursor) = page.next else { break };
        keys = chats.keys("").after(cursor);
    }
    assert_eq!(found.len(), 2_510);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 2_510);
}

#[tokio::test]
async fn sessions_are_removed_by_prefix_with_the_logs_inside_them() {
    let (memory, chats) = full().await;
    assert_eq!(chats.delete_all("web:").await.unwrap(), 10);
    assert_eq!(chats.delete_all("telegram:").await.unwrap(), 2_500);
    assert_eq!(chats.delete_all("").await.unwrap(), 0);
    let left = memory.list(&ListQuery::default()).await.unwrap().keys;
    assert_eq!(left.len(), 20, "the sessions of the other type and their logs stay");
    assert_eq!(chats.get("telegram:7").await.unwrap().n, 0, "the cache forgets them too");
}

#[tokio::test]
async fn a_session_that_cannot_be_read_can_be_removed() {
    let memory = Memory::new();
    let chats = Sessions::<Chat>::new(memory.clone(), "chat").unwrap();
    chats.update("web:1", |chat| chat.log.push(1)).await.unwrap();
    let key = Key::Log(Conversation::new("web", "1").unwrap(), Name::new("session/chat").unwrap());
    let garbage = LogWrite::new(key).base(vec![0xff; 20]);
    memory.commit(Batch::new(CommitId(7), vec![Write::Log(garbage)])).await.unwrap();
    assert_eq!(chats.update("web:1", |chat| chat.n += 1).await.unwrap_err().kind(), Kind::Corrupt);
    let mut listed = chats.keys("").filter(|_| true);
    assert_eq!(listed.next().await.unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(listed.next().await.unwrap(), None);
    assert!(chats.contains("web:1").await.unwrap());
    assert!(chats.delete("web:1").await.unwrap());
    assert!(!chats.delete("web:1").await.unwrap());
    assert_eq!(memory.list(&ListQuery::default()).await.unwrap().keys, []);
    chats.update("web:1", |chat| chat.n += 1).await.unwrap();
}
