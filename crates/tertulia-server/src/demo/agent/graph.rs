//! The agent as a graph, and what its actions do.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};
use tertulia::bot::{Context, Live};
use tertulia::graph::{self, Data, Given, Graph, Input, State, Step, field};
use tertulia::stream::Event;

use super::state::{Answer, Ended, Known, Question};
use super::tools::{self, Done};
use super::turn::{Hearing, Reply, take};
use super::{Agent, approve, memory};
use crate::demo::model::{Call, Message, Prompt};

/// Takes a message.
pub(super) const RECEIVE: &str = "receive";
/// Before this the run halts, until the user has decided.
pub(super) const APPROVE: &str = "approve";
/// After this the answer is whole.
pub(super) const ANSWER: &str = "answer";

/// For how long an answer to a question is one, in milliseconds.
const WITHIN: u64 = 10 * 60 * 1_000;

/// The agent's graph: a turn of the model, the tools it calls, and again, until it has said what it has to.
///
/// # Errors
/// None: a graph that cannot be built fails the tests.
pub(crate) async fn graph(agent: Agent) -> tertulia::Result<Graph<Answer>> {
    Graph::<Answer>::new("agent")
        .action(RECEIVE, receive)
        .action("think", think)
        .action("tools", tools)
        .action(APPROVE, approve)
        .action(ANSWER, answer)
        .transition(RECEIVE, "think")
        .transition_when("think", "tools", field("ended").is_null())
        .transition("think", ANSWER)
        .transition_when("tools", APPROVE, !field("asks").is_null())
        .transition_when("tools", ANSWER, !field("ended").is_null())
        .transition_when("tools", "think", field("calls").is_empty())
        .transition("tools", "tools")
        .transition(APPROVE, "tools")
        .transition(ANSWER, RECEIVE)
        .entrypoint(RECEIVE)
        .data(agent)
        .build()
        .await
}

/// What is said to the agent.
#[derive(Deserialize)]
struct Said {
    text: String,
    /// There was a question, and this is no answer to it.
    unanswered: bool,
}

/// Begins an answer.
async fn receive(mut state: State<Answer>, said: Input<Said>, step: Step) -> graph::Result {
    let before = std::mem::take(&mut *state);
    if said.unanswered && before.asks.is_some() {
        // A model has to be told what became of all that it called.
        state.messages = before.messages;
        for (number, call) in before.calls.iter().enumerate() {
            if number == 0 {
                step.emit(Event::tool_denied(&call.id)).await?;
            }
            let result = json!({ "denied": true, "reason": "the user has not answered" });
            state.messages.push(Message::result(&call.id, result.to_string()));
        }
    }
    state.messages.push(Message::user(&said.text));
    Ok(())
}

/// A turn of the model, the recorded one if there is one.
async fn think(
    mut state: State<Answer>,
    step: Step,
    ctx: Context,
    live: Given<Live>,
    known: Given<Known>,
    agent: Data<Agent>,
) -> graph::Result {
    state.steps += 1;
    let number = state.steps;
    let hearing = Hearing { ctx: &ctx, live: &live, step: &step, agent: &agent, is_first: number == 1 };
    hearing.begin().await?;
    let prompt = Prompt {
        turn: format!("{}-{number}", approve::short(&ctx)),
        system: memory::system(known.with(&state.changes).name.as_deref()),
        messages: memory::context(&known.talk, &state.messages),
        tools: if number >= agent.max_steps { Vec::new() } else { tools::specs() },
    };
    let heard = AtomicBool::new(false);
    let reply: Reply = ctx.once(&format!("step-{number}"), take(&hearing, prompt, &heard)).await?;
    if !heard.load(Ordering::Relaxed) {
        for event in reply.events() {
            step.emit(event).await?;
        }
    }
    if let Some(error) = &reply.failed {
        step.emit(Event::error(error)).await?;
    }
    state.ended = match &reply {
        _ if reply.stopped => Some(Ended::Stopped),
        _ if reply.failed.is_some() => Some(Ended::Failed),
        _ => reply.calls.is_empty().then_some(Ended::Said),
    };
    state.messages.push(Message::assistant(&reply.text, reply.calls.clone()));
    state.calls = reply.calls;
    Ok(())
}

/// The first of the calls; or asks whether it is to be made.
async fn tools(
    mut state: State<Answer>,
    step: Step,
    ctx: Context,
    live: Given<Live>,
    known: Given<Known>,
    agent: Data<Agent>,
) -> graph::Result {
    let (kept, left) = (known.with(&state.changes), state.calls.len());
    let Some(call) = state.calls.first().cloned() else { return Ok(()) };
    let approved = state.approved.take();
    if approved.is_none()
        && let Some(text) = tools::question(&call.name, &kept)
    {
        let approval = format!("{}-{}-{left}", approve::short(&ctx), state.steps);
        step.emit(Event::approval(&call.id, &approval)).await?;
        let until = ctx.turn().clock().now().0.saturating_add(WITHIN);
        state.asks = Some(Question { text, approval, until });
        return Ok(());
    }
    state.calls.remove(0);
    let once = format!("tool-{}-{left}", state.steps);
    let calling = tools::Calling { ctx: &ctx, step: &step, agent: &agent, kept: &kept, once: &once };
    let done = if approved == Some(false) {
        None
    } else {
        tokio::select! {
            biased;
            cancelled = live.cancelled() => {
                cancelled?;
                state.ended = Some(Ended::Stopped);
                Some(Err("the user has stopped it".to_owned()))
            }
            done = tools::call(&calling, &call) => Some(done?),
        }
    };
    let result = told(&mut state, &step, &call, done).await?;
    state.messages.push(Message::result(&call.id, result.to_string()));
    if state.ended.is_some() {
        let result = json!({ "error": "the user has stopped it" }).to_string();
        let rest = std::mem::take(&mut state.calls);
        state.messages.extend(rest.iter().map(|call| Message::result(&call.id, &result)));
    } else if state.calls.is_empty() && state.steps >= agent.max_steps {
        state.ended = Some(Ended::TooLong);
    }
    Ok(())
}

/// Says what came of a call, of `None` that it was denied, and gives what the model is told of it.
async fn told(
    state: &mut Answer,
    step: &Step,
    call: &Call,
    done: Option<tools::Output>,
) -> graph::Result<Value> {
    Ok(match done {
        None => {
            step.emit(Event::tool_denied(&call.id)).await?;
            json!({ "denied": true, "reason": "the user does not want it" })
        }
        Some(Ok(Done { output, change, sources })) => {
            step.emit(Event::tool_result(&call.id, output.clone())).await?;
            if !sources.is_empty() {
                step.emit(Event::references(sources)).await?;
            }
            state.changes.extend(change);
            output
        }
        Some(Err(error)) => {
            step.emit(Event::tool_failed(&call.id, &error)).await?;
            json!({ "error": error })
        }
    })
}

/// What the user wants.
#[derive(Deserialize)]
struct Decided {
    approved: bool,
}

/// Goes on after the question. What tools did before it is in the session by now.
async fn approve(mut state: State<Answer>, decided: Input<Decided>) -> graph::Result {
    state.decided = state.asks.take().map(|question| question.approval);
    state.approved = Some(decided.approved);
    state.changes.clear();
    Ok(())
}

/// The last words, if the model has left any to be said.
async fn answer(state: State<Answer>, step: Step, live: Given<Live>, agent: Data<Agent>) -> graph::Result {
    let text = match state.ended {
        Some(Ended::Failed) => {
            "I cannot go on: the model does not answer as it should. Please try again.".to_owned()
        }
        Some(Ended::TooLong) => {
            let steps = agent.max_steps;
            format!("I stop here: that took {steps} steps, which is as many as I may take.")
        }
        Some(Ended::Stopped) => return Ok(()),
        _ if live.text().is_empty() => "I have nothing to say to that.".to_owned(),
        _ => return Ok(()),
    };
    let space = if live.text().is_empty() { "" } else { "\n\n" };
    step.emit(format!("{space}{text}")).await?;
    Ok(())
}
