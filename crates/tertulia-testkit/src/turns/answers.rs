//! Replies on a platform that is read: whoever brought the update finds them.

use tertulia::Conversation;
use tertulia::bot::answer::{self, Answer};
use tertulia::bot::{Bot, Bypass, Context, Session, command};
use tertulia::runner::{Incoming, Options, Receipt};

use super::{Heard, Setting};
use crate::process::{Notes, hurried};
use crate::{Desk, Window};

fn window() -> Conversation {
    Conversation::new("window", "7").expect("a valid conversation")
}

/// A bot that replies twice to what it is told, and cannot stand `bad`.
fn replies(bot: Bot) -> Bot {
    let bot = bot.options(Options { retries: 0, ..hurried() });
    bot.on_message(async |ctx: Context, mut heard: Session<Heard>| {
        if ctx.text() == "bad" {
            return Err(tertulia::Error::internal("it cannot stand that").into());
        }
        heard.texts.push(ctx.text().to_owned());
        ctx.reply(format!("heard {}", ctx.text())).await?;
        ctx.reply(format!("{} in all", heard.texts.len())).await?;
        Ok(())
    })
}

/// What another process reads of the answer to an update, once it is there.
async fn answered(setting: &Setting<'_>, update: &Incoming) -> Answer {
    let storage = setting.subject().storage();
    answer::wait(&*storage, &update.conversation, &update.id).await.unwrap()
}

fn said(texts: &[&str]) -> Answer {
    Answer::Replies(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Whoever waits for an answer is woken by it in any process, and finds it after a restart; the update given again has no
/// other.
pub async fn an_answer_is_read_by_whoever_waits_also_after_a_restart(setting: &Setting<'_>) {
    let first = setting.start(Window, replies).await;
    let update = Desk::update(window(), "hello").unwrap();
    let (answer, ()) = tokio::join!(answered(setting, &update), async {
        first.door().intake.submit(update.clone()).await.unwrap();
    });
    assert_eq!(answer, said(&["heard hello", "1 in all"]));
    let next = setting.after(first, Window, replies).await;
    assert_eq!(next.door().intake.submit(update.clone()).await.unwrap(), Receipt::Seen);
    let other = setting.tell_in(&next, &window(), "again").await;
    assert_eq!(answered(setting, &other).await, said(&["heard again", "2 in all"]));
    assert_eq!(answered(setting, &update).await, said(&["heard hello", "1 in all"]));
    setting.end_all(next).await;
}

/// An update that was not run has an answer if it was accepted: the next process runs it.
pub async fn what_was_accepted_is_answered_by_the_next_process(setting: &Setting<'_>) {
    let hanging = |bot: Bot| bot.on_message(async |_: Context| std::future::pending().await);
    let first = setting.start(Window, hanging).await;
    let update = setting.tell_in(&first, &window(), "hello").await;
    let storage = setting.subject().storage();
    assert_eq!(answer::read(&*storage, &update.conversation, &update.id).await.unwrap(), None);
    drop(storage);
    let next = setting.after(first, Window, replies).await;
    assert_eq!(answered(setting, &update).await, said(&["heard hello", "1 in all"]));
    setting.end_all(next).await;
}

/// Whoever waits learns that an update was given up or cancelled.
pub async fn whoever_waits_learns_that_there_is_no_answer(setting: &Setting<'_>) {
    let begun = Notes::new();
    let noted = begun.clone();
    let bot = setting.start(Window, move |bot| {
        let stop = async |turn: Bypass| {
            turn.cancel_turn().await?;
            turn.reply("stopped").await?;
            Ok(())
        };
        let think = move |_: Context| {
            noted.note("begun");
            std::future::pending()
        };
        replies(bot.bypass(command("stop"), stop).on_command("think", think))
    });
    let bot = bot.await;
    let bad = setting.tell_in(&bot, &window(), "bad").await;
    assert_eq!(answered(setting, &bad).await, Answer::GivenUp);
    let thought = setting.tell_in(&bot, &window(), "/think").await;
    begun.come(1).await;
    let stop = setting.tell_in(&bot, &window(), "/stop").await;
    assert_eq!(answered(setting, &thought).await, Answer::Cancelled);
    assert_eq!(answered(setting, &stop).await, said(&["stopped"]));
    setting.end(bot).await;
    assert_eq!(setting.queued().await, [0, 0, 1]);
}
