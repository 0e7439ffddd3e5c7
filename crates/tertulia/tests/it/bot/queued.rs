//! Handlers whose sessions are saved without being waited for: nothing is visible before it is stored, nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Data, Session, SessionOptions};
use tertulia::session::{Options, WriteMode};
use tertulia::storage::{IntoStorage, Memory};
use tertulia::{Log, Sessions};
use tertulia_testkit::{Call, Fault, Faulty, Gate};

use super::support::{Window, replies, say, update};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    count: u64,
    texts: Log<String>,
}

fn queued() -> SessionOptions {
    SessionOptions::new("chat").options(Options { mode: WriteMode::FIRE_AND_FORGET, ..Options::default() })
}

/// Takes each text once, saves it, and counts it at the end.
async fn take(ctx: Context, mut chat: Session<Chat>) -> tertulia::bot::Result {
    // A run before this one may have saved it.
    if chat.texts.back().map(String::as_str) != Some(ctx.text()) {
        chat.texts.push(ctx.text().to_owned());
        chat.save().await?;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    chat.count += 1;
    ctx.reply(ctx.text()).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_committed_after_what_its_handler_saved() {
    let memory = Memory::new();
    let storage = Arc::new(Faulty::new(memory.clone().into_storage()));
    let saved = Arc::new(tokio::sync::Notify::new());
    let gate = Gate::new();
    let handler = async |ctx: Context, mut chat: Session<Chat>, saved: Data<Arc<tokio::sync::Notify>>| {
        chat.count += 1;
        chat.save().await?;
        saved.notify_one();
        chat.count += 1;
        ctx.reply("done").await?;
        Ok(())
    };
    let bot = Bot::new(Window).storage(Arc::clone(&storage)).session::<Chat>(queued());
    let bot = bot.data(Arc::clone(&saved)).on_message(handler).start().await.unwrap();
    // The first commit is the inbox's.
    storage.at(Call::Commit, storage.calls(Call::Commit) + 2, Fault::Hold(gate.clone()));
    let open = async {
        saved.notified().await;
        gate.open();
    };
    let (answer, ()) = tokio::join!(say(&bot, "a", "x"), open);
    assert_eq!(answer, replies(&["done"]));
    let chats = Sessions::<Chat>::new(memory, "chat").unwrap();
    assert_eq!(chats.get("window:a").await.unwrap().count, 2);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_at_any_moment_loses_no_update_and_applies_none_twice() {
    const UPDATES: usize = 40;
    for seed in 0..25 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let memory = Memory::new();
        let mut acknowledged = 0;
        let mut lives = 0;
        loop {
            lives += 1;
            let storage = Arc::new(Faulty::new(memory.clone().into_storage()));
            storage.always(Call::Commit, Fault::Delay(Duration::from_millis(rng.u64(0..4))));
            let bot =
                Bot::new(Window).storage(Arc::clone(&storage)).session::<Chat>(queued()).on_message(take);
            let bot = bot.start().await.unwrap();
            let dies = tokio::time::sleep(Duration::from_millis(rng.u64(1..40)));
            let lives_on = async {
                while acknowledged < UPDATES {
                    // Given again until it is acknowledged, as sources do.
                    let mut next = update("window", "a", &acknowledged.to_string());
                    let number = i64::try_from(acknowledged).unwrap();
                    next.id = tertulia::storage::ItemId::Number(tertulia::Name::from_static("given"), number);
                    bot.door().intake.submit(next).await.unwrap();
                    acknowledged += 1;
                }
                while bot.size() > 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                () = dies => {
                    // Nothing of this life reaches the storage any more.
                    storage.always(Call::Commit, Fault::Hold(Gate::new()));
                    drop(bot);
                }
                () = lives_on => {
                    bot.shutdown(Duration::from_secs(10)).await;
                    break;
                }
            }
        }
        let chats = Sessions::<Chat>::new(memory, "chat").unwrap();
        let mut chat = chats.get("window:a").await.unwrap().into_inner();
        chat.texts.load_all().await.unwrap();
        let all: Vec<String> = (0..UPDATES).map(|n| n.to_string()).collect();
        assert_eq!((chat.texts.tail(), chat.count), (&all[..], UPDATES as u64), "seed {seed}, {lives} lives");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_saved_before_it_failed_is_written_before_the_bot_has_stopped() {
    let memory = Memory::new();
    let storage = Arc::new(Faulty::new(memory.clone().into_storage()));
    let handler = async |mut chat: Session<Chat>| {
        chat.count = 7;
        chat.save().await?;
        anyhow::bail!("after the save")
    };
    let bot = Bot::new(Window).storage(Arc::clone(&storage)).session::<Chat>(queued()).on_message(handler);
    let bot = bot.start().await.unwrap();
    storage.at(Call::Commit, storage.calls(Call::Commit) + 1, Fault::Delay(Duration::from_secs(5)));
    bot.door().intake.submit(update("window", "a", "x")).await.unwrap();
    bot.shutdown(Duration::from_secs(10)).await;
    let chats = Sessions::<Chat>::new(memory, "chat").unwrap();
    assert_eq!(chats.get("window:a").await.unwrap().count, 7);
}
