//! The platform as one process sees it: it is asked for updates, takes calls, and fails at both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use parking_lot::Mutex;
use tertulia::bot::{Adapter, Outgoing, Update, UpdateKind};
use tertulia::error::Kind as ErrorKind;
use tertulia::runner::{About, Call, Incoming, RetryAfter, Sender, Source, Wait};
use tertulia::storage::BoxFuture;
use tertulia::{Conversation, Error, Result};
use tokio::time::Instant;

use super::ledger::{is_live, number, text};
use super::life::Life;
use super::link::sleep;
use super::plan::{Kind, POLLED};
use super::platform::incoming;
use super::sabotage::Sabotage;
use super::wall::{self, Request};
use super::world::World;

/// The platform as one process sees it.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) world: Arc<World>,
    pub(super) life: Arc<Life>,
    pub(super) rng: Arc<Mutex<Rng>>,
    /// [`POLLED`], or [`PUSHED`](super::plan::PUSHED).
    pub(super) name: &'static str,
    /// What was fetched so far.
    offset: Option<usize>,
    /// When a live reply of a conversation was shown last.
    shown: Arc<Mutex<BTreeMap<Conversation, Instant>>>,
}

impl Connection {
    pub(super) fn new(world: &Arc<World>, life: &Arc<Life>, name: &'static str) -> Self {
        let rng = Arc::new(Mutex::new(world.rng(life.number as u64 + 0x22_0000)));
        Self {
            world: Arc::clone(world),
            life: Arc::clone(life),
            rng,
            name,
            offset: None,
            shown: Arc::default(),
        }
    }

    /// Whether this call fails, and how long it takes.
    fn draw(&self) -> (bool, Duration) {
        let mut rng = self.rng.lock();
        let fails = rng.u32(..1_000) < self.world.rates().platform;
        (fails, Duration::from_millis(rng.u64(..10)))
    }

    async fn ask(&mut self, limit: usize) -> Result<Vec<Incoming>> {
        let (world, platform) = (&self.world, &self.world.platform);
        self.life.pass().await;
        let (fails, way) = self.draw();
        sleep(way).await;
        if fails {
            return Err(Error::new(ErrorKind::Timeout, "the platform cannot be asked"));
        }
        if let Some(offset) = self.offset {
            platform.confirm(world, offset);
        }
        let (from, given) = platform.poll(self.offset, limit.min(world.plan.page)).await;
        let (fails, way) = self.draw();
        sleep(way).await;
        self.life.pass().await;
        if fails {
            return Err(Error::unavailable("the platform's answer was lost"));
        }
        let offset = from + given.len();
        self.offset = Some(offset);
        if world.plan.sabotage == Sabotage::ConfirmedAtFetch {
            platform.confirm(world, offset);
        }
        if !given.is_empty() {
            world.trace.note(|| format!("p{}: fetches {given:?}", self.life.number));
        }
        Ok(given.into_iter().map(|number| incoming(world, number)).collect())
    }

    async fn say(&self, call: &Call) -> Result<String> {
        let text = text(&call.body);
        self.life.pass().await;
        if self.world.plan.sabotage == Sabotage::GateOff {
            return Ok(String::new());
        }
        let (fails, way) = self.draw();
        sleep(way).await;
        if fails {
            let wait = Duration::from_millis(self.rng.lock().u64(1..50));
            let error = Error::unavailable("the platform is busy");
            return Err(if wait.as_millis().is_multiple_of(2) {
                error
            } else {
                error.with_source(RetryAfter(wait))
            });
        }
        self.life.pass().await;
        if is_live(call) {
            return self.show(call, &text).await;
        }
        let number = text.split(':').next().and_then(|number| number.parse::<usize>().ok());
        if number.is_some_and(|number| self.world.plan.updates[number].kind == Kind::Unsendable) {
            return Err(Error::invalid("the platform does not take this"));
        }
        self.world.platform.receive(&self.world, &self.life, &call.conversation, &text);
        let (fails, way) = self.draw();
        sleep(way).await;
        self.life.pass().await;
        if fails {
            return Err(Error::new(ErrorKind::Unknown, "the platform's answer was lost"));
        }
        self.world.platform.told(&self.life, &text);
        Ok(format!("message {text}"))
    }

    /// Shows what a request says of a live reply.
    async fn show(&self, call: &Call, text: &str) -> Result<String> {
        self.shown.lock().insert(call.conversation.clone(), Instant::now());
        let request = Request::of(call, text)?;
        let (world, life) = (&self.world, &self.life);
        let id = wall::receive(world, life, &call.conversation, &call.ticket.to_string(), request)?;
        let (fails, way) = self.draw();
        sleep(way).await;
        life.pass().await;
        if fails {
            return Err(Error::new(ErrorKind::Unknown, "the platform's answer was lost"));
        }
        wall::told(world, &call.conversation, &id);
        Ok(id)
    }
}

impl Source for Connection {
    fn fetch(&mut self, limit: usize) -> BoxFuture<'_, Result<Vec<Incoming>>> {
        Box::pin(self.ask(limit))
    }

    fn confirm(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.life.pass().await;
            if let Some(offset) = self.offset {
                self.world.platform.confirm(&self.world, offset);
            }
            Ok(())
        })
    }
}

impl Sender for Connection {
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(self.say(call))
    }

    fn wait(&self, call: &Call) -> Wait {
        let pace = Duration::from_millis(self.world.rates().pace);
        match self.shown.lock().get(&call.conversation).filter(|_| is_live(call)) {
            Some(last) if last.elapsed() < pace => Wait::Conversation(pace.saturating_sub(last.elapsed())),
            _ => Wait::None,
        }
    }
}

impl Adapter for Connection {
    fn name(&self) -> &str {
        self.name
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        (self.name == POLLED).then(|| Box::new(self.clone()) as _)
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        (self.name == POLLED).then(|| Arc::new(self.clone()) as _)
    }

    fn decode(&self, about: &About) -> Result<Update> {
        let number = number(&about.body).ok_or_else(|| Error::invalid("not a number"))?;
        if self.world.plan.updates[number].kind == Kind::Undecodable {
            return Err(Error::invalid("a planned failure to decode"));
        }
        Ok(Update::new(UpdateKind::Message { text: Some(number.to_string()) }))
    }

    fn parts<'a>(&self, text: &'a str) -> Vec<&'a str> {
        wall::parts(text)
    }

    fn encode(&self, conversation: &Conversation, outgoing: &Outgoing<'_>) -> Result<Option<Bytes>> {
        let text = match outgoing {
            Outgoing::Reply { text } => text,
            Outgoing::Edit { text } => return Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            Outgoing::Delete => return Ok(Some(Bytes::new())),
            _ => return Ok(None),
        };
        if self.world.plan.sabotage == Sabotage::GateOff {
            self.world.platform.receive(&self.world, &self.life, conversation, text);
        }
        Ok(Some(Bytes::copy_from_slice(text.as_bytes())))
    }
}
