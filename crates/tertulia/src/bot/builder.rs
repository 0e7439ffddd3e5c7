//! Puts a bot together.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::bypass::Passing;
use super::data::Values;
use super::handler::boxed;
use super::journal::{Readers, Replay, Stage};
use super::live::Shows;
use super::router::{KeyFunction, Platform, Route, Router, Shared};
use super::session::{Flush, Opened, SessionType, name_sessions};
use super::stream::Spoken;
use super::{
    Adapter, Burst, Bypass, Declared, Filter, Handler, Running, SessionOptions, Update, callback, command,
    message,
};
use crate::runner::{About, Journal, Keys, Options, Runner, Sender, Source};
use crate::session::State;
use crate::storage::{IntoStorage, Memory, Storage};
use crate::stream::{Streams, StreamsOptions};
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
    journal: Option<Journal>,
    routes: Vec<Route>,
    passing: Vec<Passing>,
    bursts: Vec<(Box<dyn Filter>, Burst)>,
    steers: Option<Box<dyn Filter>>,
    keys: Option<KeyFunction>,
    declared: Declared,
    sessions: Vec<(TypeId, SessionOptions)>,
    data: Values,
    streams: Option<Streams>,
}

impl Bot {
    /// A bot on one platform.
    pub fn new(adapter: impl Adapter) -> Self {
        Self {
            adapters: vec![Arc::new(adapter)],
            storage: None,
            clock: Clock::system(),
            options: Options::default(),
            journal: None,
            routes: Vec::new(),
            passing: Vec::new(),
            bursts: Vec::new(),
            steers: None,
            keys: None,
            declared: Declared::default(),
            sessions: Vec::new(),
            data: Values::default(),
            streams: None,
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

    /// Keeps [what handlers say as they say it](super::Context::stream) in these streams. Unless given, they are in the
    /// bot's storage, where the end of a stream is in the batch of the turn that wrote it; in another one, or in memory
    /// alone, a stream ends right after that batch.
    pub fn streams(mut self, streams: Streams) -> Self {
        self.streams = Some(streams);
        self
    }

    /// Sets the runner's bounds.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Keeps a journal of each conversation: what its turns were and did, to be looked at, and to be run again on other
    /// code with [`replay`](Self::replay). It holds what people wrote and what they were told, for as long as it says. There
    /// is none unless asked for: on SQLite a turn takes about twice the time of the processor with it, and three times the
    /// bytes written to disk.
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
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

    /// Runs `handler` at once for updates that `filter` picks, whatever runs or waits in their conversation: to
    /// [cancel](Bypass::cancel_turn) it, or to tell how far it is. At most 64 run at once, apart from all others, and
    /// those of a conversation in order. The filter is called for each update as it arrives, so it must be quick, and
    /// decide by the update alone. No other handler runs for these updates.
    ///
    /// ```
    /// # use tertulia::bot::{Adapter, Bot, Bypass, command};
    /// # fn bot(telegram: impl Adapter) -> Bot {
    /// Bot::new(telegram).bypass(command("stop"), async |turn: Bypass| {
    ///     let stopped = turn.cancel_turn().await?;
    ///     turn.reply(if stopped { "Stopped." } else { "Nothing runs." }).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn bypass<R>(
        mut self,
        filter: impl Filter,
        handler: impl Fn(Bypass) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Future<Output = super::Result> + Send + 'static,
    {
        self.passing.push(Passing::new(filter, handler));
        self
    }

    /// Lets updates that `filter` picks reach a handler that runs in their conversation, if it
    /// [asks for them](super::Context::steered): they are then not run by themselves. Those that nobody asks for are run
    /// in their turn like any other.
    pub fn steer(mut self, filter: impl Filter) -> Self {
        self.steers = Some(Box::new(filter));
        self
    }

    /// Joins updates of a conversation that `filter` picks and that come one after the other into one turn, whose
    /// handler takes them as [`Joined`](super::Joined); all are removed by its batch. The turn begins when none came for
    /// a while.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tertulia::bot::{Adapter, Bot, Burst, Context, Joined, message};
    /// # fn bot(telegram: impl Adapter) -> Bot {
    /// let burst =
    ///     Burst { quiet: Duration::from_millis(700), longest: Duration::from_secs(5), most: 20 };
    /// Bot::new(telegram).burst(message, burst).on_message(async |ctx: Context, messages: Joined| {
    ///     ctx.reply(format!("{} messages", messages.len())).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn burst(mut self, filter: impl Filter, burst: Burst) -> Self {
        self.bursts.push((Box::new(filter), burst));
        self
    }

    /// Starts the bot. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// `Invalid` if two session types have no name or share one, if one was declared twice, or is not kept per
    /// conversation though the storage's batches reach one shard only; if a handler takes a value that was not
    /// given; or if two adapters share a name; else what the storage gives.
    pub async fn start(self) -> Result<Running> {
        let (clock, options, journal) = (self.clock.clone(), self.options.clone(), self.journal);
        let storage = self.storage.clone().unwrap_or_else(|| {
            tracing::warn!("the bot has no storage: everything is kept in memory and lost with the process");
            Arc::new(Memory::with(clock.clone(), Default::default(), Memory::DEFAULT_MAX_BYTES))
        });
        let Built { router, queued, sources, senders } = self.build(&storage)?;
        let streams = router.shared.spoken.streams().clone();
        let platforms = router.platforms.iter();
        let platforms = platforms.map(|platform| (Arc::clone(&platform.adapter), platform.answers)).collect();
        let mut runner = Runner::new(Arc::clone(&storage), clock.clone(), options, router);
        if let Some(journal) = journal {
            runner = runner.journal(journal);
        }
        for source in sources {
            runner = runner.source(source);
        }
        for (name, sender) in senders {
            runner = runner.sender(&name, sender);
        }
        Ok(Running::new(runner.start().await?, queued, storage, clock, streams, platforms))
    }

    /// The same bot, to run conversations again on that have a [journal](Self::journal): what a handler does by itself it
    /// does, so give it [`data`](Self::data) that calls nobody; the rest happens in memory only.
    ///
    /// Each turn is given what it was given: its updates, answers that it waited for, and the results of
    /// [`once`](super::Context::once). It finds its sessions as they were, also if the turn before it has left them
    /// otherwise, so that a difference is told where it comes about, and once. [`Replay::carry`] changes that.
    ///
    /// ```
    /// use tertulia::bot::{Bot, Context, Session};
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # use tertulia::runner::Journal;
    /// # use tertulia::storage::Memory;
    /// # use tertulia_testkit::Desk;
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Chat { messages: u64 }
    /// # async fn talk(ctx: Context, mut chat: Session<Chat>) -> tertulia::bot::Result {
    /// #     chat.messages += 1;
    /// #     ctx.reply(format!("{} messages", chat.messages)).await?;
    /// #     Ok(())
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> tertulia::Result<()> {
    /// # let storage = Arc::new(Memory::new());
    /// fn bot() -> Bot {
    ///     Bot::new(Desk::new()).session::<Chat>("chat").on_message(talk)
    /// }
    /// # let running = bot().storage(storage.clone()).journal(Journal::default()).start().await?;
    /// # running.door().intake.submit(Desk::update("desk:7", "hello")?).await?;
    /// # running.shutdown(Duration::from_secs(10)).await;
    ///
    /// let replayed = bot().replay()?.run(&*storage, "desk:7").await?;
    /// assert!(replayed.is_same(), "{replayed}");
    /// assert_eq!(replayed.turns, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` as [`start`](Self::start).
    pub fn replay(mut self) -> Result<Replay> {
        self.streams = None;
        let stage = Stage::new(self.clock.clone());
        let mut readers = Readers::default();
        for (session, options) in name_sessions(&self.declared.sessions, std::mem::take(&mut self.sessions))?
        {
            let options = options.for_replay();
            readers.0.insert(options.name().to_owned(), options.kept().clone());
            self.sessions.push((session.id, options));
        }
        let Built { router, .. } = self.build(&stage.storage)?;
        Ok(Replay::new(router, readers, stage))
    }

    /// The parts of a bot over a storage.
    fn build(self, storage: &Arc<dyn Storage>) -> Result<Built> {
        let Self { adapters, clock, declared, sessions, data, streams, .. } = self;
        let Self { routes, passing, bursts, steers, keys, .. } = self;
        if let Some((_, missing)) = declared.data.iter().find(|(id, _)| !data.contains(*id)) {
            return Err(Error::invalid(format!("a handler takes `Data<{missing}>`, which was not given")));
        }
        let mut opened = Opened::default();
        for (session, options) in name_sessions(&declared.sessions, sessions)? {
            session.open(&mut opened, storage, &clock, options)?;
        }
        let streams = streams.unwrap_or_else(|| {
            Streams::with(Some(Arc::clone(storage)), clock.clone(), StreamsOptions::default())
        });
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
            let shows = |sender| -> Arc<dyn Sender> {
                Arc::new(Shows::new(sender, Arc::clone(&adapter), streams.clone(), clock.clone()))
            };
            senders.extend(sender.map(|sender| (name.clone(), shows(sender))));
            platforms.push(Platform { name, adapter, answers });
        }
        let spoken = Spoken::new(streams, clock.now());
        let shared = Arc::new(Shared { clock, data, spoken, sessions: opened.sessions, steers });
        let router = Router { platforms, routes, passing, bursts, keys, shared };
        Ok(Built { router, queued: opened.queued, sources, senders })
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

/// The parts of a bot that is to run.
struct Built {
    router: Router,
    /// Sessions that are saved without being waited for.
    queued: Vec<Arc<dyn Flush>>,
    sources: Vec<Box<dyn Source>>,
    senders: Vec<(String, Arc<dyn Sender>)>,
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
