//! Which handler runs, and what it can say.

use std::time::Duration;

use tertulia::bot::{Bot, Context, Data, Update};
use tertulia::error::Kind;
use tertulia::storage::Memory;

use super::support::{Desk, Window, replies, say, update};

#[tokio::test(start_paused = true)]
async fn the_first_handler_that_matches_runs() {
    let bot = Bot::new(Window)
        .on_command("start", async |ctx: Context| {
            ctx.reply(format!("command with [{}]", ctx.arguments())).await?;
            Ok(())
        })
        .on(
            |update: &Update| update.text() == Some("special"),
            async |ctx: Context| {
                ctx.reply("special").await?;
                Ok(())
            },
        )
        .on_message(|ctx: Context| async move {
            ctx.reply(format!("text {}", ctx.text())).await?;
            ctx.reply("and more").await?;
            Ok(())
        })
        .on_callback(async |ctx: Context| {
            ctx.reply(format!("button {}", ctx.text())).await?;
            Ok(())
        })
        .on_any(async |ctx: Context, update: Update| {
            ctx.reply(format!("{:?}", update.kind)).await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    assert_eq!(say(&bot, "a", "/start").await, replies(&["command with []"]));
    assert_eq!(say(&bot, "a", "/START@bot  one two ").await, replies(&["command with [one two]"]));
    assert_eq!(say(&bot, "a", "/started").await, replies(&["text /started", "and more"]));
    assert_eq!(say(&bot, "a", "special").await, replies(&["special"]));
    assert_eq!(say(&bot, "a", ">yes").await, replies(&["button yes"]));
    assert_eq!(say(&bot, "a", "!joined").await, replies(&["Other(\"joined\")"]));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_nobody_takes_is_applied_without_a_reply() {
    let bot = Bot::new(Window).on_command("start", async || Ok(())).start().await.unwrap();
    assert_eq!(say(&bot, "a", "hello").await, replies(&[]));
}

#[tokio::test(start_paused = true)]
async fn replies_are_sent_in_order_by_the_platform_that_is_called() {
    let desk = Desk::new();
    let bot = Bot::new(desk.clone())
        .adapter(Window)
        .on_message(async |ctx: Context| {
            for part in ctx.text().split(' ') {
                ctx.reply(part).await?;
            }
            Ok(())
        })
        .start()
        .await
        .unwrap();
    bot.door().intake.submit(update("desk", "7", "one two")).await.unwrap();
    bot.door().intake.submit(update("desk", "7", "three")).await.unwrap();
    assert_eq!(say(&bot, "7", "four").await, replies(&["four"]));
    assert_eq!(bot.shutdown(Duration::from_secs(5)).await, []);
    let sent: Vec<_> = desk.sent().iter().map(|(id, text)| format!("{id} {text}")).collect();
    assert_eq!(sent, ["7 one", "7 two", "7 three"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_says_nothing_until_it_succeeds() {
    let bot = Bot::new(Window)
        .on_message(async |ctx: Context| {
            ctx.reply(format!("try {}", ctx.attempt())).await?;
            if ctx.attempt() < 3 {
                anyhow::bail!("not yet");
            }
            Ok(())
        })
        .start()
        .await
        .unwrap();
    assert_eq!(say(&bot, "a", "go").await, replies(&["try 3"]));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_given_up_is_answered_so() {
    let bot = Bot::new(Window).on_message(async || panic!("always")).start().await.unwrap();
    assert_eq!(say(&bot, "a", "go").await, tertulia::bot::answer::Answer::GivenUp);
}

#[tokio::test(start_paused = true)]
async fn handlers_share_values() {
    struct Greeting(&'static str);
    let bot = Bot::new(Window)
        .data(Greeting("hello"))
        .on_message(async |ctx: Context, greeting: Data<Greeting>| {
            ctx.reply(greeting.0).await?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&["hello"]));
}

#[tokio::test(start_paused = true)]
async fn updates_of_a_platform_that_the_bot_lacks_wait_for_one_that_has_it() {
    let storage = Memory::new();
    let echo = async |ctx: Context| {
        ctx.reply(ctx.text()).await?;
        Ok(())
    };
    let without = Bot::new(Window).storage(storage.clone()).on_message(echo).start().await.unwrap();
    without.door().intake.submit(update("desk", "7", "hello")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let left = without.shutdown(Duration::from_secs(1)).await;
    assert_eq!(left.len(), 1);
    drop(without);
    let desk = Desk::new();
    let with = Bot::new(desk.clone()).storage(storage.clone()).on_message(echo).start().await.unwrap();
    assert_eq!(with.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(desk.sent(), [("7".to_owned(), "hello".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_after_the_handler_has_returned_is_refused() {
    let (give, mut given) = tokio::sync::mpsc::unbounded_channel::<Context>();
    let bot = Bot::new(Window)
        .data(give)
        .on_message(async |ctx: Context, give: Data<tokio::sync::mpsc::UnboundedSender<Context>>| {
            give.send(ctx)?;
            Ok(())
        })
        .start()
        .await
        .unwrap();
    assert_eq!(say(&bot, "a", "x").await, replies(&[]));
    let error = given.recv().await.unwrap().reply("too late").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Closed);
}
