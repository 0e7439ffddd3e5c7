//! An update on its way into the inbox.

use crate::Timestamp;
use crate::runner::index::Newcomer;
use crate::runner::panics::caught;
use crate::runner::{About, Handler, Incoming, Keys};

/// Before the conversation in the key of updates that pass the queue. No conversation has a control character.
const PASSING: &str = "passing\u{0}";

/// An update that is not in the inbox yet.
#[derive(Debug)]
pub(super) struct Coming {
    /// Its arrival is told when it is kept.
    pub(super) about: About,
    pub(super) keys: Keys,
    /// It passes the queue.
    pub(super) passes: bool,
    /// Why it cannot be an update.
    pub(super) fault: Option<String>,
    /// One of its keys has too many already.
    pub(super) crowded: bool,
}

impl Coming {
    pub(super) fn new<H: Handler>(handler: &H, update: Incoming) -> Self {
        let Incoming { conversation, id, body, fault } = update;
        let about = About { update: id, conversation, arrived: Timestamp(0), attempt: 1, body };
        let (keys, passes) = match fault {
            None => keys_of(handler, &about),
            Some(_) => (Keys::Exactly(Vec::new()), false),
        };
        Self { about, keys, passes, fault, crowded: false }
    }

    pub(super) fn back(self) -> Incoming {
        let Self { about: About { update, conversation, body, .. }, fault, .. } = self;
        Incoming { conversation, id: update, body, fault }
    }

    pub(super) fn newcomer(&self) -> Newcomer<'_> {
        Newcomer { keys: &self.keys, conversation: &self.about.conversation, bytes: self.about.body.len() }
    }
}

/// What an update is ordered by, and whether it passes the queue: then it is ordered among those that do, apart from
/// the others. A panic in the user's function must not stop the intake.
pub(super) fn keys_of<H: Handler>(handler: &H, about: &About) -> (Keys, bool) {
    let passes = caught("the function that marks what passes the queue", || handler.passes(about));
    let passes = passes.unwrap_or_else(|error| {
        tracing::error!(update = ?about.update, %error, "it does not pass");
        false
    });
    if passes {
        let key = format!("{PASSING}{}", about.conversation);
        return (Keys::Exactly(vec![key.into()]), true);
    }
    (keys(handler, about), false)
}

/// What updates are ordered by, unless they pass the queue.
pub(in crate::runner) fn keys<H: Handler>(handler: &H, about: &About) -> Keys {
    caught("the key function", || handler.keys(about)).unwrap_or_else(|error| {
        tracing::error!(update = ?about.update, %error, "ordering by conversation");
        Keys::Conversation
    })
}
