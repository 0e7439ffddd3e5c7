//! Updates that pass the queue, and cancel what it holds.

use tertulia::bot::{Bot, Bypass, Context, Session, command};

use super::{Heard, Setting};
use crate::Board;
use crate::process::Notes;

/// A bot that thinks for ever when it is told so, tells how it is at once, and can be stopped.
fn thinking(begun: &Notes) -> impl FnOnce(Bot) -> Bot + use<> {
    let begun = begun.clone();
    move |bot| {
        let status = async |turn: Bypass| {
            turn.reply("fine").await?;
            Ok(())
        };
        let stop = async |turn: Bypass| {
            let stopped = turn.cancel_turn().await?;
            turn.reply(if stopped { "stopped" } else { "nothing to stop" }).await?;
            Ok(())
        };
        bot.bypass(command("status"), status).bypass(command("stop"), stop).on_message(
            move |ctx: Context, mut heard: Session<Heard>| {
                let begun = begun.clone();
                async move {
                    begun.note(ctx.text());
                    heard.texts.push(ctx.text().to_owned());
                    ctx.reply(format!("echo {}", ctx.text())).await?;
                    if ctx.text() == "think" {
                        std::future::pending::<()>().await;
                    }
                    Ok(())
                }
            },
        )
    }
}

/// What passes the queue is run and answered while its conversation is busy; what it passes is run after a restart.
pub async fn what_passes_the_queue_is_answered_at_once(setting: &Setting<'_>) {
    let (board, begun) = (Board::new(), Notes::new());
    let first = setting.start(board.clone(), thinking(&begun)).await;
    setting.tell(&first, "think").await;
    begun.come(1).await;
    setting.tell(&first, "next").await;
    setting.tell(&first, "/status").await;
    setting.shown(&board, &["fine"]).await;
    let echo = |bot: Bot| {
        bot.on_message(async |ctx: Context, mut heard: Session<Heard>| {
            heard.texts.push(ctx.text().to_owned());
            ctx.reply(ctx.text()).await?;
            Ok(())
        })
    };
    let next = setting.after(first, board.clone(), echo).await;
    setting.end_all(next).await;
    assert_eq!(board.messages(), ["fine", "think", "next"]);
    assert_eq!(setting.heard().await, ["think", "next"]);
}

/// A turn that is cancelled leaves nothing, and is run by no other process; what waited behind it is.
pub async fn a_cancelled_turn_leaves_nothing(setting: &Setting<'_>) {
    let (board, begun) = (Board::new(), Notes::new());
    let first = setting.start(board.clone(), thinking(&begun)).await;
    setting.tell(&first, "think").await;
    begun.come(1).await;
    setting.tell(&first, "/stop").await;
    setting.shown(&board, &["stopped"]).await;
    let next = setting.after(first, board.clone(), thinking(&begun)).await;
    setting.tell(&next, "next").await;
    setting.end_all(next).await;
    assert_eq!(board.messages(), ["stopped", "echo next"]);
    assert_eq!(setting.heard().await, ["next"]);
    assert_eq!(begun.all(), ["think", "next"]);
}
