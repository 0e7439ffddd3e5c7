//! Sessions in handlers: kept when the turn succeeds, forgotten when it fails.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Data, Session};
use tertulia::storage::Memory;

use super::support::{Desk, Window, replies, say, update};

#[derive(Default, Serialize, Deserialize)]
struct Chat {
    count: u64,
}

#[tokio::test(start_paused = true)]
async fn what_one_update_did_is_seen_by_the_next_and_after_a_restart() {
    let storage = Memory::new();
    let bot = || {
        Bot::new(Window).storage(storage.clone()).on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.count += 1;
            ctx.reply(chat.count.to_string()).await?;
            Ok(())
        })
    };
    let first = bot().start().await.unwrap();
    assert_eq!(say(&first, "a", "x").await, replies(&["1"]));
    assert_eq!(say(&first, "a", "x").await, replies(&["2"]));
    assert_eq!(say(&first, "b", "x").await, replies(&["1"]));
    first.shutdown(Duration::from_secs(1)).await;
    let second = bot().start().await.unwrap();
    assert_eq!(say(&second, "a", "x").await, replies(&["3"]));
}

#[tokio::test(start_paused = true)]
async fn an_error_and_a_panic_roll_the_session_back_in_memory_too() {
    let bot = Bot::new(Window)
        .on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.count += 1;
            match (ctx.text(), ctx.attempt()) {
                ("fail", 1) => anyhow::bail!("failed after the change"),
                ("panic", 1) => panic!("panicked after the change"),
                _ => {}
            }
            ctx.reply(chat.count.to_string()).await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    assert_eq!(say(&bot, "a", "fine").await, replies(&["1"]));
    assert_eq!(say(&bot, "a", "fail").await, replies(&["2"]));
    assert_eq!(say(&bot, "a", "panic").await, replies(&["3"]));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_taken_once_at_a_time_and_keeps_its_changes_within_the_turn() {
    let bot = Bot::new(Window)
        .on(
            |update: &tertulia::bot::Update| update.text() == Some("twice"),
            async |_: Session<Chat>, _: Session<Chat>| Ok(()),
        )
        .on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.count += 1;
            drop(chat);
            let again = <Session<Chat> as tertulia::bot::Extract>::extract(&ctx).await?;
            ctx.reply(again.count.to_string()).await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&["1"]));
    assert_eq!(say(&bot, "a", "twice").await, tertulia::bot::answer::Answer::GivenUp);
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_outlives_its_handler_fails_the_turn() {
    let kept: Arc<Mutex<Vec<Session<Chat>>>> = Arc::default();
    let bot = Bot::new(Window)
        .data(Arc::clone(&kept))
        .on_message(async |kept: Data<Arc<Mutex<Vec<Session<Chat>>>>>, mut chat: Session<Chat>| {
            chat.count += 1;
            kept.lock().push(chat);
            Ok(())
        })
        .start()
        .await
        .unwrap();
    assert_eq!(say(&bot, "a", "x").await, tertulia::bot::answer::Answer::GivenUp);
}

/// Two bots over one store, so that each loses about half of its races.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runners_over_one_store_lose_no_increment() {
    let storage = Memory::new();
    let bot = || {
        Bot::new(Desk::new()).storage(storage.clone()).on_message(async |mut chat: Session<Chat>| {
            chat.count += 1;
            tokio::task::yield_now().await;
            chat.count += 1;
            Ok(())
        })
    };
    let bots = [bot().start().await.unwrap(), bot().start().await.unwrap()];
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0..10_000 {
        let bot = &bots[random.usize(..2)];
        bot.door().intake.submit(update("desk", &(n % 10).to_string(), "x")).await.unwrap();
    }
    for bot in &bots {
        assert_eq!(bot.shutdown(Duration::from_secs(60)).await, []);
    }
    let reader = Bot::new(Window).storage(storage.clone()).start().await.unwrap();
    let chats = tertulia::session::Store::<Chat>::new(
        Arc::clone(&reader.door().storage),
        tertulia::Clock::system(),
        "default",
    )
    .unwrap();
    let mut sum = 0;
    for n in 0..10 {
        let conversation = tertulia::Conversation::new("desk", &n.to_string()).unwrap();
        sum += chats.load(&conversation).await.unwrap().get().count;
    }
    assert_eq!(sum, 20_000);
}
