//! The bounds of sessions over HTTP.

use std::time::Duration;

use crate::{Access, Gate};

/// Options of [`sessions`](crate::sessions()).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionsHttpOptions {
    /// The most bytes of a body: 1 MiB.
    pub body_bytes: usize,
    /// How long a body may take to arrive: 30 s.
    pub body_within: Duration,
    /// How often a follower that gets nothing else gets a `ping`: 15 s.
    pub heartbeat: Duration,
    /// How long a follower is served by one answer, if what lets it in does not end before: 1 h. Then it comes back.
    pub tail_for: Duration,
    /// Whether what is changed has to be named by `If-Match` or `If-None-Match`: no.
    pub conditions_needed: bool,
    /// Who may read and write: programs on this machine, unless tokens are asked for.
    pub access: Access,
    /// Followers are sent away, to come back, when this gate is closed.
    pub gate: Option<Gate>,
}

impl Default for SessionsHttpOptions {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            body_within: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            tail_for: Duration::from_hours(1),
            conditions_needed: false,
            access: Access::local(),
            gate: None,
        }
    }
}
