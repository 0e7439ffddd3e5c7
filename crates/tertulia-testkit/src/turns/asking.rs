//! Handlers that ask, and wait for the answer, also in another process.

use std::time::Duration;

use tertulia::Clock;
use tertulia::bot::{Bot, Context, Session};
use tertulia::error::Kind;

use super::{Heard, Setting};
use crate::Board;

/// Asks for a name and an age on `/form`, and echoes everything else.
fn form(bot: Bot) -> Bot {
    bot.on_command("form", async |ctx: Context, mut heard: Session<Heard>| {
        let name = ctx.ask("name?").await?.text;
        let age = ctx.ask("age?").await?.text;
        heard.texts.push(format!("{name} is {age}"));
        ctx.reply("thanks").await?;
        Ok(())
    })
    .on_message(async |ctx: Context, mut heard: Session<Heard>| {
        heard.texts.push(ctx.text().to_owned());
        ctx.reply("echo").await?;
        Ok(())
    })
}

/// A handler that asks is answered though its process dies at each of its questions: each is asked once, and each answer is
/// taken once. What is said afterwards is an update of its own.
pub async fn each_question_is_asked_and_answered_once_over_restarts(setting: &Setting<'_>) {
    let board = Board::new();
    let first = setting.start(board.clone(), form).await;
    setting.tell(&first, "/form").await;
    setting.shown(&board, &["name?"]).await;
    let second = setting.after(first, board.clone(), form).await;
    setting.tell(&second, "Ana").await;
    setting.shown(&board, &["name?", "age?"]).await;
    assert_eq!(setting.heard().await, [""; 0], "nothing but the questions is kept before the end");
    let third = setting.after(second, board.clone(), form).await;
    for text in ["33", "bye"] {
        setting.tell(&third, text).await;
    }
    setting.end_all(third).await;
    assert_eq!(board.requests(), ["+name?", "+age?", "+thanks", "+echo"]);
    assert_eq!(setting.heard().await, ["Ana is 33", "bye"]);
}

/// What was said while the handler's process was dead answers it.
pub async fn answers_that_wait_for_the_next_process_are_taken(setting: &Setting<'_>) {
    let board = Board::new();
    let hanging = |bot: Bot| bot.on_message(async |_: Context| std::future::pending().await);
    let first = setting.start(board.clone(), hanging).await;
    for text in ["/form", "Ana", "33", "bye"] {
        setting.tell(&first, text).await;
    }
    let next = setting.after(first, board.clone(), form).await;
    setting.end_all(next).await;
    assert_eq!(board.requests(), ["+name?", "+age?", "+thanks", "+echo"]);
    assert_eq!(setting.heard().await, ["Ana is 33", "bye"]);
}

/// The time to answer counts from the question and not from a restart.
pub async fn the_time_to_answer_counts_from_the_question_also_after_a_restart(setting: &Setting<'_>) {
    let (board, now) = (Board::new(), Clock::system());
    let asks = |hours: u64| {
        let clock = Clock::starting_at(now.now().after(Duration::from_hours(hours)), hours);
        move |bot: Bot| {
            bot.clock(clock).on_message(async |ctx: Context, mut heard: Session<Heard>| {
                let answer = ctx.ask("well?").within(Duration::from_hours(2)).await;
                let answer = answer.map(|answer| answer.text).map_err(|error| error.kind());
                heard.texts.push(format!("{answer:?}"));
                Ok(())
            })
        }
    };
    let first = setting.start(board.clone(), asks(0)).await;
    setting.tell(&first, "hello").await;
    setting.shown(&board, &["well?"]).await;
    // It waits on, for an hour; an answer is in time.
    let second = setting.after(first, board.clone(), asks(1)).await;
    setting.tell(&second, "red").await;
    setting.end_all(second).await;
    let third = setting.start(board.clone(), asks(0)).await;
    setting.tell(&third, "hello").await;
    setting.shown(&board, &["well?", "well?"]).await;
    let fourth = setting.after(third, board.clone(), asks(3)).await;
    setting.end_all(fourth).await;
    assert_eq!(setting.heard().await, ["Ok(\"red\")".to_owned(), format!("Err({:?})", Kind::Timeout)]);
    assert_eq!(board.messages(), ["well?", "well?"]);
}
