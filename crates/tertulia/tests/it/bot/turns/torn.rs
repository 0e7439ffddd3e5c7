//! Turns that are dropped, outlived or torn between two waits: nothing hangs and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::bot::{Bot, Bypass, Context, callback, command, message};
use tertulia::error::Kind;
use tertulia::runner::{INBOX, OUTBOX, Options};
use tertulia::storage::{Batch, Write};

use super::{at_desk, at_first, memory, pass, sent, tell};
use crate::runner::support::{Fate, assert_all_done};

/// Whether a batch changes an update's entry and lets it stand, as one does that gives out a question.
fn gives_out(batch: &Batch) -> bool {
    batch.writes.iter().any(|write| match write {
        Write::Queue(queue) => *queue.key.name() == INBOX && !queue.replace.is_empty(),
        Write::Log(_) => false,
    })
}

/// Asks on `ask`, echoes everything else, cancels on `/stop`.
fn asking(bot: Bot) -> Bot {
    bot.bypass(command("stop"), async |turn: Bypass| {
        let stopped = turn.cancel_turn().await?;
        turn.reply(if stopped { "stopped" } else { "nothing to stop" }).await?;
        Ok(())
    })
    .on_message(async |ctx: Context| {
        match ctx.text() {
            "ask" => {
                let answer = ctx.ask("well?").await?.text;
                ctx.reply(format!("so {answer}")).await?;
            }
            text => {
                ctx.reply(format!("echo {text}")).await?;
            }
        }
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_that_passes_while_a_question_is_committed_costs_nothing_of_the_update() {
    let storage = at_first(Fate { before: Duration::from_secs(5), ..Fate::default() }, gives_out);
    let options = Options { time_limit: Some(Duration::from_secs(1)), ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| asking(bot.options(options))).await;
    tell(&bot, "ask").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    tell(&bot, "Ana").await;
    pass().await;
    assert_eq!(sent(&desk), ["well?", "so Ana"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_dropped_while_it_is_committed_is_asked_all_the_same() {
    for fate in [
        Fate { before: Duration::from_secs(3), ..Fate::default() },
        Fate { after: Duration::from_secs(3), ..Fate::default() },
    ] {
        let storage = at_first(fate, gives_out);
        let runs = Arc::new(AtomicUsize::new(0));
        let ran = Arc::clone(&runs);
        let (desk, bot) = at_desk(&storage, |bot| {
            bot.on_message(move |ctx: Context| {
                runs.fetch_add(1, Ordering::SeqCst);
                async move {
                    if tokio::time::timeout(Duration::from_secs(1), ctx.ask("well?")).await.is_err() {
                        ctx.reply("too late").await?;
                    }
                    Ok(())
                }
            })
        })
        .await;
        tell(&bot, "hello").await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(sent(&desk), ["well?", "too late"], "{fate:?}");
        assert_eq!(ran.load(Ordering::SeqCst), 1, "{fate:?}");
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_cancelled_while_its_question_is_committed_is_cancelled_and_the_question_stays() {
    for fate in [
        Fate { before: Duration::from_secs(3), ..Fate::default() },
        Fate { after: Duration::from_secs(3), ..Fate::default() },
    ] {
        let storage = at_first(fate, gives_out);
        let (desk, bot) = at_desk(&storage, asking).await;
        tell(&bot, "ask").await;
        pass().await;
        tell(&bot, "/stop").await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(sent(&desk), ["well?", "stopped"], "{fate:?}");
        assert_eq!((bot.stats().running, bot.stats().asking, bot.size()), (0, 0, 0));
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_and_outlives_its_handler_is_told_that_the_turn_is_over() {
    let told: Arc<Mutex<Vec<Kind>>> = Arc::default();
    let storage = memory();
    let errors = Arc::clone(&told);
    let options = Options { concurrency: 1, backoff: Duration::from_secs(1), ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options).steer(message).on_message(move |ctx: Context| {
            let errors = Arc::clone(&errors);
            async move {
                if ctx.text() == "stray" {
                    let (stray, note) = (ctx.clone(), Arc::clone(&errors));
                    tokio::spawn(async move {
                        let error = stray.ask("who?").await.unwrap_err();
                        note.lock().push(error.kind());
                    });
                    let stray = ctx.clone();
                    tokio::spawn(async move {
                        let error = stray.until_steered().await.unwrap_err();
                        errors.lock().push(error.kind());
                    });
                    pass().await;
                    anyhow::ensure!(ctx.attempt() == 3, "not yet");
                }
                ctx.reply(format!("echo {}", ctx.text())).await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "stray").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(*told.lock(), [Kind::Closed; 6]);
    let stats = bot.stats();
    assert_eq!((stats.running, stats.asking, stats.updates), (0, 0, 0));
    for text in ["one", "two"] {
        tell(&bot, text).await;
    }
    pass().await;
    assert_eq!(sent(&desk), ["who?", "echo stray", "echo one", "echo two"]);
    assert_eq!(bot.shutdown(Duration::from_secs(10)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_and_is_steered_at_once_hears_both() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.steer(command("steer")).on_message(async |ctx: Context| {
            let (answer, steering) = tokio::join!(ctx.ask("well?").of(callback), ctx.until_steered());
            ctx.reply(format!("{} {}", answer?.text, steering?.text)).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    tell(&bot, ">yes").await;
    pass().await;
    tell(&bot, "/steer left").await;
    pass().await;
    assert_eq!(sent(&desk), ["well?", "yes /steer left"]);
    let stats = bot.stats();
    assert_eq!((stats.running, stats.asking, stats.updates), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_panics_over_an_answer_fails_the_try_and_leaks_no_slot() {
    let storage = memory();
    let options = Options { retries: 1, concurrency: 1, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options)
            .bypass(
                |update: &tertulia::bot::Update| {
                    assert!(update.text() != Some("panic"), "no");
                    false
                },
                async |_: Bypass| Ok(()),
            )
            .on_command("form", async |ctx: Context| {
                ctx.ask("well?").of(|_: &tertulia::bot::Update| panic!("no")).await?;
                Ok(())
            })
            .on_message(async |ctx: Context| {
                ctx.reply(format!("echo {}", ctx.text())).await?;
                Ok(())
            })
    })
    .await;
    tell(&bot, "/form").await;
    pass().await;
    tell(&bot, "Ana").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sent(&desk), ["well?", "echo Ana"]);
    let stats = bot.stats();
    assert_eq!((stats.running, stats.asking, stats.updates, stats.bytes), (0, 0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelling_handler_that_is_dropped_while_it_waits_lets_the_other_run() {
    let slow = Fate { before: Duration::from_secs(20), ..Fate::default() };
    let storage = at_first(slow, |batch| {
        batch.writes.iter().any(|write| matches!(write, Write::Queue(queue) if *queue.key.name() == OUTBOX))
    });
    let options = Options { time_limit: Some(Duration::from_secs(2)), retries: 0, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| asking(bot.options(options))).await;
    tell(&bot, "hello").await;
    // Its commit is under way, so the other can only wait for it, and is late.
    tell(&bot, "/stop").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    tell(&bot, "ask").await;
    pass().await;
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["echo hello", "well?", "stopped"]);
    let stats = bot.stats();
    assert_eq!((stats.running, stats.asking, stats.updates, stats.bytes), (0, 0, 0, 0));
}
