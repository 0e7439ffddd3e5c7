//! Sessions that are compressed and encrypted, and the changes of key that their programs make.

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::Options;
use tertulia::storage::{Memory, Read, Storage};
use tertulia::{Clock, Conversation, Log, Sessions};
use tertulia_codec::{Compression, Encryption};

use crate::rig::{encryption, expect_error, key};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    name: String,
    said: Log<String>,
}

fn chats(storage: &Memory, options: Options) -> Sessions<Chat> {
    Sessions::with(storage.clone(), Clock::system(), "chat", options).unwrap()
}

fn encrypted(storage: &Memory, encryption: Encryption) -> Sessions<Chat> {
    chats(storage, Options::default().codec(Compression::default()).codec(encryption))
}

/// A base, a patch, and items of a log.
async fn fill(chats: &Sessions<Chat>) {
    for n in 0..3 {
        let change = |chat: &mut Chat| {
            chat.name = format!("{} {n}", "secret ".repeat(400));
            chat.said.push(format!("secret {n}"));
        };
        chats.update("web:1", change).await.unwrap();
    }
}

async fn expect_filled(chats: &Sessions<Chat>) {
    let chat = chats.get("web:1").await.unwrap();
    assert!(chat.name.ends_with("secret  2"));
    assert_eq!(chat.said.tail(), ["secret 0", "secret 1", "secret 2"]);
}

#[tokio::test]
async fn what_is_stored_is_small_and_shows_nothing() {
    let storage = Memory::new();
    let chats = encrypted(&storage, encryption(1));
    fill(&chats).await;
    expect_filled(&encrypted(&storage, encryption(1))).await;
    let key = chats.store().key(&Conversation::new("web", "1").unwrap());
    let page = storage.read(&[Read::new(key)]).await.unwrap().remove(0).unwrap().unwrap();
    let page = page.into_log().unwrap();
    let base = page.base.unwrap();
    assert!(base.len() < 400, "{} bytes", base.len());
    for record in page.entries.iter().chain([&base]) {
        assert!(!record.windows(6).any(|window| window == b"secret"));
    }
}

#[tokio::test]
async fn after_a_rewrite_the_old_key_is_not_needed() {
    let storage = Memory::new();
    fill(&encrypted(&storage, encryption(1))).await;
    let dropped = encrypted(&storage, encryption(2)).get("web:1").await;
    expect_error(dropped, Kind::Invalid, &["web:1", "encryption key 1"]);

    let both = encrypted(&storage, encryption(2).and_opens_with(1, key(1)).unwrap());
    expect_filled(&both).await;
    assert!(both.rewrite("web:1").await.unwrap());
    expect_filled(&encrypted(&storage, encryption(2))).await;
}

#[tokio::test]
async fn plain_sessions_are_encrypted_by_a_rewrite() {
    let storage = Memory::new();
    fill(&chats(&storage, Options::default())).await;
    expect_error(encrypted(&storage, encryption(1)).get("web:1").await, Kind::Corrupt, &["web:1", "mark"]);

    let taking_plain = encrypted(&storage, encryption(1).taking_plain());
    assert!(taking_plain.rewrite("web:1").await.unwrap());
    expect_filled(&encrypted(&storage, encryption(1))).await;
}
