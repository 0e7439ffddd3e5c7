//! Changes of what was said, where a platform has no such thing.

use tertulia::bot::{Bot, Context, Data};
use tertulia::error::Kind;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::support::{Desk, Window, replies, say, update};

/// What each way to change something says.
async fn change(ctx: Context, tell: Data<UnboundedSender<String>>) -> tertulia::bot::Result {
    let ticket = ctx.reply("hello").await?;
    for changed in [
        ctx.edit(&ticket, "bye").await,
        ctx.delete(&ticket).await,
        ctx.react("👍").await,
        ctx.react_to(&ticket, "👍").await,
        ctx.answer_callback("saved").await,
    ] {
        let error = changed.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        tell.send(error.to_string())?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_platform_without_changes_says_so_and_the_turn_goes_on() {
    let (tell, mut told) = unbounded_channel::<String>();
    let bot = Bot::new(Window).adapter(Desk::new()).data(tell).on_message(change).start().await.unwrap();
    assert_eq!(say(&bot, "a", "go").await, replies(&["hello"]));
    bot.door().intake.submit(update("desk", "a", "go")).await.unwrap();
    for platform in ["window", "desk"] {
        for what in ["edits", "deletions", "reactions", "reactions", "answers to pressed buttons"] {
            assert_eq!(told.recv().await.unwrap(), format!("`{platform}` has no {what}"));
        }
    }
}
