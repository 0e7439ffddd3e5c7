//! Sessions of turns: written with all else that a turn does, and once.

use std::sync::Arc;

use tertulia::bot::{Bot, Burst, Context, Joined, Session, message};
use tertulia::runner::Options;
use tokio::sync::Semaphore;

use super::setting::desk;
use super::{Heard, Setting};
use crate::process::{Notes, hurried};
use crate::{Board, Desk};

/// A bot that hears what is said once it is let, and echoes it.
fn echo(gate: &Arc<Semaphore>) -> impl FnOnce(Bot) -> Bot + use<> {
    let gate = Arc::clone(gate);
    move |bot| {
        bot.on_message(move |ctx: Context, mut heard: Session<Heard>| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await?.forget();
                heard.texts.push(ctx.text().to_owned());
                ctx.reply(format!("echo {}", ctx.text())).await?;
                Ok(())
            }
        })
    }
}

/// What a handler left in its session, and what it replied, are there together: a process that dies while they are written
/// leaves the whole turn for the next one, or nothing.
pub async fn a_session_and_a_reply_are_there_together(setting: &Setting<'_>) {
    for (nth, is_done) in [false, true].into_iter().enumerate() {
        let (board, gate) = (Board::new(), Arc::new(Semaphore::new(0)));
        let first = setting.start(board.clone(), echo(&gate)).await;
        setting.tell(&first, "hello").await;
        let commit = first.hold_commit(is_done);
        gate.add_permits(2);
        commit.reached().await;
        let count = usize::from(is_done);
        assert_eq!(setting.heard().await.len(), nth + count);
        assert_eq!(setting.queued().await, [1 - count as u64, count as u64, 0]);
        assert_eq!(board.messages(), [""; 0]);
        let next = setting.after(first, board.clone(), echo(&gate)).await;
        board.shows(&["echo hello"]).await;
        setting.end_all(next).await;
        assert_eq!(setting.heard().await, vec!["hello"; nth + 1]);
        assert_eq!(board.requests(), ["+echo hello"]);
    }
}

/// Each update counts once in its session, however many processes come and go.
pub async fn a_session_goes_on_over_restarts(setting: &Setting<'_>) {
    let (board, gate) = (Board::new(), Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
    let mut bot = setting.start(board.clone(), echo(&gate)).await;
    let mut given = Vec::new();
    for n in 0..3 {
        given.push(setting.tell(&bot, &n.to_string()).await);
        bot = setting.after(bot, board.clone(), echo(&gate)).await;
        // Who brought them is not sure that all were taken.
        bot.door().intake.submit_all(given.clone()).await.unwrap();
    }
    setting.end_all(bot).await;
    assert_eq!(setting.heard().await, ["0", "1", "2"]);
    let mut messages = board.messages();
    messages.dedup();
    assert_eq!(messages, ["echo 0", "echo 1", "echo 2"]);
}

/// A handler whose session somebody else has written meanwhile runs again with what is there, uncharged, and what it had
/// replied is not sent.
pub async fn a_turn_whose_session_somebody_wrote_runs_again(setting: &Setting<'_>) {
    let (board, gate, runs) = (Board::new(), Arc::new(Semaphore::new(0)), Notes::new());
    let (inside, noted) = (Arc::clone(&gate), runs.clone());
    let bot = setting.start(board.clone(), |bot| {
        let bot = bot.options(Options { retries: 0, ..hurried() });
        bot.on_message(move |ctx: Context, mut heard: Session<Heard>| {
            let (gate, runs) = (Arc::clone(&inside), noted.clone());
            async move {
                runs.note(ctx.attempt().to_string());
                gate.acquire().await?.forget();
                ctx.reply(format!("after {}", heard.texts.join(" "))).await?;
                heard.texts.push("own".to_owned());
                Ok(())
            }
        })
    });
    let bot = bot.await;
    setting.tell(&bot, "hello").await;
    runs.come(1).await;
    setting.sessions().update(desk(), |heard| heard.texts.push("other".to_owned())).await.unwrap();
    gate.add_permits(2);
    setting.end_all(bot).await;
    assert_eq!(setting.heard().await, ["other", "own"]);
    assert_eq!(board.messages(), ["after other"]);
    assert_eq!(runs.all(), ["1", "1"]);
}

/// Updates that are joined into one turn are removed together: after a crash they are one turn again, or done.
pub async fn what_is_joined_is_one_turn_also_after_a_crash(setting: &Setting<'_>) {
    let quiet = std::time::Duration::from_millis(5);
    let burst = Burst { quiet, longest: quiet, most: 3 };
    let bot = |gate: &Arc<Semaphore>| {
        let gate = Arc::clone(gate);
        move |bot: Bot| {
            let bot = bot.burst(message, burst);
            bot.on_message(move |joined: Joined, mut heard: Session<Heard>| {
                let gate = Arc::clone(&gate);
                async move {
                    gate.acquire().await?.forget();
                    heard.texts.push(joined.text().replace('\n', " "));
                    Ok(())
                }
            })
        }
    };
    for (nth, is_done) in [false, true].into_iter().enumerate() {
        let gate = Arc::new(Semaphore::new(0));
        let first = setting.start(Desk::new(), bot(&gate)).await;
        let updates = ["a", "b", "c"].map(|text| Desk::update(desk(), text).unwrap());
        first.door().intake.submit_all(updates.to_vec()).await.unwrap();
        let commit = first.hold_commit(is_done);
        gate.add_permits(2);
        commit.reached().await;
        let next = setting.after(first, Desk::new(), bot(&gate)).await;
        setting.end_all(next).await;
        assert_eq!(setting.heard().await, vec!["a b c"; nth + 1]);
    }
}
