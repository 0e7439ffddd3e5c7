//! All sessions of a turn are in one batch: written together or not at all.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Session, SessionOptions};
use tertulia::runner::Options;
use tertulia::storage::{Limits, Memory, Storage};
use tertulia::{Clock, Conversation, Sessions};
use tertulia_testkit::Counting;

use super::support::{Window, refusal, replies, say};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Chat {
    text: String,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct User {
    text: String,
}

fn bot() -> Bot {
    let options = Options { retries: 0, ..Options::default() };
    Bot::new(Window)
        .options(options)
        .session::<Chat>("chat")
        .session::<User>(SessionOptions::new("user").per_user())
}

/// What is stored of the chat `a` and the user `ana`.
async fn stored(storage: &Arc<dyn Storage>) -> (Option<String>, Option<String>) {
    let chats = Sessions::<Chat>::new(Arc::clone(storage), "chat").unwrap();
    let users = Sessions::<User>::new(Arc::clone(storage), "user").unwrap();
    let (chat, user) = (chats.get("window:a").await.unwrap(), users.get("window:ana").await.unwrap());
    let (chat_is, user_is) = (chat.is_stored(), user.is_stored());
    (chat_is.then(|| chat.into_inner().text), user_is.then(|| user.into_inner().text))
}

#[tokio::test(start_paused = true)]
async fn where_one_cannot_be_written_none_is() {
    let limits = Limits { base_bytes: 1_000, ..Limits::default() };
    let storage: Arc<dyn Storage> =
        Arc::new(Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES));
    let bot = bot().storage(Arc::clone(&storage)).on_message(
        async |ctx: Context, mut chat: Session<Chat>, mut user: Session<User>| {
            chat.text = ctx.text().to_owned();
            user.text = ctx.text().repeat(100);
            Ok(())
        },
    );
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&[]));
    assert_eq!(stored(&storage).await, (Some("x".to_owned()), Some("x".repeat(100))));
    let error = refusal(&bot, "a", "@ana too long for a hundred times").await;
    assert!(error.contains("window:ana session/user") && error.contains("1000"), "{error}");
    assert_eq!(stored(&storage).await, (Some("x".to_owned()), Some("x".repeat(100))));
}

#[tokio::test(start_paused = true)]
async fn where_one_is_in_conflict_none_is_written() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let users = Sessions::<User>::new(Arc::clone(&storage), "user").unwrap();
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (others, log) = (Arc::clone(&storage), Arc::clone(&seen));
    let bot = bot().storage(Arc::clone(&storage)).on_message(
        move |ctx: Context, mut chat: Session<Chat>, mut user: Session<User>| {
            let (users, storage, seen) = (users.clone(), Arc::clone(&others), Arc::clone(&log));
            async move {
                let is_first = seen.lock().is_empty();
                let now = stored(&storage).await;
                seen.lock().push((ctx.attempt(), chat.text.clone(), user.text.clone(), now));
                chat.text.push('c');
                user.text.push('u');
                if is_first {
                    users.update("window:ana", |user| user.text.push('x')).await?;
                }
                Ok(())
            }
        },
    );
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&[]));
    let between = (None, Some("x".to_owned()));
    let expected =
        [(1, String::new(), String::new(), (None, None)), (1, String::new(), "x".to_owned(), between)];
    assert_eq!(*seen.lock(), expected);
    assert_eq!(stored(&storage).await, (Some("c".to_owned()), Some("xu".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn whole_values_and_any_number_of_keys_are_one_batch() {
    let storage = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bot = bot().storage(Arc::clone(&storage)).on_message(
        async |ctx: Context, mut chat: Session<Chat>, mut user: Session<User>| {
            *chat = Chat { text: "chat".to_owned() };
            user.set(User { text: "user".to_owned() });
            for game in 0..10 {
                let mut game = ctx.session::<Chat>(Conversation::new("game", &game.to_string())?).await?;
                game.text.push('g');
            }
            ctx.reply("done").await?;
            Ok(())
        },
    );
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "a", "@ana x").await, replies(&["done"]));
    // One that says that the bot runs, one for the inbox, one for the turn.
    assert_eq!((storage.counts().batches, storage.written("session/").writes), (3, 12));
    let storage: Arc<dyn Storage> = storage;
    assert_eq!(stored(&storage).await, (Some("chat".to_owned()), Some("user".to_owned())));
}
