//! A platform that costs nothing: an update is its text, a call is made by doing nothing.

use std::sync::Arc;

use bytes::Bytes;
use tertulia::bot::{Adapter, Outgoing, Update, UpdateKind};
use tertulia::runner::{About, Call, Sender, Source};
use tertulia::storage::BoxFuture;
use tertulia::{Conversation, Error, Result};

/// The platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk;

impl Adapter for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        Some(Arc::new(Self))
    }

    fn decode(&self, about: &About) -> Result<Update> {
        let text = std::str::from_utf8(&about.body).map_err(|_| Error::invalid("not text"))?;
        Ok(Update::new(UpdateKind::Message { text: Some(text.to_owned()) }))
    }

    fn encode(&self, _: &Conversation, outgoing: &Outgoing<'_>) -> Result<Option<Bytes>> {
        match outgoing {
            Outgoing::Reply { text } => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            _ => Ok(None),
        }
    }
}

impl Sender for Desk {
    fn send<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(async { Ok(String::new()) })
    }
}
