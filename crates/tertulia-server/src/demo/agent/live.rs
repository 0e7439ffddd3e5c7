//! A live reply, until the library has its own.

use std::sync::Arc;

use parking_lot::Mutex;
use tertulia::Result;
use tertulia::bot::{Context, Stream};
use tertulia::stream::{End, Event, EventKind};

/// What is said as it is said.
#[derive(Clone, Debug)]
pub(super) struct Live {
    stream: Stream,
    text: Arc<Mutex<String>>,
}

impl Live {
    pub(super) async fn begin(ctx: &Context, number: usize) -> Result<Self> {
        Ok(Self { stream: ctx.stream(&format!("reply-{number}")).await?, text: Arc::default() })
    }

    pub(super) async fn event(&self, event: Event) -> Result<()> {
        if event.kind == EventKind::Content {
            self.text.lock().push_str(&event.content);
        }
        self.stream.event(event).await.map(drop)
    }

    pub(super) async fn push(&self, text: impl Into<String>) -> Result<()> {
        self.event(Event::content(text)).await
    }

    pub(super) async fn cancelled(&self) -> Result<()> {
        self.stream.cancelled().await
    }

    pub(super) async fn restart(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn text(&self) -> String {
        self.text.lock().clone()
    }

    pub(super) fn finish(&self) -> String {
        self.text()
    }

    pub(super) fn stop(&self) -> String {
        self.stream.end(End::Stopped);
        self.text()
    }
}
