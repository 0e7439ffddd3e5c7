//! Streams over HTTP, kept where everything else is.

use tertulia::Clock;
use tertulia::stream::{Streams, StreamsOptions};
use tertulia_http::{Access, Gate, StreamsHttpOptions, streams};

use crate::config::Config;
use crate::place::Opened;

/// The routes of streams. Readers are sent away, to come back, when the gate is closed.
pub(crate) fn routes(
    config: &Config,
    opened: &Opened,
    clock: &Clock,
    access: &Access,
    gate: &Gate,
) -> axum::Router {
    let kept = Streams::with(Some(opened.storage.clone()), clock.clone(), StreamsOptions::default());
    let mut options = StreamsHttpOptions::default();
    options.long_poll = config.streams_long_poll;
    options.access = access.clone();
    options.gate = Some(gate.clone());
    options.clock = clock.clone();
    streams(kept, options)
}
