//! A run of the agent's graph in a turn: what the session is for it, and what becomes of the session.

use std::sync::Arc;

use tertulia::bot::{self, Bypass, Context, Session};
use tertulia::error::Kind;
use tertulia::graph::{Graph, Inputs, Options, Reason, RunId, Runs, Until};

use super::approve::{self, Asked};
use super::graph::{ANSWER, APPROVE, RECEIVE};
use super::memory;
use super::state::{Answer, Ended, Known};
use crate::demo::Demo;

/// The name of a conversation's run.
const RUN: &str = "agent";
/// How many of its checkpoints are kept, and after how many messages it is looked whether there are more.
const KEPT: u64 = 200;
const EVERY: u64 = 50;

/// What the update decides, if it answers the question that is open.
///
/// # Errors
/// As [`Context::run`].
pub(crate) async fn decided(ctx: &Context, chat: &Demo, graph: &Graph<Answer>) -> bot::Result<Option<bool>> {
    let decided = chat.asked.as_ref().and_then(|asked| asked.decided(ctx));
    let Some(approved) = decided else { return Ok(None) };
    let run = ctx.run(graph, RUN).await?;
    // It does not wait if the question was stopped, or asked in another conversation that this one is a copy of.
    let waits = run.standing().await?.next.as_deref() == Some(APPROVE);
    let state = run.state().await?;
    let is_its = if run.goes_on() {
        state.decided.as_ref() == chat.asked.as_ref().map(Asked::approval)
    } else {
        let arrived = ctx.turn().about().arrived.0;
        waits && state.asks.as_ref().is_some_and(|question| arrived <= question.until)
    };
    Ok(is_its.then_some(approved))
}

/// Answers the update, or goes on with the answer for which it was `decided` whether a tool may be called.
///
/// # Errors
/// What saying, asking and recording give. What the model fails with is said to the user instead.
pub(crate) async fn answer(
    ctx: &Context,
    chat: &mut Session<Demo>,
    graph: &Graph<Answer>,
    decided: Option<bool>,
) -> bot::Result {
    if chat.asked.is_none() && chat.messages.is_multiple_of(EVERY) {
        prune(ctx, graph).await?;
    }
    let run = ctx.run(graph, RUN).await?;
    let asked = chat.asked.take();
    if let (Some(asked), Some(approved)) = (&asked, decided) {
        asked.settle(ctx, approved).await?;
    } else if !run.goes_on() && run.standing().await?.next.as_deref() != Some(RECEIVE) {
        // It waits for what does not come any more, or its turn did not come to an end.
        run.reset().await?;
    }
    let live = ctx.reply_live().await?;
    run.say_to(live.clone()).await;
    run.give(live.clone()).await;
    run.give(Known::of(chat)).await;
    let inputs = Inputs::new()
        .with("text", ctx.text())
        .with("unanswered", asked.is_some() && decided.is_none())
        .with("approved", decided.unwrap_or_default());
    let until = Until::before(APPROVE).or_after(ANSWER).resuming();
    let halted = run.run(until, inputs).await?;
    let state = run.state().await?;
    for change in &state.changes {
        chat.make(change);
    }
    match &state.asks {
        Some(question) if halted.reason == Reason::Before => {
            live.finish();
            chat.asked = Some(approve::ask(ctx, &question.text, &question.approval).await?);
        }
        _ => {
            memory::keep(&mut chat.talk, state.messages.clone());
            if state.ended == Some(Ended::Stopped) {
                live.stop()
            } else {
                live.finish()
            };
        }
    }
    Ok(())
}

/// Forgets old checkpoints.
async fn prune(ctx: &Context, graph: &Graph<Answer>) -> bot::Result {
    let (storage, clock) = (Arc::clone(ctx.turn().storage()), ctx.turn().clock().clone());
    let id = RunId::new(ctx.conversation().clone(), RUN)?;
    match Runs::with(graph, storage, clock, Options::default()).prune(id, KEPT).await {
        // There is none yet.
        Err(error) if error.kind() == Kind::Gone => Ok(()),
        pruned => Ok(pruned.map(drop)?),
    }
}

/// Has the run wait no longer, if it does: the question is over.
///
/// # Errors
/// As [`Bypass::run`].
pub(crate) async fn stop_asking(turn: &Bypass, graph: &Graph<Answer>) -> bot::Result<bool> {
    let Some(run) = turn.run(graph, RUN).await? else { return Ok(false) };
    let waits = run.standing().await?.next.as_deref() == Some(APPROVE);
    if waits {
        run.reset().await?;
    }
    Ok(waits)
}
