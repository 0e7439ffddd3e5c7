//! A bot platform for tests that is read rather than called.

use std::sync::Arc;

use bytes::Bytes;
use tertulia::bot::{Adapter, Outgoing, Update};
use tertulia::runner::{About, Sender, Source};
use tertulia::{Conversation, Result};

use super::Desk;

/// A platform called `window`: what is replied is an [`Answer`](tertulia::bot::answer::Answer), for whoever brought the
/// update to read. Its updates are written as those of [`Desk`].
#[derive(Clone, Copy, Debug)]
pub struct Window;

impl Adapter for Window {
    fn name(&self) -> &'static str {
        "window"
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        None
    }

    fn decode(&self, about: &About) -> Result<Update> {
        Desk::new().decode(about)
    }

    fn encode(&self, _: &Conversation, _: &Outgoing<'_>) -> Result<Option<Bytes>> {
        Ok(None)
    }
}
