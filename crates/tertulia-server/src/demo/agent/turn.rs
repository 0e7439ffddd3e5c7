//! One turn of the model: said as it comes, and whole in the end, however often its stream is cut.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tertulia::bot::{self, Context, Live};
use tertulia::graph::Step;
use tertulia::stream::Event;

use super::Agent;
use crate::demo::model::{Call, ModelError, ModelEvent, Prompt, Usage};

/// How often a model is asked again whose stream was cut, or that could not answer.
const TRIES: u32 = 5;
/// The longest wait, also if the model asks for a longer one: then it is given up.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The handler may run on for so long after it has heard from the model, beyond what the model may take to go on.
const SPARE: Duration = Duration::from_mins(1);

/// What the model said in a turn. Recorded, so that a handler that runs again does not ask it again; fields may be
/// added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reply {
    #[serde(default)]
    pub(super) thinking: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) calls: Vec<Call>,
    /// Somebody stopped it there.
    #[serde(default)]
    pub(super) stopped: bool,
    /// It failed there, for good.
    #[serde(default)]
    pub(super) failed: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
}

impl Reply {
    /// What it said, as whole events.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        if !self.thinking.is_empty() {
            events.push(Event::thinking(&self.thinking));
        }
        if !self.text.is_empty() {
            events.push(Event::content(&self.text));
        }
        events.extend(self.calls.iter().map(called));
        events
    }
}

/// A call; with an error instead of an input if that is no JSON.
fn called(call: &Call) -> Event {
    let input = if call.input.trim().is_empty() { "{}" } else { &call.input };
    match serde_json::from_str::<Value>(input) {
        Ok(input) => Event::tool_call(&call.id, &call.name, input),
        Err(error) => {
            let mut event = Event::tool_call(&call.id, &call.name, Value::Null);
            event.data.remove("input");
            event.with("error", format!("the input is no JSON: {error}"))
        }
    }
}

/// Where a turn of the model is said.
pub(super) struct Hearing<'a> {
    pub(super) ctx: &'a Context,
    pub(super) live: &'a Live,
    pub(super) step: &'a Step,
    pub(super) agent: &'a Agent,
    /// Whether it is the first turn of the answer.
    pub(super) is_first: bool,
}

impl Hearing<'_> {
    /// Says that a turn begins, unless nothing was said before it.
    pub(super) async fn begin(&self) -> bot::Result {
        if !self.is_first {
            self.step.emit(Event::step()).await?;
        }
        Ok(())
    }
}

/// How a stream of the model came to its end.
enum Ended {
    Whole,
    Stopped,
    Failed(ModelError),
}

/// Asks the model and says what it says. If its stream is cut it is asked again, and the live reply begins anew once
/// there is something to say: readers never see two answers in one.
///
/// # Errors
/// What saying gives; what the model fails with is in the reply.
pub(super) async fn take(hearing: &Hearing<'_>, prompt: Prompt, heard: &AtomicBool) -> bot::Result<Reply> {
    heard.store(true, Ordering::Relaxed);
    let mut wait = hearing.agent.wait;
    let mut seen = false;
    for tried in 1.. {
        let mut reply = Reply::default();
        let ended = stream(hearing, prompt.clone(), &mut reply, &mut seen).await?;
        let error = match ended {
            Ended::Whole => return Ok(reply),
            Ended::Stopped => return Ok(Reply { stopped: true, calls: Vec::new(), ..reply }),
            Ended::Failed(error) => error,
        };
        let pause = error.after.unwrap_or(wait);
        if !error.passing || tried == TRIES || pause > LONGEST_WAIT {
            tracing::warn!(conversation = %hearing.ctx.conversation(), %error, "the model failed");
            return Ok(Reply { failed: Some(error.text), calls: Vec::new(), ..reply });
        }
        tracing::info!(conversation = %hearing.ctx.conversation(), %error, ?pause, "the model is asked again");
        hearing.ctx.more_time(pause + hearing.agent.silence + SPARE);
        tokio::select! {
            biased;
            cancelled = hearing.live.cancelled() => {
                cancelled?;
                return Ok(Reply { stopped: true, calls: Vec::new(), ..reply });
            }
            () = hearing.ctx.turn().clock().sleep(pause) => {}
        }
        wait *= 2;
    }
    unreachable!("the last try returns")
}

/// One try. `seen` tells whether readers have seen something of this turn already.
async fn stream(
    hearing: &Hearing<'_>,
    prompt: Prompt,
    reply: &mut Reply,
    seen: &mut bool,
) -> bot::Result<Ended> {
    let (live, clock, silence) = (&hearing.live, hearing.ctx.turn().clock(), hearing.agent.silence);
    let mut events = hearing.agent.model.answer(prompt);
    let mut cancelled = pin!(live.cancelled());
    // An earlier try has said something: once this one does, that is taken back.
    let mut anew = *seen;
    loop {
        hearing.ctx.more_time(silence + SPARE);
        let event = tokio::select! {
            biased;
            cancelled = &mut cancelled => {
                cancelled?;
                return Ok(Ended::Stopped);
            }
            event = events.next() => event,
            () = clock.sleep(silence) => {
                let text = format!("the model has said nothing for {} s", silence.as_secs());
                return Ok(Ended::Failed(ModelError { text, passing: true, after: None }));
            }
        };
        let event = match event {
            None => return Ok(Ended::Whole),
            Some(Err(error)) => return Ok(Ended::Failed(error)),
            Some(Ok(ModelEvent::Usage(usage))) => {
                reply.usage = Some(usage);
                continue;
            }
            Some(Ok(event)) => event,
        };
        if std::mem::take(&mut anew) {
            hearing.step.take_back().await?;
            hearing.begin().await?;
        }
        *seen = true;
        let event = match event {
            ModelEvent::Thinking(text) => {
                reply.thinking.push_str(&text);
                Event::thinking(text)
            }
            ModelEvent::Text(text) => {
                reply.text.push_str(&text);
                Event::content(text)
            }
            ModelEvent::Input { id, name, delta } => Event::tool_input(id, name, delta),
            ModelEvent::Call(call) => {
                let event = called(&call);
                reply.calls.push(call);
                event
            }
            ModelEvent::Usage(_) => continue,
        };
        hearing.step.emit(event).await?;
    }
}
