//! What children say, said by their parent's step.

use crate::Result;
use crate::graph::{Item, Sink, Step};
use crate::storage::BoxFuture;
use crate::stream::Event;

/// Says it as a step. What a try of a child has said that failed stays said: the parent's step is one message.
pub(super) struct Relay(pub(super) Step);

impl Sink for Relay {
    fn item<'a>(&'a self, _step: &'a Step, item: &'a Item) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.emit(item.clone()))
    }

    fn again<'a>(&'a self, stands: &'a [Event]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for event in stands {
                self.0.emit(event.clone()).await?;
            }
            Ok(())
        })
    }

    fn settled(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.0.settled())
    }
}
