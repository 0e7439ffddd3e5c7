//! Finds the handler of an update and runs it within a turn.

use std::sync::Arc;

use super::answer::{self, Answer};
use super::data::Values;
use super::handler::Boxed;
use super::{Adapter, Context, Filter, Update};
use crate::runner::{About, Handler, HandlerResult, Keys, Turn};
use crate::storage::LogWrite;
use crate::{Clock, Error, Result};

/// What all turns of a bot share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) data: Values,
    /// A `Kept<S>` for each session type.
    pub(super) sessions: Values,
}

/// A function that gives the keys of an update.
pub(super) type KeyFunction = Box<dyn Fn(&Update, &About) -> Keys + Send + Sync>;

/// The bot as the runner sees it.
pub(super) struct Router {
    pub(super) platforms: Vec<Platform>,
    pub(super) routes: Vec<Route>,
    pub(super) keys: Option<KeyFunction>,
    pub(super) shared: Arc<Shared>,
}

/// An adapter as it is needed for each update.
pub(super) struct Platform {
    pub(super) name: String,
    pub(super) adapter: Arc<dyn Adapter>,
    /// Replies are kept as answers, since nothing is called.
    pub(super) answers: bool,
}

/// A handler and which updates it is for.
pub(super) struct Route {
    pub(super) filter: Box<dyn Filter>,
    pub(super) handler: Boxed,
}

impl Router {
    fn platform(&self, about: &About) -> Result<&Platform> {
        let source = about.conversation.source();
        let platform = self.platforms.iter().find(|platform| platform.name == source);
        platform.ok_or_else(|| Error::unavailable(format!("this bot has no adapter named `{source}`")))
    }
}

impl Handler for Router {
    type Update = Update;

    fn decode(&self, about: &About) -> Result<Update> {
        self.platform(about)?.adapter.decode(about)
    }

    fn keys(&self, about: &About) -> Keys {
        let Some(keys) = &self.keys else { return Keys::Conversation };
        match self.decode(about) {
            Ok(update) => keys(&update, about),
            // It goes to `dead` in its turn.
            Err(_) => Keys::Conversation,
        }
    }

    async fn handle(&self, turn: Turn, update: Update) -> HandlerResult {
        let platform = self.platform(turn.about())?;
        let route = self.routes.iter().find(|route| route.filter.matches(&update));
        if route.is_none() && !platform.answers {
            return Ok(());
        }
        let ctx = Context::new(turn, update, platform, Arc::clone(&self.shared));
        if let Some(route) = route {
            (route.handler)(ctx.clone()).await?;
        }
        if platform.answers {
            // Written even if nothing was said, so that whoever waits learns that the turn is over.
            let about = ctx.turn().about();
            let replies = Answer::Replies(ctx.take_replies());
            ctx.turn().write(answer::write(about, ctx.turn().clock().now(), &replies)?)?;
        }
        Ok(())
    }

    fn buried(&self, about: &About) -> Vec<LogWrite> {
        let answers = self.platform(about).is_ok_and(|platform| platform.answers);
        let given_up = || answer::write(about, self.shared.clock.now(), &Answer::GivenUp).ok();
        answers.then(given_up).flatten().into_iter().collect()
    }
}
