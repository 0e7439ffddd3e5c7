//! Puts a bot together.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::data::Values;
use super::handler::boxed;
use super::router::{KeyFunction, Platform, Route, Router, Shared};
use super::session::{Opened, SessionType, name_sessions};
use super::{
    Adapter, Declared, Filter, Handler, Running, SessionOptions, Update, callback, command, message,
};
use crate::runner::{About, Keys, Options, Runner};
use crate::session::State;
use crate::storage::{IntoStorage, Memory, Storage};
use crate::{Clock, Error, Result};

/// How long [`Bot::run`] waits for handlers when it is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A bot that is not running yet: adapters, a storage, and handlers. Handlers are tried in the order in which they
/// were added, and the first that matches runs.
#[must_use = "a bot does nothing until it is run"]
pub struct Bot {
    adapters: Vec<Arc<dyn Adapter>>,
    storage: Option<Arc<dyn Storage>>,
    clock: Clock,
    options: Options,
    routes: Vec<Route>,
    keys: Option<KeyFunction>,
    declared: Declared,
    sessions: Vec<(TypeId, SessionOptions)>,
    data: Values,
}

impl Bot {
    /// A bot on one platform.
    pub fn new(adapter: impl Adapter) -> Self {
        Self {
            adapters: vec![Arc::new(adapter)],
            storage: None,
            clock: Clock::system(),
            options: Options::default(),
            routes: Vec::new(),
            keys: None,
            declared: Declared::default(),
            sessions: Vec::new(),
            data: Values::default(),
        }
    }

    /// On another platform too.
    pub fn adapter(mut self, adapter: impl Adapter) -> Self {
        self.adapters.push(Arc::new(adapter));
        self
    }

    /// Keeps everything in `storage`, given by value or shared. Without one everything is kept in memory and lost
    /// with the process, which the bot says when it starts.
    pub fn storage(mut self, storage: impl IntoStorage) -> Self {
        self.storage = Some(storage.into_storage());
        self
    }

    /// Sets the runner's bounds.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Reads time and random numbers from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Declares a session type: its states are kept under this name, whatever becomes of the Rust type's, and are
    /// one per conversation unless the [options](SessionOptions) say otherwise. A bot with one session type may
    /// leave it undeclared, one with several declares all of them.
    ///
    /// ```
    /// # use tertulia::bot::{Adapter, Bot, Session, SessionOptions};
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// struct Chat { messages: u64 }
    ///
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// struct User { messages: u64 }
    ///
    /// # fn bot(telegram: impl Adapter) -> Bot {
    /// Bot::new(telegram)
    ///     .session::<Chat>("chat")
    ///     .session::<User>(SessionOptions::new("user").per_user())
    ///     .on_message(async |mut chat: Session<Chat>, mut user: Session<User>| {
    ///         // Both are written in one batch, or neither is.
    ///         chat.messages += 1;
    ///         user.messages += 1;
    ///         Ok(())
    ///     })
    /// # }
    /// ```
    pub fn session<S: State>(mut self, options: impl Into<SessionOptions>) -> Self {
        self.declared.session(SessionType::of::<S>());
        self.sessions.push((TypeId::of::<S>(), options.into()));
        self
    }

    /// Gives handlers a value to share, taken as [`Data<T>`](super::Data).
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data.insert(value);
        self
    }

    /// Orders updates by these keys instead of their conversation. The function is called for each update as it
    /// arrives, so it must be quick.
    pub fn sequentialize(mut self, keys: impl Fn(&Update, &About) -> Keys + Send + Sync + 'static) -> Self {
        self.keys = Some(Box::new(keys));
        self
    }

    /// Runs `handler` for updates that `filter` picks.
    pub fn on<A: 'static>(mut self, filter: impl Filter, handler: impl Handler<A>) -> Self {
        handler.declare(&mut self.declared);
        self.routes.push(Route { filter: Box::new(filter), handler: boxed(handler) });
        self
    }

    /// Runs `handler` for messages that begin with `/name`.
    pub fn on_command<A: 'static>(self, name: impl Into<String>, handler: impl Handler<A>) -> Self {
        self.on(command(name), handler)
    }

    /// Runs `handler` for messages with a text.
    pub fn on_message<A: 'static>(self, handler: impl Handler<A>) -> Self {
        self.on(message, handler)
    }

    /// Runs `handler` for pressed buttons.
    pub fn on_callback<A: 'static>(self, handler: impl Handler<A>) -> Self {
        self.on(callback, handler)
    }

    /// Runs `handler` for every update that no handler before it took.
    pub fn on_any<A: 'static>(self, handler: impl Handler<A>) -> Self {
        self.on(|_: &Update| true, handler)
    }

    /// Starts the bot. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// `Invalid` if two session types have no name or share one, if one was declared twice, or is not kept per
    /// conversation though the storage's batches reach one shard only; if a handler takes a value that was not
    /// given; or if two adapters share a name; else what the storage gives.
    pub async fn start(self) -> Result<Running> {
        let Self { adapters, storage, clock, options, routes, keys, declared, sessions, data } = self;
        let storage = storage.unwrap_or_else(|| {
            tracing::warn!("the bot has no storage: everything is kept in memory and lost with the process");
            Arc::new(Memory::with(clock.clone(), Default::default(), Memory::DEFAULT_MAX_BYTES))
        });
        if let Some((_, missing)) = declared.data.iter().find(|(id, _)| !data.contains(*id)) {
            return Err(Error::invalid(format!("a handler takes `Data<{missing}>`, which was not given")));
        }
        let mut opened = Opened::default();
        for (session, options) in name_sessions(&declared.sessions, sessions)? {
            session.open(&mut opened, &storage, &clock, options)?;
        }
        let (mut sources, mut senders) = (Vec::new(), Vec::new());
        let mut platforms: Vec<Platform> = Vec::with_capacity(adapters.len());
        for adapter in adapters {
            let name = adapter.name().to_owned();
            if platforms.iter().any(|platform| platform.name == name) {
                return Err(Error::invalid(format!("two adapters are named `{name}`")));
            }
            let sender = adapter.sender();
            let answers = sender.is_none();
            sources.extend(adapter.source());
            senders.extend(sender.map(|sender| (name.clone(), sender)));
            platforms.push(Platform { name, adapter, answers });
        }
        let shared = Arc::new(Shared { clock: clock.clone(), data, sessions: opened.sessions });
        let router = Router { platforms, routes, keys, shared };
        let mut runner = Runner::new(Arc::clone(&storage), clock.clone(), options, router);
        for source in sources {
            runner = runner.source(source);
        }
        for (name, sender) in senders {
            runner = runner.sender(&name, sender);
        }
        Ok(Running::new(runner.start().await?, opened.queued, storage, clock))
    }

    /// Runs the bot until Ctrl-C or SIGTERM, then stops it: waits up to 10 s for handlers that run. A second
    /// signal ends the wait.
    ///
    /// # Errors
    /// As [`start`](Self::start); the error of a source that cannot go on.
    pub async fn run(self) -> Result<()> {
        let running = self.start().await?;
        let outcome = tokio::select! {
            stopped = stop_signal() => stopped,
            error = running.failed() => Err(Error::new(error.kind(), error.to_string()).with_source(error)),
        };
        tokio::select! {
            left = running.shutdown(DRAIN) => {
                for unfinished in left {
                    tracing::warn!(conversation = %unfinished.conversation, update = ?unfinished.update, "left unfinished");
                }
            }
            _ = stop_signal() => {}
        }
        outcome
    }
}

async fn stop_signal() -> Result<()> {
    let failed = |error| Error::internal("the stop signal cannot be awaited").with_source(error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            stopped = tokio::signal::ctrl_c() => stopped.map_err(failed),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot")
            .field("adapters", &self.adapters)
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}
