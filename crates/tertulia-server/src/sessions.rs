//! The bot's sessions over HTTP.

use tertulia::Clock;
use tertulia_http::{Access, Gate, SessionsHttpOptions, sessions};

use crate::config::Config;
use crate::failure::Failure;
use crate::handler;
use crate::place::Opened;

/// The routes of the sessions that the bot has. Followers are sent away, to come back, when the gate is closed.
///
/// # Errors
/// `Run` if they cannot have their name, which was looked at before.
pub(crate) fn routes(
    config: &Config,
    opened: &Opened,
    clock: &Clock,
    access: &Access,
    gate: &Gate,
) -> Result<axum::Router, Failure> {
    let mut options = SessionsHttpOptions::default();
    options.access = access.clone();
    options.gate = Some(gate.clone());
    Ok(sessions(handler::exposed(config, &opened.storage, clock)?, options))
}
