//! The bounds of the routes, and who may use them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::Gate;
use crate::access::{Access, Scopes};

/// Options of [`router`](crate::router()) and [`exchange`](crate::exchange()).
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How long a request waits for the bot's answer: 60 s.
    pub answer_within: Duration,
    /// How long a request waits until its message is in the inbox: 5 s.
    pub accept_within: Duration,
    /// How long a body may take to arrive: 30 s.
    pub body_within: Duration,
    /// The most bytes of a body: 64 KiB.
    pub body_bytes: usize,
    /// How often the feed of a conversation gets a `ping`: 15 s.
    pub heartbeat: Duration,
    /// Who may use the routes: programs on this machine.
    pub access: Access,
    /// Those who follow a conversation are sent away, to come back, when this gate is closed.
    pub gate: Option<Gate>,
    pub(crate) load: Option<Ask<Load>>,
    pub(crate) metrics: Option<Ask<String>>,
}

type Ask<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// How much a bot has to do, as `/health` tells it. What is not known is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Whether updates are taken.
    pub running: bool,
    /// Updates known and not finished.
    pub updates: usize,
    /// Calls known and not made.
    pub calls: usize,
    /// How long the oldest of these updates has waited, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
    /// Updates that are parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<usize>,
}

impl Options {
    /// What stands above.
    pub fn new() -> Self {
        Self {
            answer_within: Duration::from_secs(60),
            accept_within: Duration::from_secs(5),
            body_within: Duration::from_secs(30),
            body_bytes: 64 << 10,
            heartbeat: Duration::from_secs(15),
            access: Access::local(),
            gate: None,
            load: None,
            metrics: None,
        }
    }

    /// Lets in who has this token, to do everything: `Authorization: Bearer <token>`. See [`Access`] for more than one, and
    /// for none.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.access = self.access.token("token", token, Scopes::all());
        self
    }

    /// Tells `/health` how much there is to do.
    #[must_use]
    pub fn load(mut self, load: impl Fn() -> Load + Send + Sync + 'static) -> Self {
        self.load = Some(Arc::new(load));
        self
    }

    /// Gives `/metrics` its text, in the form that Prometheus reads; without this there is no such path.
    #[must_use]
    pub fn metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(render));
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("answer_within", &self.answer_within)
            .field("accept_within", &self.accept_within)
            .field("body_within", &self.body_within)
            .field("body_bytes", &self.body_bytes)
            .field("heartbeat", &self.heartbeat)
            .field("access", &self.access)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}
