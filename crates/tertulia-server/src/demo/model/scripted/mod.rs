//! A model without a model: offline and the same each time, it does what a few kinds of messages ask for.

mod answer;
mod story;
mod wish;

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tertulia::Clock;

#[cfg(test)]
pub(crate) use self::answer::HELP;
use self::wish::Wish;
use super::{Call, Message, Model, ModelError, ModelEvent, Prompt, Role, Usage};

/// How many times as long a token of what it thinks takes.
const THINKS: u32 = 3;

/// The script.
#[derive(Debug)]
pub(crate) struct Scripted {
    clock: Clock,
    /// How long a token takes.
    pace: Duration,
}

impl Scripted {
    pub(crate) fn new(clock: Clock, pace: Duration) -> Self {
        Self { clock, pace }
    }
}

impl Model for Scripted {
    fn answer(&self, prompt: Prompt) -> BoxStream<'static, Result<ModelEvent, ModelError>> {
        let (clock, pace) = (self.clock.clone(), self.pace);
        let said = pieces(&prompt.turn, &prompt.messages).into_iter().flat_map(Piece::events);
        let mut events: Vec<ModelEvent> = said.collect();
        let input = prompt.messages.iter().map(|message| tokens(&message.text).count() as u64).sum();
        events.push(ModelEvent::Usage(Usage { input, output: events.len() as u64 }));
        stream::iter(events)
            .then(move |event| {
                let clock = clock.clone();
                let wait = match &event {
                    ModelEvent::Thinking(_) => pace * THINKS,
                    ModelEvent::Text(_) | ModelEvent::Input { .. } => pace,
                    ModelEvent::Call(_) | ModelEvent::Usage(_) => Duration::ZERO,
                };
                async move {
                    if wait > Duration::ZERO {
                        clock.sleep(wait).await;
                    }
                    Ok(event)
                }
            })
            .boxed()
    }
}

/// A part of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Thinks(String),
    Says(String),
    Calls(Call),
}

impl Piece {
    fn events(self) -> Vec<ModelEvent> {
        match self {
            Self::Thinks(text) => tokens(&text).map(ModelEvent::Thinking).collect(),
            Self::Says(text) => tokens(&text).map(ModelEvent::Text).collect(),
            Self::Calls(call) => {
                let Call { id, name, .. } = &call;
                let input = |delta| ModelEvent::Input { id: id.clone(), name: name.clone(), delta };
                tokens(&call.input).map(input).chain([ModelEvent::Call(call.clone())]).collect()
            }
        }
    }
}

/// What it says next in this conversation.
fn pieces(turn: &str, messages: &[Message]) -> Vec<Piece> {
    let asked = messages.iter().rposition(|message| message.role == Role::User);
    let (text, since) = match asked {
        Some(at) => (messages[at].text.as_str(), &messages[at + 1..]),
        None => ("", messages),
    };
    let wish = Wish::read(text);
    match since.iter().rev().find(|message| message.role == Role::Tool) {
        Some(result) => answer::after(&wish, &result.text),
        None => answer::first(turn, &wish),
    }
}

/// Words with the spaces that follow them.
fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned)
}
