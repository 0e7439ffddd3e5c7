//! Results that a handler has once.

use tertulia::bot::{Bot, Context, Session};
use tertulia::{Key, Name};

use super::setting::desk;
use super::{Heard, Setting};
use crate::process::{Notes, held};
use crate::{Board, Call};

/// A bot that calls a model, which answers otherwise each time, and hangs after it or ends.
fn calling(model: &Notes, ends: bool) -> impl FnOnce(Bot) -> Bot + use<> {
    let model = model.clone();
    move |bot| {
        bot.on_message(move |ctx: Context, mut heard: Session<Heard>| {
            let model = model.clone();
            async move {
                let call = async { Ok(format!("answer {}", model.note("called"))) };
                let answer: String = ctx.once("answer", call).await?;
                if !ends {
                    std::future::pending::<()>().await;
                }
                heard.texts.push(answer.clone());
                ctx.reply(answer).await?;
                Ok(())
            }
        })
    }
}

/// A result that was recorded is had by every run that follows, also of another process, and goes with its update.
pub async fn a_result_is_had_once_also_after_a_crash(setting: &Setting<'_>) {
    let (board, model) = (Board::new(), Notes::new());
    let first = setting.start(board.clone(), calling(&model, false)).await;
    let update = setting.tell(&first, "hello").await;
    let recorded = Key::Log(desk(), Name::new(format!("once/{}", update.id)).unwrap());
    setting.subject().changed(&recorded, None).await;
    let next = setting.after(first, board.clone(), calling(&model, true)).await;
    setting.shown(&board, &["answer 1"]).await;
    setting.tell(&next, "hello again").await;
    setting.end_all(next).await;
    assert_eq!(setting.heard().await, ["answer 1", "answer 2"], "each update has its own");
    assert!(setting.subject().try_log(&recorded).await.is_none(), "it goes with its update");
    assert_eq!(model.all().len(), 2);
}

/// A process that dies while a result is recorded has it recorded, or the next one has another: what is said is what was
/// recorded.
pub async fn what_is_said_of_a_result_is_what_was_recorded(setting: &Setting<'_>) {
    for is_done in [false, true] {
        let (board, model) = (Board::new(), Notes::new());
        let first = setting.start(board.clone(), calling(&model, true)).await;
        let before = setting.heard().await.len();
        // Its arrival is the next commit, and then the record.
        let (gate, fault) = held(is_done);
        let commits = first.faults().calls(Call::Commit);
        first.faults().at(Call::Commit, commits + 2, fault);
        setting.tell(&first, "hello").await;
        gate.reached().await;
        let next = setting.after(first, board.clone(), calling(&model, true)).await;
        setting.end_all(next).await;
        let expected = if is_done { "answer 1" } else { "answer 2" };
        assert_eq!(setting.heard().await[before..], [expected]);
        assert_eq!(board.messages(), [expected]);
    }
}
