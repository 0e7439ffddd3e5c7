//! Streams, kept where everything else is, and their routes.

use std::sync::Arc;

use tertulia::Clock;
use tertulia::stream::{Streams, StreamsOptions};
use tertulia_http::{Access, Gate, StreamsHttpOptions, streams};

use crate::config::Config;
use crate::place::Opened;

/// The streams. Where everything is in memory they need no storage below them.
pub(crate) fn open(config: &Config, opened: &Opened, clock: &Clock) -> Streams {
    let mut options = StreamsOptions::default();
    options.memory = config.streams_memory;
    options.stream_memory = options.stream_memory.min(config.streams_memory / 2);
    let storage = opened.survives().then(|| Arc::clone(&opened.storage));
    Streams::with(storage, clock.clone(), options)
}

/// The routes of streams. Readers are sent away, to come back, when the gate is closed.
pub(crate) fn routes(
    config: &Config,
    kept: Streams,
    clock: &Clock,
    access: &Access,
    gate: &Gate,
) -> axum::Router {
    let mut options = StreamsHttpOptions::default();
    options.long_poll = config.streams_long_poll;
    options.access = access.clone();
    options.gate = Some(gate.clone());
    options.clock = clock.clone();
    streams(kept, options)
}
