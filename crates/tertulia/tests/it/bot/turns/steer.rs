//! What is said while a handler runs reaches it.

use std::time::Duration;

use tertulia::bot::{Bot, Context, message};
use tertulia::runner::Options;

use super::super::support::{Window, replies, say};
use super::{at_desk, memory, pass, sent, tell};
use crate::runner::support::assert_all_done;

/// Works for ten seconds, looking each second whether it is steered; then says what it was told.
fn steerable(bot: Bot) -> Bot {
    bot.steer(message).on_message(async |ctx: Context| {
        let mut told = vec![ctx.text().to_owned()];
        for _ in 0..10 {
            pass().await;
            while let Some(steering) = ctx.steered().await? {
                told.push(steering.text);
            }
        }
        ctx.reply(told.join(", ")).await?;
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_said_while_it_runs_reaches_the_handler_and_is_not_run() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, steerable).await;
    tell(&bot, "plan a trip").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    tell(&bot, "to Lima").await;
    tell(&bot, "in May").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(sent(&desk), ["plan a trip, to Lima, in May"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asked_for_is_run_by_itself() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, steerable).await;
    tell(&bot, "one").await;
    tokio::time::sleep(Duration::from_millis(9_900)).await;
    tell(&bot, "two").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    tell(&bot, "three").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    // The second was there for the last look, or else it had its own turn; the third steered or followed it.
    assert_eq!(sent(&desk), ["one, two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_is_steered_again_when_it_runs_again() {
    let storage = memory();
    let options = Options { retries: 3, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options).steer(message).on_message(async |ctx: Context| {
            pass().await;
            let steering = ctx.steered().await?.map(|steering| steering.text);
            anyhow::ensure!(ctx.attempt() == 3, "not yet");
            ctx.reply(format!("{} {steering:?}", ctx.text())).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "go").await;
    tell(&bot, "faster").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sent(&desk), ["go Some(\"faster\")"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_can_wait_to_be_steered_beside_its_work() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.steer(message).on_message(async |ctx: Context| {
            let reply = tokio::select! {
                steering = ctx.until_steered() => format!("turned to {}", steering?.text),
                () = tokio::time::sleep(Duration::from_secs(60)) => "done".to_owned(),
            };
            ctx.reply(reply).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "work").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    tell(&bot, "tea").await;
    pass().await;
    assert_eq!(sent(&desk), ["turned to tea"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_mark_nothing_steers() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.on_message(async |ctx: Context| {
            ctx.reply(ctx.steered().await.unwrap_err().to_string()).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "go").await;
    pass().await;
    assert_eq!(sent(&desk), ["no updates steer: mark them with `Bot::steer(filter)`"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_steers_and_waits_for_an_answer_is_told_that_it_was_taken() {
    let bot = steerable(Bot::new(Window)).start().await.unwrap();
    let (first, second) = tokio::join!(say(&bot, "a", "one"), async {
        pass().await;
        say(&bot, "a", "two").await
    });
    assert_eq!((first, second), (replies(&["one, two"]), replies(&[])));
}
