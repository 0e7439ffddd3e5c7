//! F.17: what could only hang is refused at once, by name.

use std::time::Duration;

use tertulia::bot::{Context, Update};
use tertulia::error::Kind;
use tertulia::runner::{About, Keys, Options};

use super::{at_desk, memory, pass, sent, tell};

/// What asking gives on an update, with the kinds of errors as text.
async fn outcome(keys: Option<fn(&Update, &About) -> Keys>, within: Duration) -> Vec<String> {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        let bot = match keys {
            Some(keys) => bot.sequentialize(keys),
            None => bot,
        };
        bot.options(Options { retries: 0, ..Options::default() }).on_message(move |ctx: Context| async move {
            let answer = ctx.next_update().within(within).await;
            ctx.reply(answer.map_or_else(|error| error.to_string(), |answer| answer.text)).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    sent(&desk)
}

#[tokio::test(start_paused = true)]
async fn f17_a_handler_that_waits_for_a_later_update_of_its_own_key_gets_it() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let approval = ctx.ask("delete it all?").await?.text;
            ctx.reply(format!("you said {approval}")).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "delete").await;
    tell(&bot, "no").await;
    pass().await;
    assert_eq!(sent(&desk), ["delete it all?", "you said no"]);
}

#[tokio::test(start_paused = true)]
async fn f17_a_wait_of_an_update_without_keys_is_refused() {
    let refusal = outcome(Some(|_, _| Keys::Exactly(Vec::new())), Duration::from_secs(10)).await;
    assert_eq!(refusal, ["an update of desk:7 has no keys, so none can come behind it"]);
}

#[tokio::test(start_paused = true)]
async fn f17_a_wait_for_longer_than_a_turn_may_wait_or_for_no_time_is_refused() {
    let refusal = outcome(None, Duration::from_hours(25)).await;
    assert_eq!(refusal, ["a turn of desk:7 is to wait 90000 s, 1 to 86400 are allowed"]);
    let refusal = outcome(None, Duration::ZERO).await;
    assert_eq!(refusal, ["a turn of desk:7 is to wait 0 s, 1 to 86400 are allowed"]);
}

#[tokio::test(start_paused = true)]
async fn f17_a_second_wait_beside_the_first_is_refused() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let (first, second) = tokio::join!(ctx.next_update(), ctx.next_update());
            let refused = second.unwrap_err();
            assert_eq!(refused.kind(), Kind::Invalid);
            ctx.reply(format!("{}: {refused}", first?.text)).await?;
            Ok(())
        })
    })
    .await;
    tell(&bot, "hello").await;
    tell(&bot, "you").await;
    pass().await;
    assert_eq!(sent(&desk), ["you: a turn of desk:7 waits already, or has waited 128 times"]);
}

#[tokio::test(start_paused = true)]
async fn f17_a_turn_takes_in_no_more_than_128_updates() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.on_message(async |ctx: Context| {
            let mut count = 0;
            let refusal = loop {
                match ctx.next_update().await {
                    Ok(_) => count += 1,
                    Err(error) => break error,
                }
            };
            ctx.reply(format!("{count}: {refusal}")).await?;
            Ok(())
        })
    })
    .await;
    for _ in 0..129 {
        tell(&bot, "on").await;
    }
    pass().await;
    assert_eq!(sent(&desk), ["128: a turn of desk:7 has taken in 128 updates, which is the most"]);
}

#[tokio::test(start_paused = true)]
async fn more_handlers_than_half_the_index_cannot_wait_at_once_and_are_put_off() {
    let storage = memory();
    let options = Options { index_entries: 8, ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options).on_message(async |ctx: Context| {
            let answer = ctx.ask("?").await?.text;
            ctx.reply(answer).await?;
            Ok(())
        })
    })
    .await;
    for round in ["first", "second"] {
        for chat in 0..4 {
            let update = tertulia_testkit::Desk::update(format!("desk:{chat}").as_str(), round).unwrap();
            bot.door().intake.submit(update).await.unwrap();
        }
        if round == "first" {
            tell(&bot, "one too many").await;
            pass().await;
            assert_eq!(bot.stats().asking, 4);
        }
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(desk.sent().iter().filter(|(_, text)| text == "second").count(), 4);
    assert_eq!(sent(&desk), ["?"], "it was put off, and has its turn");
}

#[tokio::test(start_paused = true)]
async fn f17_a_handler_that_waits_for_the_answer_to_an_update_behind_its_own_is_refused() {
    use super::super::support::{Window, refusal, replies, say, update};
    use tertulia::bot::{Bot, Data, Door, answer};
    // As a handler that posts to its own chat and waits for what it is answered.
    #[derive(Clone, Default)]
    struct Late(std::sync::Arc<parking_lot::Mutex<Option<Door>>>);
    let late = Late::default();
    let options = Options { retries: 0, ..Options::default() };
    let bot = Bot::new(Window).data(late.clone()).options(options).on_message(
        async |ctx: Context, late: Data<Late>| {
            let Some(chat) = ctx.text().strip_prefix("tell ") else {
                ctx.reply(format!("echo {}", ctx.text())).await?;
                return Ok(());
            };
            let door = late.0.lock().clone().unwrap();
            let other = update("window", chat, "hello");
            let (conversation, id) = (other.conversation.clone(), other.id.clone());
            door.intake.submit(other).await?;
            match answer::wait(&*door.storage, &conversation, &id).await? {
                answer::Answer::Replies(said) => ctx.reply(said.concat()).await?,
                other => anyhow::bail!("{other:?}"),
            };
            Ok(())
        },
    );
    let bot = bot.start().await.unwrap();
    *late.0.lock() = Some(bot.door().clone());
    assert_eq!(say(&bot, "a", "tell b").await, replies(&["echo hello"]));
    let began = tokio::time::Instant::now();
    let refusal = refusal(&bot, "a", "tell a").await;
    assert_eq!(
        refusal,
        "an update of window:a runs after the turn of window:a that waits for its answer: it would wait forever"
    );
    assert!(began.elapsed() < Duration::from_millis(100));
}
