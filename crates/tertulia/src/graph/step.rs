//! What an action knows of the step it is, and what it can say while it runs.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::hook::Point;
use super::id::RunId;
use crate::Result;
use crate::storage::BoxFuture;
use crate::stream::Event;

/// The step that an action runs as. Cheap to clone.
#[derive(Clone)]
pub struct Step {
    run: Arc<RunId>,
    action: Arc<str>,
    seq: u64,
    attempt: u32,
    says: Arc<dyn Says>,
}

/// Where goes what a step says.
pub(super) trait Says: Send + Sync {
    /// An item, to whoever follows the step and to its stream.
    fn item<'a>(&'a self, step: &'a Step, item: Item) -> BoxFuture<'a, Result<()>>;

    /// What the step has said so far does not count.
    fn take_back<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<()>>;

    /// Waits until all that was said is as durable as it is going to be.
    fn settled(&self) -> BoxFuture<'_, Result<()>>;

    /// A point in the life of a span or an attribute, to the hooks.
    fn point(&self, point: &Point<'_>);
}

/// Something that a step says before its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An event, such as a piece of text.
    Event(Event),
    /// Anything else.
    Value(Value),
}

impl From<Event> for Item {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

impl From<&str> for Item {
    /// A piece of text.
    fn from(text: &str) -> Self {
        Self::Event(Event::content(text))
    }
}

impl From<String> for Item {
    /// A piece of text.
    fn from(text: String) -> Self {
        Self::Event(Event::content(text))
    }
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Step {
    pub(super) fn new(
        run: Arc<RunId>,
        action: Arc<str>,
        seq: u64,
        attempt: u32,
        says: Arc<dyn Says>,
    ) -> Self {
        Self { run, action, seq, attempt, says }
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The name of the action.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The sequence number that the step's checkpoint will have.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Which try of the action this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Says something now, to whoever follows the step and to the stream of its message.
    ///
    /// # Errors
    /// What the stream gives.
    ///
    /// # Cancel safety
    /// If dropped, it may be said or not.
    pub async fn emit(&self, item: impl Into<Item>) -> Result<()> {
        self.says.item(self, item.into()).await
    }

    /// Takes back what this try of the step has said, as if it was tried again: a live reply begins anew with what the steps
    /// before have said. For a model whose answer was cut in the middle. Whoever follows the call has heard it.
    ///
    /// # Errors
    /// What the stream gives.
    ///
    /// # Cancel safety
    /// If dropped, the step cannot go on.
    pub async fn take_back(&self) -> Result<()> {
        self.says.take_back(self).await
    }

    /// Waits until what was said is as durable as it is going to be.
    pub(super) async fn settled(&self) -> Result<()> {
        self.says.settled().await
    }

    /// Notes that a part of the step begins, for hooks; it ends when what is given is dropped.
    pub fn span(&self, name: impl Into<String>) -> Span {
        let span = Span { step: self.clone(), name: name.into() };
        self.says.point(&Point::SpanStarted { step: self, name: &span.name });
        span
    }

    /// Notes a value under a name, for hooks.
    pub fn attribute(&self, name: &str, value: impl Into<Value>) {
        self.says.point(&Point::Attribute { step: self, name, value: &value.into() });
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("run", &self.run)
            .field("seq", &self.seq)
            .field("action", &self.action)
            .field("attempt", &self.attempt)
            .finish()
    }
}

/// A part of a step, until it is dropped.
#[derive(Debug)]
pub struct Span {
    step: Step,
    name: String,
}

impl Drop for Span {
    fn drop(&mut self) {
        let point = Point::SpanEnded { step: &self.step, name: &self.name };
        self.step.says.point(&point);
    }
}
