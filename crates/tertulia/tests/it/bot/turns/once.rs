//! A result that is had once is given to every later run of the handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::bot::{Bot, Context, Session};
use tertulia::runner::Options;
use tertulia::storage::{ListQuery, Storage};

use super::{Chat, at_desk, memory, pass, sent, tell};
use crate::runner::support::{assert_all_done, dead};

/// A model that counts how often it is called.
#[derive(Clone, Default)]
struct Model(Arc<AtomicUsize>);

impl Model {
    async fn call(self) -> tertulia::bot::Result<String> {
        let nth = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(format!("answer {nth}"))
    }

    fn calls(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// The names of the logs that are kept.
async fn logs(storage: &Arc<dyn Storage>) -> Vec<String> {
    let listing = storage.list(&ListQuery::default()).await.unwrap();
    let names = listing.keys.iter().map(|listed| listed.key.name().to_string());
    names.filter(|name| name.starts_with("once/")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_after_an_error_has_the_recorded_result_and_the_record_goes_with_the_update() {
    let (storage, model) = (memory(), Model::default());
    let called = model.clone();
    let (desk, bot) = at_desk(&storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let model = model.clone();
            async move {
                let answer: String = ctx.once("answer", model.call()).await?;
                anyhow::ensure!(ctx.attempt() == 3, "not yet");
                ctx.reply(answer).await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(logs(&storage).await.len(), 1);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((sent(&desk), called.calls()), (vec!["answer 1".to_owned()], 1));
    assert_eq!(logs(&storage).await, Vec::<String>::new());
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_after_a_conflict_calls_the_model_no_more() {
    let (storage, model) = (memory(), Model::default());
    let called = model.clone();
    let other = tertulia::Sessions::<Chat>::new(Arc::clone(&storage), "chat").unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let ran = Arc::clone(&runs);
    let (desk, bot) = at_desk(&storage, move |bot| {
        bot.session::<Chat>("chat").on_message(move |ctx: Context, mut chat: Session<Chat>| {
            let (model, other, runs) = (model.clone(), other.clone(), Arc::clone(&runs));
            async move {
                let answer: String = ctx.once("answer", model.call()).await?;
                if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                    // Somebody else writes the session meanwhile.
                    other.update("desk:7", |chat| chat.heard.push("other".to_owned())).await?;
                }
                chat.heard.push(answer.clone());
                ctx.reply(answer).await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(sent(&desk), ["answer 1"]);
    assert_eq!((ran.load(Ordering::SeqCst), called.calls()), (2, 1));
    assert_eq!(super::heard(&storage).await, ["other", "answer 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_after_a_crash_calls_the_model_no_more() {
    let (storage, model) = (memory(), Model::default());
    let bot = |model: Model, ends: bool| {
        move |bot: Bot| {
            bot.on_message(move |ctx: Context| {
                let model = model.clone();
                async move {
                    let answer: String = ctx.once("answer", model.call()).await?;
                    if !ends {
                        std::future::pending::<()>().await;
                    }
                    ctx.reply(answer).await?;
                    Ok(())
                }
            })
        }
    };
    let (_, first) = at_desk(&storage, bot(model.clone(), false)).await;
    tell(&first, "hello").await;
    pass().await;
    drop(first);
    let (desk, _second) = at_desk(&storage, bot(model.clone(), true)).await;
    pass().await;
    assert_eq!((sent(&desk), model.calls()), (vec!["answer 1".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn several_are_kept_apart_by_name_also_when_they_are_had_at_once() {
    let (storage, model) = (memory(), Model::default());
    let called = model.clone();
    let (desk, bot) = at_desk(&storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let model = model.clone();
            async move {
                let (a, b) = tokio::try_join!(
                    ctx.once::<String, _>("a", model.clone().call()),
                    ctx.once::<String, _>("b", model.clone().call())
                )?;
                anyhow::ensure!(ctx.attempt() == 2, "not yet");
                ctx.reply(format!("{a} {b}")).await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((sent(&desk), called.calls()), (vec!["answer 1 answer 2".to_owned()], 2));
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_not_recorded_and_what_cannot_be_is_refused() {
    let storage = memory();
    let options = Options { retries: 0, ..Options::default() };
    let (desk, bot) = at_desk(&storage, move |bot| {
        bot.options(options).on_message(async |ctx: Context| {
            let failed = ctx.once::<u32, _>("a", async { anyhow::bail!("no model") }).await.unwrap_err();
            let twice = ctx.once::<u32, _>("a", async { Ok(1) }).await.unwrap_err();
            let unnamed = ctx.once::<u32, _>("", async { Ok(1) }).await.unwrap_err();
            ctx.reply(format!("{failed}; {twice}; {unnamed}")).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(
        sent(&desk),
        [
            "no model; the result `a` is asked for twice in one turn; the name of a result has 0 bytes, 1 to 256 are allowed"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_type_is_corrupt_and_parks_the_update() {
    let storage = memory();
    let bot = |first: bool| {
        move |bot: Bot| {
            bot.on_message(move |ctx: Context| async move {
                if first {
                    ctx.once("answer", async { Ok("text".to_owned()) }).await?;
                    std::future::pending::<()>().await;
                }
                ctx.once("answer", async { Ok(7_u32) }).await?;
                Ok(())
            })
        }
    };
    let (_, running) = at_desk(&storage, bot(true)).await;
    tell(&running, "hello").await;
    pass().await;
    drop(running);
    let (_, running) = at_desk(&storage, bot(false)).await;
    pass().await;
    assert_eq!(running.stats().parked, 1);
    assert_eq!(dead(&storage).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_record_of_an_update_that_is_given_up_goes_with_it() {
    let storage = memory();
    let options = Options { retries: 1, ..Options::default() };
    let (_, bot) = at_desk(&storage, move |bot| {
        bot.options(options).on_message(async |ctx: Context| {
            ctx.once("answer", async { Ok(7) }).await?;
            anyhow::bail!("no")
        })
    })
    .await;
    tell(&bot, "hello").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((dead(&storage).await.len(), logs(&storage).await), (1, vec![]));
}
