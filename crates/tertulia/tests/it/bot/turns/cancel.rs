//! An update that passes the queue cancels what runs in its conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::bot::{Bot, Bypass, Context, Session, command};
use tertulia::runner::{INBOX, Options};
use tertulia::storage::{Batch, Write};

use super::super::support::{Window, replies, say};
use super::{Chat, at_desk, at_first, heard, memory, pass, sent, tell};
use crate::runner::support::{Fate, assert_all_done};

/// Counts how many futures are dropped before their end, as a model call that is cancelled.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

struct Call(Calls);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Calls {
    fn cancelled(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    async fn forever(self) {
        let _call = Call(self);
        std::future::pending::<()>().await;
    }
}

/// `/stop` cancels; `think` never ends; `ask` asks; anything else is echoed and heard.
fn stoppable(bot: Bot, calls: Calls) -> Bot {
    bot.session::<Chat>("chat")
        .bypass(command("stop"), async |turn: Bypass| {
            let stopped = turn.cancel_turn().await?;
            turn.reply(if stopped { "stopped" } else { "nothing to stop" }).await?;
            Ok(())
        })
        .on_message(move |ctx: Context, mut chat: Session<Chat>| {
            let calls = calls.clone();
            async move {
                chat.heard.push(ctx.text().to_owned());
                ctx.reply(format!("echo {}", ctx.text())).await?;
                match ctx.text() {
                    "think" => calls.forever().await,
                    "ask" => chat.heard.push(ctx.ask("well?").await?.text),
                    "fail" => anyhow::bail!("no"),
                    _ => {}
                }
                Ok(())
            }
        })
}

#[tokio::test(start_paused = true)]
async fn a_running_handler_is_stopped_where_it_waits_and_leaves_nothing() {
    let (storage, calls) = (memory(), Calls::default());
    let (desk, bot) = at_desk(&storage, |bot| stoppable(bot, calls.clone())).await;
    tell(&bot, "think").await;
    tell(&bot, "next").await;
    pass().await;
    assert_eq!((sent(&desk), calls.cancelled()), (vec![], 0));
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["stopped", "echo next"]);
    assert_eq!(calls.cancelled(), 1);
    assert_eq!(heard(&storage).await, ["next"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn with_nothing_under_way_there_is_nothing_to_cancel() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| stoppable(bot, Calls::default())).await;
    tell(&bot, "/stop").await;
    tell(&bot, "hello").await;
    pass().await;
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["nothing to stop", "echo hello", "nothing to stop"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_an_answer_is_cancelled_and_what_it_sent_stays() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| stoppable(bot, Calls::default())).await;
    tell(&bot, "ask").await;
    pass().await;
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["echo ask", "well?", "stopped"]);
    assert_eq!(heard(&storage).await, Vec::<String>::new());
    assert_eq!(bot.stats().asking, 0);
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(heard(&storage).await, ["hello"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_it_had_received_are_run_as_updates() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.bypass(command("stop"), async |turn: Bypass| {
            turn.cancel_turn().await?;
            Ok(())
        })
        .on_command("form", async |ctx: Context| {
            ctx.ask("name?").await?;
            ctx.ask("age?").await?;
            Ok(())
        })
        .on_message(async |ctx: Context| {
            ctx.reply(format!("echo {}", ctx.text())).await?;
            Ok(())
        })
    })
    .await;
    for text in ["/form", "Ana"] {
        tell(&bot, text).await;
    }
    pass().await;
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["name?", "age?", "echo Ana"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_waits_for_its_next_try_is_cancelled() {
    let storage = memory();
    let options = Options { backoff: Duration::from_hours(1), ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| stoppable(bot.options(options), Calls::default())).await;
    tell(&bot, "fail").await;
    tell(&bot, "next").await;
    pass().await;
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["stopped", "echo next"]);
    tokio::time::sleep(Duration::from_hours(2)).await;
    assert_eq!(heard(&storage).await, ["next"], "its next try is not made");
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_waits_for_a_slot_is_cancelled() {
    let (storage, calls) = (memory(), Calls::default());
    let options = Options { concurrency: 1, time_limit: None, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| stoppable(bot.options(options), calls.clone())).await;
    let other = tertulia_testkit::Desk::update("desk:8", "think").unwrap();
    bot.door().intake.submit(other).await.unwrap();
    pass().await;
    tell(&bot, "hello").await;
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["stopped"]);
    assert_eq!((bot.size(), calls.cancelled()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_passes_the_queue_has_slots_of_its_own_and_no_more_than_64() {
    let most = Arc::new(AtomicUsize::new(0));
    let (running, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let storage = memory();
    let options = Options { concurrency: 1, time_limit: None, ..Options::default() };
    let (_, bot) = at_desk(&storage, |bot| {
        bot.options(options)
            .bypass(command("status"), move |_: Bypass| {
                let (running, seen) = (Arc::clone(&running), Arc::clone(&seen));
                async move {
                    seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    pass().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }
            })
            .on_message(async |_: Context| {
                std::future::pending::<()>().await;
                Ok(())
            })
    })
    .await;
    tell(&bot, "think").await;
    for chat in 0..200 {
        let update = tertulia_testkit::Desk::update(format!("desk:{chat}").as_str(), "/status").unwrap();
        bot.door().intake.submit(update).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(most.load(Ordering::SeqCst), 64);
    assert_eq!(bot.size(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_key_does_not_keep_out_what_passes_it() {
    let storage = memory();
    let options = Options { waiting: 2, time_limit: None, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| stoppable(bot.options(options), Calls::default())).await;
    tell(&bot, "think").await;
    tell(&bot, "next").await;
    let refused = bot.door().intake.submit(tertulia_testkit::Desk::update("desk:7", "third").unwrap()).await;
    assert!(refused.is_err());
    tell(&bot, "/stop").await;
    pass().await;
    assert_eq!(sent(&desk), ["stopped", "echo next"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelling_handler_that_fails_cancels_nothing() {
    let storage = memory();
    let options = Options { retries: 0, time_limit: None, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options)
            .bypass(command("stop"), async |turn: Bypass| {
                assert!(turn.cancel_turn().await?);
                anyhow::bail!("no")
            })
            .on_message(async |ctx: Context| {
                ctx.reply(format!("echo {}", ctx.text())).await?;
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(())
            })
    })
    .await;
    tell(&bot, "think").await;
    pass().await;
    tell(&bot, "/stop").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(sent(&desk), ["echo think"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_answer_of_a_cancelled_update_is_told() {
    let bot = stoppable(Bot::new(Window), Calls::default()).start().await.unwrap();
    let (thought, stopped) = tokio::join!(say(&bot, "a", "think"), async {
        pass().await;
        say(&bot, "a", "/stop").await
    });
    assert_eq!(thought, tertulia::bot::answer::Answer::Cancelled);
    assert_eq!(stopped, replies(&["stopped"]));
}

/// How many entries a batch removes from the inbox.
fn removes(batch: &Batch) -> usize {
    let of = |write: &Write| match write {
        Write::Queue(queue) if *queue.key.name() == INBOX => queue.remove.len(),
        _ => 0,
    };
    batch.writes.iter().map(of).sum()
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_cancels_twice_cancels_one_update_once() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.bypass(command("stop"), async |turn: Bypass| {
            let (first, second) = tokio::join!(turn.cancel_turn(), turn.cancel_turn());
            let said = format!("{} {} {}", first?, second?, turn.cancel_turn().await?);
            turn.reply(said).await?;
            Ok(())
        })
        .on_message(async |ctx: Context| {
            if ctx.text() == "think" {
                std::future::pending::<()>().await;
            }
            ctx.reply(format!("echo {}", ctx.text())).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "think").await;
    tell(&bot, "next").await;
    pass().await;
    tell(&bot, "/stop").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sent(&desk), ["true false false", "echo next"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_cancelling_lost_its_answer_is_not_run_again() {
    let storage = at_first(Fate { lost: true, ..Fate::default() }, |batch| removes(batch) == 2);
    let runs = Arc::new(AtomicUsize::new(0));
    let ran = Arc::clone(&runs);
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.bypass(command("stop"), async |turn: Bypass| {
            turn.cancel_turn().await?;
            turn.reply("stopped").await?;
            Ok(())
        })
        .on_message(move |_: Context| {
            runs.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
    })
    .await;
    tell(&bot, "think").await;
    pass().await;
    tell(&bot, "/stop").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(sent(&desk), ["stopped"]);
    assert_eq!((ran.load(Ordering::SeqCst), bot.size()), (1, 0));
}
