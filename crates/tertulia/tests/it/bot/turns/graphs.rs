//! Graphs that are run in turns: their last checkpoint is part of the turn's batch, and a turn that runs again goes on where
//! the graph has come to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Bypass, Context, command};
use tertulia::graph::{self, Data, Graph, Input, Inputs, RunId, Runs, State, Status, Step, Until};
use tertulia::runner::{Journal, journal};
use tertulia::storage::Storage;
use tertulia::stream::{End, Event};
use tertulia_testkit::Board;

use super::live::{at, desk, follow};
use super::{at_desk, memory, pass, sent, tell};
use crate::runner::support::assert_all_done;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Talk {
    said: Vec<String>,
    approved: bool,
}

#[derive(Deserialize)]
struct Said {
    text: String,
}

/// What the actions are held up by, and how often they ran.
#[derive(Default)]
struct Watch {
    hears: AtomicUsize,
    thinks: AtomicUsize,
    answers: AtomicUsize,
    /// Whether thinking comes to its end.
    may_think: AtomicBool,
}

async fn hear(
    mut talk: State<Talk>,
    said: Input<Said>,
    step: Step,
    watch: Data<Arc<Watch>>,
) -> graph::Result {
    watch.hears.fetch_add(1, Ordering::SeqCst);
    step.emit("I hear. ").await?;
    talk.said.push(said.0.text);
    Ok(())
}

async fn think(mut talk: State<Talk>, step: Step, watch: Data<Arc<Watch>>) -> graph::Result {
    watch.thinks.fetch_add(1, Ordering::SeqCst);
    step.emit("I ").await?;
    if !watch.may_think.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    step.emit("think. ").await?;
    talk.said.push("thought".to_owned());
    Ok(())
}

async fn answer(ctx: Context, talk: State<Talk>, watch: Data<Arc<Watch>>) -> graph::Result {
    watch.answers.fetch_add(1, Ordering::SeqCst);
    ctx.reply(talk.said.join(", ")).await?;
    Ok(())
}

async fn talk(watch: &Arc<Watch>) -> Graph<Talk> {
    Graph::<Talk>::new("talk")
        .action("hear", hear)
        .action("think", think)
        .action("answer", answer)
        .transition("hear", "think")
        .transition("think", "answer")
        .transition("answer", "hear")
        .entrypoint("hear")
        .data(Arc::clone(watch))
        .build()
        .await
        .unwrap()
}

/// A bot that runs the graph to its answer, and fails once after that if it is to.
fn runs(graph: &Graph<Talk>, is_live: bool, fails: bool) -> impl FnOnce(Bot) -> Bot + use<> {
    let graph = graph.clone();
    move |bot| {
        bot.on_message(move |ctx: Context| {
            let graph = graph.clone();
            async move {
                let run = ctx.run(&graph, "talk").await?;
                if is_live {
                    run.say_to(ctx.reply_live().await?).await;
                }
                let inputs = Inputs::new().with("text", ctx.text());
                run.run(Until::after("answer"), inputs).await?;
                anyhow::ensure!(!fails || ctx.attempt() > 1, "not yet");
                Ok(())
            }
        })
    }
}

fn id() -> RunId {
    RunId::new(desk(), "talk").unwrap()
}

async fn stored(graph: &Graph<Talk>, storage: &Arc<dyn Storage>) -> (Vec<String>, u64) {
    let run = Runs::new(graph, Arc::clone(storage)).open(id()).await.unwrap().unwrap();
    let said = run.state().await.unwrap().said.clone();
    (said, run.standing().await.unwrap().seq.unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_last_checkpoint_is_part_of_the_turn_and_the_others_are_not_made_again() {
    let (storage, watch) = (memory(), Arc::<Watch>::default());
    watch.may_think.store(true, Ordering::SeqCst);
    let graph = talk(&watch).await;
    let (platform, bot) = at_desk(&storage, runs(&graph, false, true)).await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(stored(&graph, &storage).await.1, 1, "the last step of a turn that failed is not there");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sent(&platform), ["hello, thought"]);
    let ran = [&watch.hears, &watch.thinks, &watch.answers].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(ran, [1, 1, 2]);
    assert_eq!(stored(&graph, &storage).await, (vec!["hello".to_owned(), "thought".to_owned()], 2));
    assert_all_done(&storage).await;

    tell(&bot, "again").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sent(&platform).last().unwrap(), "hello, thought, again, thought");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_killed_goes_on_with_the_step_it_was_at_and_says_the_rest_again() {
    let (storage, board, watch) = (memory(), Board::default(), Arc::<Watch>::default());
    let graph = talk(&watch).await;
    let first = at(&board, &storage, runs(&graph, true, false)).await;
    tell(&first, "hello").await;
    pass().await;
    assert_eq!(board.messages(), ["I hear. I"]);
    drop(first);
    watch.may_think.store(true, Ordering::SeqCst);
    let second = at(&board, &storage, runs(&graph, true, false)).await;
    assert_eq!(follow(&second, 0).await.1, Some(End::Complete));
    pass().await;
    assert_eq!(board.messages(), ["I hear. I think.", "hello, thought"]);
    let ran = [&watch.hears, &watch.thinks, &watch.answers].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(ran, [1, 2, 1]);
    let history = Runs::new(&graph, Arc::clone(&storage)).history(id(), None, 10).await.unwrap();
    assert_eq!(history.iter().map(|it| it.status).collect::<Vec<_>>(), [Status::Completed; 3]);
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_is_dropped_in_a_step_lets_its_storage_go() {
    for is_shut_down in [false, true] {
        let (storage, watch) = (memory(), Arc::<Watch>::default());
        let graph = talk(&watch).await;
        let (_, bot) = at_desk(&storage, runs(&graph, false, false)).await;
        tell(&bot, "hello").await;
        pass().await;
        assert_eq!(watch.thinks.load(Ordering::SeqCst), 1, "it is in the middle of a step");
        if is_shut_down {
            assert_eq!(bot.shutdown(Duration::ZERO).await.len(), 1);
        }
        drop(bot);
        pass().await;
        assert_eq!(Arc::strong_count(&storage), 1, "shut down: {is_shut_down}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_of_an_action_that_failed_is_taken_back_from_what_is_seen() {
    let (storage, board) = (memory(), Board::default());
    async fn first(step: Step) -> graph::Result {
        Ok(step.emit(Event::content("first, ")).await?)
    }
    async fn second(step: Step) -> graph::Result {
        step.emit(format!("try {}", step.attempt())).await?;
        if step.attempt() == 1 {
            // Long enough to be seen.
            tokio::time::sleep(Duration::from_secs(2)).await;
            anyhow::bail!("not yet");
        }
        Ok(())
    }
    let graph = Graph::<Talk>::new("talk")
        .action("first", first)
        .action("second", graph::action(second).retry(2, Duration::from_secs(2)))
        .transition("first", "second")
        .entrypoint("first")
        .build()
        .await
        .unwrap();
    let bot = at(&board, &storage, |bot| {
        bot.on_message(move |ctx: Context| {
            let graph = graph.clone();
            async move {
                let run = ctx.run(&graph, "talk").await?;
                run.say_to(ctx.reply_live().await?).await;
                run.run(Until::end(), Inputs::new()).await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    // The message is edited once a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(board.messages(), ["first, try 1"]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(board.messages(), ["first, try 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_graph_that_halts_ends_the_turn_and_goes_on_with_the_next_message_after_a_restart() {
    async fn ask(ctx: Context) -> graph::Result {
        ctx.reply("may I?").await?;
        Ok(())
    }
    async fn approve(mut talk: State<Talk>, said: Input<Said>) -> graph::Result {
        talk.approved = said.text == "yes";
        Ok(())
    }
    async fn act(ctx: Context, talk: State<Talk>) -> graph::Result {
        ctx.reply(if talk.approved { "done" } else { "not done" }).await?;
        Ok(())
    }
    let graph = Graph::<Talk>::new("talk")
        .action("ask", ask)
        .action("approve", approve)
        .action("act", act)
        .transition("ask", "approve")
        .transition("approve", "act")
        .transition("act", "ask")
        .entrypoint("ask")
        .build()
        .await
        .unwrap();
    let bot = |graph: Graph<Talk>| {
        move |bot: Bot| {
            bot.on_message(move |ctx: Context| {
                let graph = graph.clone();
                async move {
                    let until = Until::before("approve").or_after("act").resuming();
                    let inputs = Inputs::new().with("text", ctx.text());
                    ctx.run(&graph, "talk").await?.run(until, inputs).await?;
                    Ok(())
                }
            })
        }
    };
    let storage = memory();
    for (said, heard) in [("go", "may I?"), ("yes", "done"), ("go", "may I?"), ("no", "not done")] {
        let (platform, running) = at_desk(&storage, bot(graph.clone())).await;
        tell(&running, said).await;
        pass().await;
        assert_eq!(sent(&platform), [heard]);
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_run_somebody_else_has_written_runs_again() {
    let (storage, watch) = (memory(), Arc::<Watch>::default());
    watch.may_think.store(true, Ordering::SeqCst);
    let graph = talk(&watch).await;
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let (of_bot, shared) = (graph.clone(), Arc::clone(&storage));
    let (platform, bot) = at_desk(&storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let (graph, storage, attempts) = (of_bot.clone(), Arc::clone(&shared), Arc::clone(&counted));
            async move {
                let run = ctx.run(&graph, "talk").await?;
                run.run(Until::after("answer"), Inputs::new().with("text", ctx.text())).await?;
                if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                    let other = Runs::new(&graph, storage).open(id()).await?.expect("it is there");
                    other.update_state(|talk| talk.said.push("other".to_owned())).await?;
                }
                anyhow::ensure!(ctx.attempt() == 1, "a conflict was charged");
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(sent(&platform), ["hello, thought, other"]);
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn all_that_a_turn_does_to_a_run_is_in_it_and_nothing_of_it_in_the_journal() {
    let (watch, storage) = (Arc::new(Watch::default()), memory());
    watch.may_think.store(true, Ordering::SeqCst);
    let graph = talk(&watch).await;
    let (looked, run) = (graph.clone(), graph.clone());
    let (_desk, bot) = at_desk(&storage, |bot| {
        let bot = bot.journal(Journal::default()).bypass(command("look"), move |turn: Bypass| {
            let graph = looked.clone();
            async move {
                let run = turn.run(&graph, "talk").await?.unwrap();
                run.update_state(|talk| talk.said.push("looked".to_owned())).await?;
                assert!(turn.run(&graph, "other").await?.is_none());
                Ok(())
            }
        });
        bot.on_message(move |ctx: Context| {
            let graph = run.clone();
            async move {
                let run = ctx.run(&graph, "talk").await?;
                run.run(Until::after("answer"), Inputs::new().with("text", ctx.text())).await?;
                run.update_state(|talk| talk.said.push("more".to_owned())).await?;
                run.reset().await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    tell(&bot, "/look").await;
    pass().await;
    assert_eq!(stored(&graph, &storage).await.0, ["hello", "thought", "more", "looked"]);
    let runs = Runs::new(&graph, Arc::clone(&storage));
    let standing = runs.open(id()).await.unwrap().unwrap().standing().await.unwrap();
    assert_eq!(standing.next.as_deref(), Some("hear"));
    // Five of the turn, and one beside it.
    assert_eq!(runs.history(id(), None, 100).await.unwrap().len(), 6);
    tell(&bot, "again").await;
    pass().await;
    let turns = journal::read(&*storage, &desk()).all().await.unwrap();
    assert!(turns.len() > 1 && turns.iter().all(|(_, turn)| turn.found.is_empty()), "{turns:?}");
    let written = turns.iter().flat_map(|(_, turn)| &turn.writes).map(|write| write.key.name().as_str());
    assert!(!written.clone().any(|name| name.starts_with("run/")), "{:?}", written.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_a_step_takes_back_is_said_to_nobody_in_the_end() {
    async fn hear(step: Step) -> graph::Result {
        step.emit(Event::tool_input("c", "look", "{}")).await?;
        step.emit(Event::tool_call("c", "look", serde_json::json!({}))).await?;
        Ok(())
    }
    async fn think(step: Step) -> graph::Result {
        step.emit("lost ").await?;
        step.take_back().await?;
        step.emit("kept").await?;
        Ok(())
    }
    let graph = Graph::<Talk>::new("breaks").action("hear", hear).action("think", think);
    let graph = graph.transition("hear", "think").entrypoint("hear").build().await.unwrap();
    let (storage, board) = (memory(), Board::default());
    let bot = at(&board, &storage, move |bot| {
        bot.on_message(move |ctx: Context| {
            let graph = graph.clone();
            async move {
                let run = ctx.run(&graph, "talk").await?;
                run.say_to(ctx.reply_live().await?).await;
                run.run(Until::end(), Inputs::new()).await?;
                Ok(())
            }
        })
    })
    .await;
    tell(&bot, "hello").await;
    pass().await;
    assert_eq!(board.messages(), ["kept"]);
    // A call is said again as it was made, without the input as it was written.
    assert_eq!(follow(&bot, 0).await, ("kept".to_owned(), Some(End::Complete)));
}
