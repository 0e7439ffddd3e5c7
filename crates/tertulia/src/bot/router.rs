//! Finds the handler of an update and runs it within a turn.

use std::sync::Arc;

use super::answer::{self, Answer};
use super::bypass::Passing;
use super::data::Values;
use super::handler::Boxed;
use super::stream::Spoken;
use super::{Adapter, Burst, Bypass, Context, Filter, Update};
use crate::runner::{About, Ending, Handler, HandlerResult, Keys, Turn};
use crate::storage::LogWrite;
use crate::{Clock, Error, Result};

/// What all turns of a bot share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) data: Values,
    /// What handlers say as they say it.
    pub(super) spoken: Spoken,
    /// A `Kept<S>` for each session type.
    pub(super) sessions: Values,
    /// Which updates steer a handler that runs.
    pub(super) steers: Option<Box<dyn Filter>>,
}

/// A function that gives the keys of an update.
pub(super) type KeyFunction = Box<dyn Fn(&Update, &About) -> Keys + Send + Sync>;

/// The bot as the runner sees it.
pub(super) struct Router {
    pub(super) platforms: Vec<Platform>,
    pub(super) routes: Vec<Route>,
    pub(super) passing: Vec<Passing>,
    /// Which updates are joined, and how.
    pub(super) bursts: Vec<(Box<dyn Filter>, Burst)>,
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

impl Router {
    /// The answer to an update that has no replies, where answers are kept.
    fn without_replies(&self, about: &About, answer: &Answer) -> Vec<LogWrite> {
        let answers = self.platform(about).is_ok_and(|platform| platform.answers);
        let write = || answer::write(about, self.shared.clock.now(), answer).ok();
        answers.then(write).flatten().into_iter().collect()
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

    fn passes(&self, about: &About) -> bool {
        let passes = |update: Update| self.passing.iter().any(|passing| passing.filter.matches(&update));
        !self.passing.is_empty() && self.decode(about).is_ok_and(passes)
    }

    fn burst(&self, about: &About) -> Option<Burst> {
        if self.bursts.is_empty() {
            return None;
        }
        let update = self.decode(about).ok()?;
        self.bursts.iter().find(|(filter, _)| filter.matches(&update)).map(|(_, burst)| *burst)
    }

    async fn handle(&self, turn: Turn, update: Update) -> HandlerResult {
        let platform = self.platform(turn.about())?;
        if let Some(passing) = self.passing.iter().find(|passing| passing.filter.matches(&update)) {
            let ctx = Context::new(turn, update, platform, Arc::clone(&self.shared));
            (passing.handler)(Bypass::new(ctx.clone())).await?;
            return answer(&ctx).await;
        }
        let route = self.routes.iter().find(|route| route.filter.matches(&update));
        if route.is_none() && !platform.answers {
            return Ok(());
        }
        let ctx = Context::new(turn, update, platform, Arc::clone(&self.shared));
        if let Some(route) = route {
            (route.handler)(ctx.clone()).await?;
        }
        self.shared.spoken.left(&ctx).await?;
        answer(&ctx).await
    }

    async fn ending(&self, about: &About, how: Ending) {
        self.shared.spoken.ending(about, how).await;
    }

    fn cancelled(&self, about: &About) -> Vec<LogWrite> {
        self.without_replies(about, &Answer::Cancelled)
    }

    fn buried(&self, about: &About) -> Vec<LogWrite> {
        self.without_replies(about, &Answer::GivenUp)
    }
}

/// Has what was replied written as answers, where it is not called.
async fn answer(ctx: &Context) -> HandlerResult {
    if let Some(mut replies) = ctx.take_replies() {
        replies.settle(ctx.turn().settled().await?);
        for write in replies.writes(ctx.turn().clock().now())? {
            ctx.turn().write(write)?;
        }
    }
    Ok(())
}
