//! An update on its way into the inbox.

use crate::Timestamp;
use crate::runner::index::Newcomer;
use crate::runner::panics::caught;
use crate::runner::{About, Handler, Incoming, Keys};

/// An update that is not in the inbox yet.
#[derive(Debug)]
pub(super) struct Coming {
    /// Its arrival is told when it is kept.
    pub(super) about: About,
    pub(super) keys: Keys,
    /// Why it cannot be an update.
    pub(super) fault: Option<String>,
    /// One of its keys has too many already.
    pub(super) crowded: bool,
}

impl Coming {
    pub(super) fn new<H: Handler>(handler: &H, update: Incoming) -> Self {
        let Incoming { conversation, id, body, fault } = update;
        let about = About { update: id, conversation, arrived: Timestamp(0), attempt: 1, body };
        let keys = if fault.is_none() { keys(handler, &about) } else { Keys::Exactly(Vec::new()) };
        Self { about, keys, fault, crowded: false }
    }

    pub(super) fn back(self) -> Incoming {
        let Self { about: About { update, conversation, body, .. }, fault, .. } = self;
        Incoming { conversation, id: update, body, fault }
    }

    pub(super) fn newcomer(&self) -> Newcomer<'_> {
        Newcomer { keys: &self.keys, conversation: &self.about.conversation, bytes: self.about.body.len() }
    }
}

/// What an update is ordered by. A panic in the user's function must not stop the intake.
pub(super) fn keys<H: Handler>(handler: &H, about: &About) -> Keys {
    caught("the key function", || handler.keys(about)).unwrap_or_else(|error| {
        tracing::error!(update = ?about.update, %error, "ordering by conversation");
        Keys::Conversation
    })
}
