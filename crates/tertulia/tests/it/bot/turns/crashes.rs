//! The process ends before or after any commit: what a turn does in its middle happens once all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Burst, Bypass, Context, Data, Joined, Session, command, message};
use tertulia::graph::{self, Graph, Input, Inputs, Reason, State, Step, Until, field};
use tertulia::runner::{INBOX, Options};
use tertulia::storage::{Memory, Storage};

use super::{Chat, at_desk, heard, pass, tell};
use crate::runner::support::{Fate, Faulty, assert_all_done, queued};

/// A storage whose process ends at its commit with this number: before that is applied, or before it is answered. It
/// takes nothing afterwards.
fn dying(inner: &Memory, at: usize, applied: bool) -> Arc<dyn Storage> {
    let count = AtomicUsize::new(0);
    let long = Duration::from_hours(24 * 365);
    Faulty::new(inner.clone(), move |_| match count.fetch_add(1, Ordering::SeqCst) {
        nth if nth == at && applied => Fate { after: long, ..Fate::default() },
        nth if nth >= at => Fate { hangs: true, ..Fate::default() },
        _ => Fate::default(),
    })
}

/// What came of a scenario.
struct Outcome {
    heard: Vec<String>,
    /// What was sent, over both processes.
    sent: Vec<String>,
}

/// Plays the scenario with an end at each of its commits, and gives what came of each.
async fn with_each_end(texts: &[&str], bot: impl Fn(Bot) -> Bot) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let options = || Options { stops: u8::MAX, ..Options::default() };
    for (at, applied) in (0..).flat_map(|at| [(at, false), (at, true)]) {
        let memory = Memory::new();
        let storage = dying(&memory, at, applied);
        let desk = tertulia_testkit::Desk::new();
        let mut first = Vec::new();
        let mut given = 0;
        let life = async {
            let running = bot(Bot::new(desk.clone()).storage(Arc::clone(&storage)).options(options()));
            let running = running.start().await.unwrap();
            for (nth, text) in texts.iter().enumerate() {
                let update = tertulia_testkit::Desk::update("desk:7", text).unwrap();
                // Whoever brought it brings the same again if it was not taken.
                first.push(update.clone());
                running.door().intake.submit(update).await.unwrap();
                given = nth + 1;
                pass().await;
            }
            tokio::time::sleep(Duration::from_secs(8)).await;
            running
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), life).await;
        let whole = match &ended {
            Ok(running) => running.size() == 0 && queued(&storage, INBOX).await == 0,
            Err(_) => false,
        };
        drop(ended);
        let mut sent: Vec<String> = desk.sent().into_iter().map(|(_, text)| text).collect();
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let (desk, running) = at_desk(&storage, |new| bot(new.options(options()))).await;
        for update in first.drain(given.min(first.len())..) {
            running.door().intake.submit(update).await.unwrap();
            given += 1;
        }
        for text in &texts[given..] {
            pass().await;
            tell(&running, text).await;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(running.size(), 0, "an end at commit {at}, applied: {applied}");
        drop(running);
        assert_all_done(&storage).await;
        sent.extend(desk.sent().into_iter().map(|(_, text)| text));
        outcomes.push(Outcome { heard: heard(&storage).await, sent });
        if whole && applied {
            return outcomes;
        }
        assert!(at < 100, "the scenario never ends");
    }
    outcomes
}

/// Each of these was sent, and in this order if what is sent again at once is left out.
fn assert_sent(outcome: &Outcome, expected: &[&str]) {
    let mut once = outcome.sent.clone();
    once.dedup();
    assert_eq!(once, expected, "sent in all: {:?}", outcome.sent);
}

/// Asks for a name and an age on `/form`, and echoes everything else.
pub(super) fn form(bot: Bot) -> Bot {
    bot.session::<Chat>("chat")
        .on_command("form", async |ctx: Context, mut chat: Session<Chat>| {
            let name = ctx.ask("name?").await?.text;
            let age = ctx.ask("age?").await?.text;
            chat.heard.push(format!("{name} is {age}"));
            ctx.reply("thanks").await?;
            Ok(())
        })
        .on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.heard.push(ctx.text().to_owned());
            ctx.reply("echo").await?;
            Ok(())
        })
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_asks_is_answered_once() {
    let outcomes = with_each_end(&["/form", "Ana", "33", "bye"], form).await;
    assert!(outcomes.len() > 10, "{} ends were tried", outcomes.len());
    for outcome in outcomes {
        assert_eq!(outcome.heard, ["Ana is 33", "bye"]);
        assert_sent(&outcome, &["name?", "age?", "thanks", "echo"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_cancelled_or_it_is_not() {
    let outcomes = with_each_end(&["think", "/stop", "next"], |bot| {
        bot.session::<Chat>("chat")
            .bypass(command("stop"), async |turn: Bypass| {
                let stopped = turn.cancel_turn().await?;
                turn.reply(if stopped { "stopped" } else { "nothing to stop" }).await?;
                Ok(())
            })
            .on_message(async |ctx: Context, mut chat: Session<Chat>| {
                chat.heard.push(ctx.text().to_owned());
                if ctx.text() == "think" {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                }
                ctx.reply(format!("echo {}", ctx.text())).await?;
                Ok(())
            })
    })
    .await;
    assert!(outcomes.len() > 5, "{} ends were tried", outcomes.len());
    for Outcome { heard, sent } in outcomes {
        let stopped = sent.contains(&"stopped".to_owned());
        assert_eq!(heard.contains(&"think".to_owned()), !stopped, "{heard:?} {sent:?}");
        assert_eq!(sent.contains(&"echo think".to_owned()), !stopped, "{heard:?} {sent:?}");
        assert_eq!(heard.last().map(String::as_str), Some("next"));
        assert_eq!(heard.len(), 1 + usize::from(!stopped));
    }
}

#[tokio::test(start_paused = true)]
async fn what_steers_a_handler_reaches_it_or_is_run_and_never_both() {
    let outcomes = with_each_end(&["work", "harder"], |bot| {
        bot.session::<Chat>("chat").steer(message).on_message(
            async |ctx: Context, mut chat: Session<Chat>| {
                tokio::time::sleep(Duration::from_secs(3)).await;
                let more = ctx.steered().await?.map(|steering| format!(" {}", steering.text));
                chat.heard.push(format!("{}{}", ctx.text(), more.unwrap_or_default()));
                Ok(())
            },
        )
    })
    .await;
    for Outcome { heard, .. } in outcomes {
        assert_eq!(heard.join(" "), "work harder");
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorded_result_is_had_once_and_said_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let called = Arc::clone(&calls);
    let outcomes = with_each_end(&["hello"], move |bot| {
        let calls = Arc::clone(&calls);
        bot.session::<Chat>("chat").on_message(move |ctx: Context, mut chat: Session<Chat>| {
            let calls = Arc::clone(&calls);
            async move {
                let model = async { Ok(calls.fetch_add(1, Ordering::SeqCst)) };
                let answer: usize = ctx.once("answer", model).await?;
                chat.heard.push(answer.to_string());
                ctx.reply(answer.to_string()).await?;
                Ok(())
            }
        })
    })
    .await;
    for outcome in &outcomes {
        assert_eq!(outcome.heard.len(), 1);
        assert_sent(outcome, &[&outcome.heard[0]]);
    }
    // Only an end just before the record makes another call.
    let calls = called.load(Ordering::SeqCst);
    assert!(calls <= outcomes.len() + 2, "{calls} calls in {} scenarios", outcomes.len());
}

#[tokio::test(start_paused = true)]
async fn what_is_joined_is_in_one_turn_and_none_is_lost_or_doubled() {
    let burst = Burst { quiet: Duration::from_millis(1_500), longest: Duration::from_secs(5), most: 10 };
    let outcomes = with_each_end(&["a", "b", "c"], move |bot| {
        bot.session::<Chat>("chat").burst(message, burst).on_message(
            async |joined: Joined, mut chat: Session<Chat>| {
                chat.heard.push(joined.text().replace('\n', " "));
                Ok(())
            },
        )
    })
    .await;
    for Outcome { heard, .. } in outcomes {
        assert_eq!(heard.join(" "), "a b c");
    }
}

/// What a run of the graph below has heard and done.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Careful {
    done: Vec<String>,
}

#[derive(Deserialize)]
struct Said {
    text: String,
}

/// Hears, works, and answers; before it deletes something it is told whether it may.
async fn careful() -> Graph<Careful> {
    async fn hear(mut state: State<Careful>, said: Input<Said>) -> graph::Result {
        state.done = vec![said.0.text];
        Ok(())
    }
    async fn work(mut state: State<Careful>, step: Step) -> graph::Result {
        state.done.push(step.action().to_owned());
        Ok(())
    }
    async fn decide(mut state: State<Careful>, said: Input<Said>) -> graph::Result {
        state.done.push(said.0.text);
        Ok(())
    }
    Graph::<Careful>::new("careful")
        .action("hear", hear)
        .action("work", work)
        .action("decide", decide)
        .action("answer", work)
        .transition("hear", "work")
        .transition_when("work", "decide", field("done.0").eq("delete"))
        .transition(["work", "decide"], "answer")
        .transition("answer", "hear")
        .entrypoint("hear")
        .build()
        .await
        .unwrap()
}

fn with_graph(bot: Bot, graph: Graph<Careful>) -> Bot {
    bot.session::<Chat>("chat").data(graph).on_message(
        async |ctx: Context, mut chat: Session<Chat>, graph: Data<Graph<Careful>>| {
            let run = ctx.run(&graph, "mine").await?;
            let until = Until::before("decide").or_after("answer").resuming();
            let halted = run.run(until, Inputs::new().with("text", ctx.text())).await?;
            let done = run.state().await?.done.join(" ");
            if halted.reason == Reason::After {
                chat.heard.push(done.clone());
            }
            ctx.reply(done).await?;
            Ok(())
        },
    )
}

#[tokio::test(start_paused = true)]
async fn a_run_of_a_graph_halts_and_goes_on_and_takes_each_step_once() {
    let graph = careful().await;
    let outcomes = with_each_end(&["delete", "yes", "bye"], move |bot| with_graph(bot, graph.clone())).await;
    assert!(outcomes.len() > 10, "{} ends were tried", outcomes.len());
    for outcome in outcomes {
        assert_eq!(outcome.heard, ["delete work yes answer", "bye work answer"]);
        assert_sent(&outcome, &["delete work", "delete work yes answer", "bye work answer"]);
    }
}
