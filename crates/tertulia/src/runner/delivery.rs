//! How a call is to be made: what is asked of the outbox beside the call itself.

use std::time::Duration;

use super::Ticket;
use super::format::MAX_JOIN;
use crate::{Error, Result};

/// What a turn asks of the outbox for one call. The default suits a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// What happens when nobody knows whether the call was made.
    pub delivery: Delivery,
    /// How long after its turn the call may still be made; then it goes to `dead` instead. 24 h if not given.
    pub within: Option<Duration>,
    /// What the call overwrites, such as `edit of message 17`, at most 256 bytes: while a newer call of the
    /// conversation with the same text waits, this one is dropped unless it is under way, so that only the last of
    /// them is made.
    pub join: Option<String>,
    /// The earlier call of the conversation whose message this one is about, such as the reply that it edits. The
    /// sender is told [what that call gave](super::Call::refers), looked up when this one is made and not before; if
    /// nothing is known of it, this one goes to `dead`.
    pub refers: Option<Ticket>,
    /// The call is made in steps: the sender's [`step`](super::Sender::step) is called again and again until it says that
    /// the call is over. Such a call is made at least once, whatever [`delivery`](Self::delivery) says.
    pub steps: bool,
}

/// What happens to a call when nobody knows whether it was made: its answer was lost, or the process stopped before
/// the answer was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It is made again. What the platform takes twice is then there twice.
    #[default]
    AtLeastOnce,
    /// It is not made again but goes to `dead`, with an error that says so. It costs a commit before the call.
    AtMostOnce,
}

impl CallOptions {
    /// How long a call may be made unless told otherwise: 24 h.
    pub const WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

    /// Nothing is asked that a plain reply does not.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn check(&self) -> Result<()> {
        match &self.join {
            Some(join) if join.len() > MAX_JOIN => Err(Error::invalid(format!(
                "the join key of a call has {} bytes, at most {MAX_JOIN} are allowed",
                join.len()
            ))),
            _ => Ok(()),
        }
    }
}
