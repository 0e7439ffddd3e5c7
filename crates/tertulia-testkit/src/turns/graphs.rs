//! Runs of graphs in turns: each step is taken once, whatever process takes it.

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Session};
use tertulia::graph::{self, Data, Graph, Input, Inputs, RunId, Runs, State, Status, Until};

use super::setting::desk;
use super::{Heard, Setting};
use crate::process::{Notes, held};
use crate::{Board, Call};

/// What a run has said.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Talk {
    said: Vec<String>,
}

#[derive(Deserialize)]
struct Said {
    text: String,
}

async fn hear(mut talk: State<Talk>, said: Input<Said>, ran: Data<Notes>) -> graph::Result {
    ran.note("hear");
    talk.said.push(said.0.text);
    Ok(())
}

/// Hangs the first time.
async fn think(mut talk: State<Talk>, ran: Data<Notes>) -> graph::Result {
    if ran.note("think") == 1 {
        std::future::pending::<()>().await;
    }
    talk.said.push("thought".to_owned());
    Ok(())
}

async fn answer(ctx: Context, talk: State<Talk>, ran: Data<Notes>) -> graph::Result {
    ran.note("answer");
    ctx.reply(talk.said.join(", ")).await?;
    Ok(())
}

async fn talk(ran: &Notes) -> Graph<Talk> {
    Graph::<Talk>::new("talk")
        .action("hear", hear)
        .action("think", think)
        .action("answer", answer)
        .transition("hear", "think")
        .transition("think", "answer")
        .transition("answer", "hear")
        .entrypoint("hear")
        .data(ran.clone())
        .build()
        .await
        .unwrap()
}

fn running(graph: &Graph<Talk>) -> impl FnOnce(Bot) -> Bot + use<> {
    let graph = graph.clone();
    move |bot| {
        bot.on_message(move |ctx: Context, mut heard: Session<Heard>| {
            let graph = graph.clone();
            async move {
                let run = ctx.run(&graph, "talk").await?;
                run.run(Until::after("answer"), Inputs::new().with("text", ctx.text())).await?;
                heard.texts.push(ctx.text().to_owned());
                Ok(())
            }
        })
    }
}

/// A run whose process dies in a step goes on with that step in the next one, and those before it are not taken again. Its
/// last step is there with the turn: with its session and its reply.
pub async fn a_run_goes_on_after_a_crash_and_takes_each_step_once(setting: &Setting<'_>) {
    let (board, ran) = (Board::new(), Notes::new());
    let graph = talk(&ran).await;
    let first = setting.start(board.clone(), running(&graph)).await;
    setting.tell(&first, "hello").await;
    ran.come(2).await;
    let next = setting.after(first, board.clone(), running(&graph)).await;
    board.shows(&["hello, thought"]).await;
    setting.tell(&next, "bye").await;
    setting.end_all(next).await;
    assert_eq!(ran.all(), ["hear", "think", "think", "answer", "hear", "think", "answer"]);
    assert_eq!(board.messages(), ["hello, thought", "hello, thought, bye, thought"]);
    assert_eq!(setting.heard().await, ["hello", "bye"]);
    assert_eq!(statuses(setting, &graph).await, [Status::Completed; 6]);
}

/// A process that dies while the turn is committed in which a run has come to its end: the last step, the session and the
/// reply are all there, or none is.
pub async fn the_last_step_of_a_run_is_there_with_its_turn(setting: &Setting<'_>) {
    for is_done in [false, true] {
        let (board, ran) = (Board::new(), Notes::new());
        // Not to hang.
        ran.note("think");
        let graph = talk(&ran).await;
        let (heard, steps) = (setting.heard().await.len(), statuses(setting, &graph).await.len());
        let first = setting.start(board.clone(), running(&graph)).await;
        // The commits from here on: it arrives, the run is made if there is none, two steps, and the turn.
        let (gate, fault) = held(is_done);
        let turn = first.faults().calls(Call::Commit) + 4 + u64::from(steps == 0);
        first.faults().at(Call::Commit, turn, fault);
        setting.tell(&first, "hello").await;
        gate.reached().await;
        let count = usize::from(is_done);
        assert_eq!(setting.heard().await.len(), heard + count);
        assert_eq!(statuses(setting, &graph).await.len(), steps + 2 + count);
        assert_eq!(setting.queued().await, [1 - count as u64, count as u64, 0]);
        let next = setting.after(first, board.clone(), running(&graph)).await;
        setting.end_all(next).await;
        assert_eq!(setting.heard().await.len(), heard + 1);
        assert_eq!(statuses(setting, &graph).await, vec![Status::Completed; steps + 3]);
        assert_eq!(ran.of("hear").len(), 1);
        assert_eq!(board.messages().len(), 1);
    }
}

/// How the steps of the run ended, as another process sees them.
async fn statuses(setting: &Setting<'_>, graph: &Graph<Talk>) -> Vec<Status> {
    let runs = Runs::new(graph, setting.subject().storage());
    let history = runs.history(RunId::new(desk(), "talk").unwrap(), None, 100).await.unwrap();
    history.iter().map(|checkpoint| checkpoint.status).collect()
}
