//! A handler asks and waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use tertulia::bot::{Bot, Context, Session, callback};
use tertulia::error::Kind;
use tertulia::runner::{INBOX, Options};
use tertulia::storage::{Memory, Storage};

use super::super::support::{Window, replies, say};
use super::{Chat, at_desk, heard, memory, pass, sent, tell};
use crate::runner::support::{Faulty, assert_all_done, queued};

/// Asks for a name and an age on `/form`, and echoes everything else.
fn form(bot: Bot) -> Bot {
    bot.session::<Chat>("chat")
        .on_command("form", async |ctx: Context, mut chat: Session<Chat>| {
            let name = ctx.ask("name?").await?.text;
            let age = ctx.ask("age?").await?.text;
            chat.heard.push(format!("{name} is {age}"));
            ctx.reply(format!("{name}, {age}")).await?;
            Ok(())
        })
        .on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.heard.push(ctx.text().to_owned());
            ctx.reply(format!("echo {}", ctx.text())).await?;
            Ok(())
        })
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_handler_whose_answer_has_just_come() {
    // The answer is looked at before it is taken, which takes its time.
    let storage: Arc<dyn Storage> = Faulty::slow_to_read(Memory::new(), Duration::from_millis(50));
    let options = Options { index_bytes: 1, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| form(bot.options(options))).await;
    for text in ["/form", "Ana"] {
        tell(&bot, text).await;
        pass().await;
    }
    tell(&bot, "33").await;
    assert_eq!(bot.shutdown(Duration::from_mins(1)).await, []);
    assert_eq!(sent(&desk), ["name?", "age?", "Ana, 33"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_given_to_the_handler_and_not_run() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, form).await;
    tell(&bot, "/form").await;
    pass().await;
    assert_eq!(sent(&desk), ["name?"], "the question is sent while the handler runs");
    tell(&bot, "Ana").await;
    pass().await;
    tell(&bot, "33").await;
    tell(&bot, "bye").await;
    pass().await;
    assert_eq!(sent(&desk), ["name?", "age?", "Ana, 33", "echo bye"]);
    assert_eq!(heard(&storage).await, ["Ana is 33", "bye"]);
    assert_eq!(bot.shutdown(Duration::from_secs(10)).await, []);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_were_there_before_the_question_count() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, form).await;
    for text in ["/form", "Ana", "33", "bye"] {
        tell(&bot, text).await;
    }
    pass().await;
    assert_eq!(sent(&desk), ["name?", "age?", "Ana, 33", "echo bye"]);
    assert_eq!(heard(&storage).await, ["Ana is 33", "bye"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_turn_but_what_was_asked_is_kept_before_its_end() {
    let storage = memory();
    let (_, bot) = at_desk(&storage, form).await;
    tell(&bot, "/form").await;
    tell(&bot, "Ana").await;
    pass().await;
    assert_eq!(heard(&storage).await, Vec::<String>::new());
    assert_eq!(queued(&storage, INBOX).await, 2, "the answer stays in the inbox with the update");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_takes_no_slot_and_its_clock_stands_still() {
    let options = Options {
        concurrency: 1,
        time_limit: Some(Duration::from_secs(5)),
        retries: 0,
        ..Options::default()
    };
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| form(bot.options(options))).await;
    tell(&bot, "/form").await;
    pass().await;
    let other = tertulia_testkit::Desk::update("desk:8", "hello").unwrap();
    bot.door().intake.submit(other).await.unwrap();
    pass().await;
    assert_eq!(desk.sent().last().unwrap().1, "echo hello");
    assert_eq!((bot.stats().asking, bot.stats().running), (1, 0));
    tokio::time::sleep(Duration::from_hours(1)).await;
    tell(&bot, "Ana").await;
    tell(&bot, "33").await;
    pass().await;
    assert_eq!(sent(&desk).last().unwrap(), "Ana, 33");
    assert_eq!(bot.stats().asking, 0);
}

#[tokio::test(start_paused = true)]
async fn handlers_that_are_answered_at_once_wait_for_slots() {
    let most = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (running, seen) = (std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)), most.clone());
    let options = Options { concurrency: 3, ..Options::default() };
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options).on_message(move |ctx: Context| {
            let (running, seen) = (running.clone(), seen.clone());
            async move {
                use std::sync::atomic::Ordering::SeqCst;
                ctx.ask("?").await?;
                seen.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                running.fetch_sub(1, SeqCst);
                ctx.reply("!").await?;
                Ok(())
            }
        })
    })
    .await;
    for round in ["first", "second"] {
        for chat in 0..50 {
            let update = tertulia_testkit::Desk::update(format!("desk:{chat}").as_str(), round).unwrap();
            bot.door().intake.submit(update).await.unwrap();
        }
        pass().await;
    }
    assert_eq!(desk.sent().iter().filter(|(_, text)| text == "!").count(), 50);
    assert_eq!(most.load(std::sync::atomic::Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_match_waits_and_is_run_afterwards() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.on_command("sure", async |ctx: Context| {
            let answer = ctx.ask("sure?").of(callback).await?.text;
            ctx.reply(format!("you pressed {answer}")).await?;
            Ok(())
        })
        .on_message(async |ctx: Context| {
            ctx.reply(format!("echo {}", ctx.text())).await?;
            Ok(())
        })
    })
    .await;
    for text in ["/sure", "well", ">yes", "then"] {
        tell(&bot, text).await;
    }
    pass().await;
    assert_eq!(sent(&desk), ["sure?", "you pressed yes", "echo well", "echo then"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_a_timeout_that_the_handler_can_take() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.on_message(async |ctx: Context| {
            match ctx.ask("still there?").within(Duration::from_secs(60)).await {
                Ok(answer) => ctx.reply(answer.text).await?,
                Err(error) if error.kind() == Kind::Timeout => ctx.reply("bye").await?,
                Err(error) => return Err(error.into()),
            };
            Ok(())
        })
    })
    .await;
    tell(&bot, "hello").await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(sent(&desk), ["still there?"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(sent(&desk), ["still there?", "bye"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn the_time_to_answer_counts_from_the_question_also_after_a_restart() {
    let storage = memory();
    let clock = tertulia::Clock::system();
    let ask = |bot: Bot| {
        bot.clock(clock.clone()).on_message(async |ctx: Context| {
            let answer = ctx.ask("well?").within(Duration::from_secs(60)).await;
            ctx.reply(answer.map_or_else(|error| format!("{:?}", error.kind()), |answer| answer.text))
                .await?;
            Ok(())
        })
    };
    let (_, bot) = at_desk(&storage, ask).await;
    tell(&bot, "hello").await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    drop(bot);
    let (desk, _bot) = at_desk(&storage, ask).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sent(&desk), ["Timeout"], "not asked again, and not waited for a whole minute again");
}

#[tokio::test(start_paused = true)]
async fn answers_of_a_handler_that_fails_for_good_are_run_as_updates() {
    let storage = memory();
    let options = Options { retries: 1, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options)
            .on_command("form", async |ctx: Context| {
                let answer = ctx.ask("name?").await?.text;
                anyhow::bail!("{answer} is not good enough")
            })
            .on_message(async |ctx: Context| {
                ctx.reply(format!("echo {}", ctx.text())).await?;
                Ok(())
            })
    })
    .await;
    for text in ["/form", "one", "two"] {
        tell(&bot, text).await;
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sent(&desk), ["name?", "echo one", "echo two"], "asked once, and in order");
    let dead = crate::runner::support::dead(&storage).await;
    assert_eq!(dead.len(), 1);
    assert!(dead[0].error.contains("one is not good enough"), "{}", dead[0].error);
    assert_eq!(queued(&storage, INBOX).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_read_gets_the_question_as_the_answer_and_the_rest_with_the_next_message() {
    let bot = form(Bot::new(Window)).start().await.unwrap();
    assert_eq!(say(&bot, "a", "/form").await, replies(&["name?"]));
    assert_eq!(say(&bot, "a", "Ana").await, replies(&["age?"]));
    assert_eq!(say(&bot, "a", "33").await, replies(&["Ana, 33"]));
    assert_eq!(say(&bot, "a", "bye").await, replies(&["echo bye"]));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_takes_nothing() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.on_command("race", async |ctx: Context| {
            tokio::select! {
                answer = ctx.ask("quick!") => { ctx.reply(answer?.text).await?; }
                () = tokio::time::sleep(Duration::from_secs(3)) => { ctx.reply("too late").await?; }
            }
            Ok(())
        })
        .on_message(async |ctx: Context| {
            ctx.reply(format!("echo {}", ctx.text())).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "/race").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(bot.stats().running, 0);
    tell(&bot, "sorry").await;
    pass().await;
    assert_eq!(sent(&desk), ["quick!", "too late", "echo sorry"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn several_keys_the_others_of_an_answer_are_let_go() {
    use tertulia::bot::Update;
    use tertulia::runner::{About, Keys};
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        // By the chat, and by what the text is about.
        let keys = |update: &Update, about: &About| {
            let topic = update.text().unwrap_or_default().split('#').nth(1).unwrap_or("none").to_owned();
            Keys::Exactly(vec![about.conversation.to_string().into(), topic.into()])
        };
        bot.sequentialize(keys)
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
    tell(&bot, "/form #a").await;
    tell(&bot, "Ana #b").await;
    let other = tertulia_testkit::Desk::update("desk:8", "hello #b").unwrap();
    bot.door().intake.submit(other).await.unwrap();
    pass().await;
    let others: Vec<_> = desk.sent().into_iter().filter(|(chat, _)| chat == "8").collect();
    assert_eq!(others, [("8".to_owned(), "echo hello #b".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_after_a_question_that_nobody_answers_is_added_to_the_answer() {
    let bot = Bot::new(Window).on_message(async |ctx: Context| {
        if ctx.ask("well?").within(Duration::from_secs(5)).await.is_err() {
            ctx.reply("bye").await?;
        }
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    let update = super::super::support::update("window", "a", "hello");
    let (conversation, id) = (update.conversation.clone(), update.id.clone());
    bot.door().intake.submit(update).await.unwrap();
    let storage = &*bot.door().storage;
    assert_eq!(tertulia::bot::answer::wait(storage, &conversation, &id).await.unwrap(), replies(&["well?"]));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let answer = tertulia::bot::answer::read(storage, &conversation, &id).await.unwrap();
    assert_eq!(answer, Some(replies(&["well?", "bye"])));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_given_out_is_not_taken_back_when_the_handler_fails_for_good() {
    let options = Options { retries: 0, ..Options::default() };
    let bot = Bot::new(Window).options(options).on_message(async |ctx: Context| {
        ctx.ask("well?").within(Duration::from_secs(1)).await?;
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    let update = super::super::support::update("window", "a", "hello");
    let (conversation, id) = (update.conversation.clone(), update.id.clone());
    bot.door().intake.submit(update).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bot.size(), 0);
    let answer = tertulia::bot::answer::read(&*bot.door().storage, &conversation, &id).await.unwrap();
    assert_eq!(answer, Some(replies(&["well?"])));
}

#[tokio::test(start_paused = true)]
async fn where_replies_are_read_a_refused_question_takes_none_of_them_along() {
    let bot = Bot::new(Window).on_message(async |ctx: Context| {
        ctx.reply("hello").await?;
        let refused = ctx.next_update().within(Duration::ZERO).await.unwrap_err();
        ctx.reply(format!("{:?}", refused.kind())).await?;
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    assert_eq!(say(&bot, "a", "hello").await, replies(&["hello", "Invalid"]));
}

#[tokio::test(start_paused = true)]
async fn where_replies_are_read_a_question_that_is_dropped_is_said_once() {
    let bot = Bot::new(Window).on_message(async |ctx: Context| {
        if tokio::time::timeout(Duration::from_secs(1), ctx.ask("well?")).await.is_err() {
            ctx.reply("too late").await?;
        }
        Ok(())
    });
    let bot = bot.start().await.unwrap();
    let update = super::super::support::update("window", "a", "hello");
    let (conversation, id) = (update.conversation.clone(), update.id.clone());
    bot.door().intake.submit(update).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let answer = tertulia::bot::answer::read(&*bot.door().storage, &conversation, &id).await.unwrap();
    assert_eq!(answer, Some(replies(&["well?", "too late"])));
}
