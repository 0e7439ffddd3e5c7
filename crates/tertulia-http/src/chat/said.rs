//! A message of a conversation and what was said to it, as it is sent to those who look.

use serde::Serialize;
use tertulia::Timestamp;
use tertulia::bot::answer::Answer;

use crate::Message;

/// A message and what was said to it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Said {
    /// The update that the message became.
    pub(super) update: String,
    /// The update whose turn took it in; the same, unless the turn waited for it, or was joined with it.
    pub(super) turn: String,
    /// The number of its turn in the conversation's journal, once it is there: nothing more comes then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<u64>,
    /// When it arrived, in milliseconds since 1970.
    pub(super) at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// What the button carries, if it is a pressed button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) callback: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// The `Idempotency-Key` it was posted with, while that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    pub(super) state: State,
    /// What was replied, in order. The texts of the live replies are among them once they have ended.
    pub(super) replies: Vec<String>,
    /// The live replies to it, in order.
    pub(super) lives: Vec<Spoken>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nothing yet.
    Accepted,
    /// It was answered.
    Answered,
    /// Another message cancelled it.
    Cancelled,
    /// It was tried and given up.
    GivenUp,
}

/// A live reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Spoken {
    /// Behind `/v1/events/`.
    pub(super) path: String,
    /// How it ended: `complete`, `stopped` or `aborted`; absent while it goes on, and where it was not looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<String>,
}

impl Said {
    pub(super) fn new(update: String, at: Timestamp, message: &Message) -> Self {
        let (text, callback) = match &message.callback {
            Some(callback) => (None, Some(callback.clone())),
            None => (Some(message.text.clone()), None),
        };
        Self {
            turn: update.clone(),
            update,
            number: None,
            at: at.0,
            text,
            callback,
            from: message.from.clone(),
            key: None,
            state: State::Answered,
            replies: Vec::new(),
            lives: Vec::new(),
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        self.state = match answer {
            Answer::Replies(replies) => {
                self.replies = replies;
                State::Answered
            }
            Answer::GivenUp => State::GivenUp,
            Answer::Cancelled => State::Cancelled,
        };
    }
}
