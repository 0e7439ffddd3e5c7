//! HTTP as a platform: updates are brought to the bot, and replies are read by whoever brought them.

use std::sync::Arc;

use bytes::Bytes;
use tertulia::bot::{Adapter, Outgoing, Update};
use tertulia::runner::{About, Sender, Source};
use tertulia::{Conversation, Result};

use crate::Message;

/// The source of the conversations that are held over HTTP.
pub const SOURCE: &str = "http";

/// The platform `http`. It is never asked for updates and never called: messages come through
/// [`router`](crate::router) or [`exchange`](crate::exchange()), and the replies are the update's answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http;

impl Adapter for Http {
    fn name(&self) -> &str {
        SOURCE
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        None
    }

    fn decode(&self, about: &About) -> Result<Update> {
        Ok(Message::decode(&about.body)?.update())
    }

    fn encode(&self, _: &Conversation, _: &Outgoing<'_>) -> Result<Option<Bytes>> {
        Ok(None)
    }
}
