//! The answer to any one commit is lost, and bodies are kept or left behind: a turn does in its middle what it does
//! anyway, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tertulia::bot::{Bot, Burst, Bypass, Context, Joined, Session, command, message};
use tertulia::runner::Options;
use tertulia::storage::{Memory, Storage};

use super::crashes::form;
use super::{Chat, at_desk, heard, pass, sent, tell};
use crate::runner::support::{Fate, Faulty, assert_all_done};

/// Plays the scenario with the answer of each commit lost, and says what was sent and heard each time.
async fn with_each_lost(texts: &[&str], bot: impl Fn(Bot) -> Bot, judge: impl Fn(Vec<String>, Vec<String>)) {
    for (at, index_bytes) in (0..).flat_map(|at| [(at, 1), (at, 1 << 20)]) {
        let count = Arc::new(AtomicUsize::new(0));
        let commits = Arc::clone(&count);
        let storage: Arc<dyn Storage> = Faulty::new(Memory::new(), move |_| Fate {
            lost: commits.fetch_add(1, Ordering::SeqCst) == at,
            ..Fate::default()
        });
        let options = Options { index_bytes, ..Options::default() };
        let (desk, running) = at_desk(&storage, |new| bot(new.options(options))).await;
        for text in texts {
            tell(&running, text).await;
            pass().await;
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        let stats = running.stats();
        assert_eq!(
            (stats.updates, stats.running, stats.asking, stats.bytes, stats.calls),
            (0, 0, 0, 0, 0),
            "{at}"
        );
        assert_all_done(&storage).await;
        judge(sent(&desk), heard(&storage).await);
        if count.load(Ordering::SeqCst) <= at {
            assert!(at > 8, "{at} commits");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_asks_is_answered_once() {
    with_each_lost(&["/form", "Ana", "33", "bye"], form, |sent, heard| {
        assert_eq!(sent, ["name?", "age?", "thanks", "echo"]);
        assert_eq!(heard, ["Ana is 33", "bye"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_its_second_answer_is_cancelled_and_the_first_is_run() {
    let bot = |bot: Bot| {
        bot.session::<Chat>("chat")
            .bypass(command("stop"), async |turn: Bypass| {
                turn.cancel_turn().await?;
                turn.reply("stopped").await?;
                Ok(())
            })
            .on_message(async |ctx: Context, mut chat: Session<Chat>| {
                chat.heard.push(ctx.text().to_owned());
                if ctx.text() == "form" {
                    ctx.once("model", async { Ok(7) }).await?;
                    ctx.ask("name?").await?;
                    ctx.ask("age?").await?;
                }
                Ok(())
            })
    };
    with_each_lost(&["form", "Ana", "/stop", "bye"], bot, |sent, heard| {
        assert_eq!(sent, ["name?", "age?", "stopped"]);
        assert_eq!(heard, ["Ana", "bye"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_asks_has_all_of_its_updates() {
    let burst = Burst { quiet: Duration::from_millis(1_500), longest: Duration::from_secs(9), most: 3 };
    let bot = |bot: Bot| {
        bot.session::<Chat>("chat").burst(message, burst).on_message(
            async |ctx: Context, joined: Joined, mut chat: Session<Chat>| {
                let mut all = joined.text().replace('\n', "+");
                if joined.len() == 3 {
                    all = format!("{all}: {}", ctx.ask("well?").await?.text);
                }
                chat.heard.push(all);
                ctx.reply("thanks").await?;
                Ok(())
            },
        )
    };
    with_each_lost(&["a", "b", "c", "yes", "bye"], bot, |sent, heard| {
        assert_eq!(sent, ["well?", "thanks", "thanks"]);
        assert_eq!(heard, ["a+b+c: yes", "bye"]);
    })
    .await;
}
