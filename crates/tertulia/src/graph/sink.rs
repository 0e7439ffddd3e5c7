//! Where goes what steps say, beside those who follow the call.

use super::{Item, Step};
use crate::Result;
use crate::storage::BoxFuture;
use crate::stream::{Event, Stream};

/// What takes what the steps of a run say.
pub trait Sink: Send + Sync + 'static {
    /// Something was said.
    ///
    /// # Errors
    /// Any; whoever said it is told.
    fn item<'a>(&'a self, step: &'a Step, item: &'a Item) -> BoxFuture<'a, Result<()>>;

    /// What a try of this step has said does not count, since it is tried again. What steps before it have said stands:
    /// `stands`, as joined events.
    ///
    /// # Errors
    /// Any; the step fails with it.
    fn superseded<'a>(&'a self, step: &'a Step, stands: &'a [Event]) -> BoxFuture<'a, Result<()>> {
        let _ = (step, stands);
        Box::pin(async { Ok(()) })
    }

    /// The run goes on in the middle of what somebody else began and did not end, such as an earlier attempt at an update:
    /// this is what its steps have said.
    ///
    /// # Errors
    /// Any; the call fails with it.
    fn again<'a>(&'a self, stands: &'a [Event]) -> BoxFuture<'a, Result<()>> {
        let _ = stands;
        Box::pin(async { Ok(()) })
    }

    /// Waits until all that was said is as durable as it is going to be. Asked before the checkpoint of the step that
    /// said it is written.
    ///
    /// # Errors
    /// What the stream gives; the step fails with it.
    fn settled(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

impl Item {
    /// As it stands in a stream of events.
    pub fn to_event(&self) -> Event {
        match self {
            Self::Event(event) => event.clone(),
            Self::Value(value) => Event::data("item", value.clone()),
        }
    }
}

impl Sink for Stream {
    fn item<'a>(&'a self, _step: &'a Step, item: &'a Item) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.append(item.to_event().encode()).await.map(drop) })
    }

    fn settled(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.flush())
    }
}
