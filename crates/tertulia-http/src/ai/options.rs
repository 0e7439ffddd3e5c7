//! The bounds of chats over the AI SDK.

use std::time::Duration;

use crate::{Access, Gate};

/// Options of [`ai`](crate::ai()).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AiOptions {
    /// The most bytes of a body, which holds the whole conversation unless the page sends less: 4 MiB.
    pub body_bytes: usize,
    /// How long a body may take to arrive: 30 s.
    pub body_within: Duration,
    /// How long a request waits until its message is in the inbox: 5 s.
    pub accept_within: Duration,
    /// How often a reader that gets nothing else is told that the connection stands: 15 s.
    pub heartbeat: Duration,
    /// How long a reader is served by one answer: 1 h. Then it is cut off, to resume.
    pub follow_for: Duration,
    /// Who may chat: programs on this machine, unless tokens are asked for.
    pub access: Access,
    /// Readers are cut off, to resume, when this gate is closed.
    pub gate: Option<Gate>,
}

impl Default for AiOptions {
    fn default() -> Self {
        Self {
            body_bytes: 4 << 20,
            body_within: Duration::from_secs(30),
            accept_within: Duration::from_secs(5),
            heartbeat: Duration::from_secs(15),
            follow_for: Duration::from_hours(1),
            access: Access::local(),
            gate: None,
        }
    }
}
