//! Updates that come in a burst are one turn.

use std::sync::Arc;
use std::time::Duration;

use tertulia::bot::{Bot, Burst, Context, Joined, message};
use tertulia::runner::Options;
use tertulia::storage::Storage;

use super::super::support::{Window, replies, say};
use super::{at_desk, memory, sent, tell};
use crate::runner::support::{Pair, assert_all_done};

const BURST: Burst = Burst { quiet: Duration::from_millis(700), longest: Duration::from_secs(3), most: 4 };

fn bursts(bot: Bot) -> Bot {
    bot.burst(message, BURST).on_message(async |ctx: Context, joined: Joined| {
        let texts: Vec<&str> = joined.iter().map(|response| response.text.as_str()).collect();
        ctx.reply(texts.join("+")).await?;
        Ok(())
    })
}

async fn millis(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_within_the_quiet_time_is_one_turn_and_what_comes_later_another() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, bursts).await;
    for text in ["a", "b", "c"] {
        tell(&bot, text).await;
        millis(500).await;
    }
    assert_eq!(sent(&desk), Vec::<String>::new());
    millis(300).await;
    assert_eq!(sent(&desk), ["a+b+c"]);
    tell(&bot, "d").await;
    millis(800).await;
    assert_eq!(sent(&desk), ["a+b+c", "d"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn so_many_are_joined_at_once_and_the_rest_afterwards() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, bursts).await;
    for text in ["a", "b", "c", "d", "e"] {
        tell(&bot, text).await;
    }
    millis(750).await;
    assert_eq!(sent(&desk), ["a+b+c+d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn one_who_never_stops_waits_no_longer_than_that() {
    let storage = memory();
    let burst = Burst { most: 100, longest: Duration::from_millis(2_800), ..BURST };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.burst(message, burst).on_message(async |ctx: Context, joined: Joined| {
            ctx.reply(joined.len().to_string()).await?;
            Ok(())
        })
    })
    .await;
    for _ in 0..8 {
        tell(&bot, "on").await;
        millis(500).await;
    }
    assert_eq!(sent(&desk)[0], "6", "those of the first 2.8 seconds");
}

#[tokio::test(start_paused = true)]
async fn what_is_of_another_kind_ends_a_burst() {
    let storage = memory();
    let (desk, bot) = at_desk(&storage, |bot| {
        bursts(bot).on_callback(async |ctx: Context| {
            ctx.reply(format!("pressed {}", ctx.text())).await?;
            Ok(())
        })
    })
    .await;
    for text in ["a", "b", ">x", "c"] {
        tell(&bot, text).await;
    }
    millis(2_000).await;
    assert_eq!(sent(&desk), ["a+b", "pressed x", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_fails_is_joined_again() {
    let storage = memory();
    let options = Options { backoff: Duration::from_millis(10), ..Options::default() };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.options(options).burst(message, BURST).on_message(async |ctx: Context, joined: Joined| {
            ctx.reply(joined.text()).await?;
            anyhow::ensure!(ctx.attempt() == 2, "not yet");
            Ok(())
        })
    })
    .await;
    tell(&bot, "a").await;
    tell(&bot, "b").await;
    millis(3_000).await;
    assert_eq!(sent(&desk), ["a\nb"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_an_answer_get_one_and_the_last_the_replies() {
    let bot = bursts(Bot::new(Window)).start().await.unwrap();
    let (first, second) = tokio::join!(say(&bot, "a", "one"), async {
        millis(100).await;
        say(&bot, "a", "two").await
    });
    assert_eq!((first, second), (replies(&[]), replies(&["one+two"])));
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_asks_and_runs_again_is_not_joined_with_its_answer() {
    let storage = memory();
    let burst = Burst { quiet: Duration::from_millis(500), longest: Duration::from_secs(3), most: 8 };
    let (desk, bot) = at_desk(&storage, |bot| {
        bot.burst(message, burst).on_message(async |ctx: Context, joined: Joined| {
            let answer = ctx.ask("well?").await?.text;
            anyhow::ensure!(ctx.attempt() == 3, "not yet");
            ctx.reply(format!("{}: {answer}", joined.text())).await?;
            Ok(())
        })
    })
    .await;
    for text in ["one", "two"] {
        tell(&bot, text).await;
    }
    super::pass().await;
    tell(&bot, "yes").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(sent(&desk), ["well?", "one\ntwo: yes"]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_a_failover_has_lost_is_said_all_the_same() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let (desk, bot) = at_desk(&storage, bursts).await;
    pair.cut_off();
    for text in ["a", "b", "c"] {
        tell(&bot, text).await;
    }
    pair.fail_over();
    millis(10_000).await;
    assert_eq!(sent(&desk).join("+"), "a+b+c");
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_and_what_has_its_offset_since_are_both_said() {
    let pair = Arc::new(Pair::default());
    let storage: Arc<dyn Storage> = pair.clone();
    let (desk, bot) = at_desk(&storage, bursts).await;
    pair.cut_off();
    tell(&bot, "a").await;
    pair.fail_over();
    tell(&bot, "b").await;
    millis(10_000).await;
    let mut said: Vec<String> = sent(&desk).join("+").split('+').map(str::to_owned).collect();
    said.sort();
    assert_eq!(said, ["a", "b"]);
    assert_all_done(&storage).await;
}
