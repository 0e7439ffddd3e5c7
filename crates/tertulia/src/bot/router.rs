//! Finds the handler of an update and runs it within a turn.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer::{self, Answer};
use super::data::Values;
use super::handler::Boxed;
use super::{Adapter, Context, Filter, Update};
use crate::runner::{About, Handler, HandlerResult, Keys, Turn};
use crate::storage::LogWrite;
use crate::{Error, Result};

/// What all turns of a bot share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) data: Values,
    /// A `session::Store<S>` for each session type.
    pub(super) sessions: Values,
}

/// A function that gives the keys of an update.
pub(super) type KeyFunction = Box<dyn Fn(&Update, &About) -> Keys + Send + Sync>;

/// The bot as the runner sees it.
pub(super) struct Router {
    pub(super) adapters: HashMap<String, Arc<dyn Adapter>>,
    pub(super) routes: Vec<Route>,
    pub(super) keys: Option<KeyFunction>,
    pub(super) shared: Arc<Shared>,
}

/// A handler and which updates it is for.
pub(super) struct Route {
    pub(super) filter: Box<dyn Filter>,
    pub(super) handler: Boxed,
}

impl Router {
    fn adapter(&self, about: &About) -> Result<&Arc<dyn Adapter>> {
        let source = about.conversation.source();
        self.adapters
            .get(&*source)
            .ok_or_else(|| Error::invalid(format!("no adapter decodes updates of `{source}`")))
    }
}

impl Handler for Router {
    type Update = (Update, Arc<dyn Adapter>);

    fn decode(&self, about: &About) -> Result<Self::Update> {
        let adapter = self.adapter(about)?;
        Ok((adapter.decode(about)?, Arc::clone(adapter)))
    }

    fn keys(&self, about: &About) -> Keys {
        let Some(keys) = &self.keys else { return Keys::Conversation };
        match self.decode(about) {
            Ok((update, _)) => keys(&update, about),
            // It goes to `dead` in its turn.
            Err(_) => Keys::Conversation,
        }
    }

    async fn handle(&self, turn: Turn, (update, adapter): Self::Update) -> HandlerResult {
        let answers = adapter.sender().is_none();
        let route = self.routes.iter().find(|route| route.filter.matches(&update));
        if route.is_none() && !answers {
            return Ok(());
        }
        let ctx = Context::new(turn, update, adapter, Arc::clone(&self.shared));
        if let Some(route) = route {
            (route.handler)(ctx.clone()).await?;
        }
        if answers {
            // Written even if nothing was said, so that whoever waits learns that the turn is over.
            let about = ctx.turn().about();
            let replies = Answer::Replies(ctx.take_replies());
            ctx.turn().write(answer::write(&about.conversation, &about.update, &replies)?)?;
        }
        Ok(())
    }

    fn buried(&self, about: &About) -> Vec<LogWrite> {
        let answers = self.adapter(about).is_ok_and(|adapter| adapter.sender().is_none());
        let given_up = || answer::write(&about.conversation, &about.update, &Answer::GivenUp).ok();
        answers.then(given_up).flatten().into_iter().collect()
    }
}
