//! A handler made of a closure, and updates made of numbers.

use std::future::Future;
use std::sync::Arc;

use tertulia::runner::{About, Handle, Handler, HandlerResult, Incoming, Keys, Options, Runner, Turn};
use tertulia::storage::{ItemId, Memory, Storage};
use tertulia::{Clock, Conversation, Name, Result};

/// Where the updates of these tests come from.
pub(crate) const SPACE: Name = Name::from_static("test");

/// Runs a closure with the turn; the update is its raw body as text.
pub(crate) struct Run<F> {
    pub(crate) run: F,
    pub(crate) keys: fn(&About) -> Keys,
}

impl<F, R> Handler for Run<F>
where
    F: Fn(Turn, String) -> R + Send + Sync + 'static,
    R: Future<Output = HandlerResult> + Send,
{
    type Update = String;

    fn decode(&self, about: &About) -> Result<String> {
        String::from_utf8(about.body.to_vec()).map_err(|_| tertulia::Error::invalid("not text"))
    }

    fn keys(&self, about: &About) -> Keys {
        (self.keys)(about)
    }

    fn handle(&self, turn: Turn, update: String) -> impl Future<Output = HandlerResult> + Send {
        (self.run)(turn, update)
    }
}

/// A runner over `storage`, ordered by conversation.
pub(crate) async fn start<F, R>(storage: &Arc<dyn Storage>, options: Options, run: F) -> Handle<Run<F>>
where
    F: Fn(Turn, String) -> R + Send + Sync + 'static,
    R: Future<Output = HandlerResult> + Send,
{
    let handler = Run { run, keys: |_| Keys::Conversation };
    Runner::new(Arc::clone(storage), Clock::system(), options, handler).start().await.unwrap()
}

pub(crate) fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

pub(crate) fn update(chat: &str, id: i64, text: &str) -> Incoming {
    Incoming {
        conversation: Conversation::new("test", chat).unwrap(),
        id: ItemId::Number(SPACE, id),
        body: text.to_owned().into(),
        fault: None,
    }
}
