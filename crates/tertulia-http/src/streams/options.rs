//! The bounds of streams over HTTP.

use std::time::Duration;

use tertulia::Clock;

use crate::{Access, Gate};

/// Options of [`streams`](crate::streams::streams()).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamsHttpOptions {
    /// How long a long poll waits for something to come: 30 s.
    pub long_poll: Duration,
    /// How long a reader of Durable Streams is served by one answer of server-sent events; it then asks again where
    /// it was: 60 s.
    pub sse: Duration,
    /// How often an `EventSource` that gets nothing else gets a `ping`: 15 s.
    pub heartbeat: Duration,
    /// After what time an `EventSource` that was cut off is to come back: 1 s.
    pub retry: Duration,
    /// The most bytes of a body: 4 MiB.
    pub body_bytes: usize,
    /// How long a body may take to arrive: 30 s.
    pub body_within: Duration,
    /// How many bytes one answer gives, if a single entry is not larger: 16 MiB.
    pub page_bytes: usize,
    /// Whether caches between may keep what was read and give it to others: no. Only for streams that everybody may
    /// read.
    pub public: bool,
    /// Who may read, write and cancel: programs on this machine, unless tokens are asked for.
    pub access: Access,
    /// Readers are sent away, to come back, when this gate is closed.
    pub gate: Option<Gate>,
    /// Where time and randomness come from.
    pub clock: Clock,
}

impl Default for StreamsHttpOptions {
    fn default() -> Self {
        Self {
            long_poll: Duration::from_secs(30),
            sse: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(1),
            body_bytes: 4 << 20,
            body_within: Duration::from_secs(30),
            page_bytes: 16 << 20,
            public: false,
            access: Access::local(),
            gate: None,
            clock: Clock::system(),
        }
    }
}
