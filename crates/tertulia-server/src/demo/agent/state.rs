//! What a run of the agent's graph keeps: one answer, from the message to the last word, with the questions in between.

use serde::{Deserialize, Serialize};

use crate::demo::Demo;
use crate::demo::model::{Call, Message};

/// An answer under way. What it has of the session is in [`Known`]; fields may be added.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// What it adds to the conversation.
    #[serde(default)]
    pub(super) messages: Vec<Message>,
    /// How many turns the model has had.
    #[serde(default)]
    pub(super) steps: usize,
    /// What the model has called and nobody has run yet.
    #[serde(default)]
    pub(super) calls: Vec<Call>,
    /// What the user is asked before the first of them is run.
    #[serde(default)]
    pub(super) asks: Option<Question>,
    /// What the question was called that the user has answered.
    #[serde(default)]
    pub(super) decided: Option<String>,
    /// What the user says to that, until it is done.
    #[serde(default)]
    pub(super) approved: Option<bool>,
    /// What tools do to the session: done at the end of the turn, in its batch.
    #[serde(default)]
    pub(super) changes: Vec<Change>,
    /// How the model came to its end.
    #[serde(default)]
    pub(super) ended: Option<Ended>,
}

/// What a user is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) text: String,
    /// What it is called: 64 bytes at most, with what buttons put before it.
    pub(super) approval: String,
    /// When it is over, in milliseconds since 1970.
    pub(super) until: u64,
}

/// Why nothing more is asked of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    /// It has said what it has to.
    Said,
    /// Somebody stopped it.
    Stopped,
    /// It does not answer as it should.
    Failed,
    /// It took as many turns as it may.
    TooLong,
}

/// What a tool does to the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Note(String),
    NoNotes,
    Name(String),
}

/// What tools work on.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) name: Option<String>,
    pub(super) notes: Vec<String>,
}

/// What the agent knows of the conversation while it answers: as it was when the turn began.
#[derive(Debug)]
pub(super) struct Known {
    kept: Kept,
    pub(super) talk: Vec<Message>,
}

impl Change {
    pub(crate) fn make(&self, name: &mut Option<String>, notes: &mut Vec<String>) {
        match self {
            Self::Note(note) => notes.push(note.clone()),
            Self::NoNotes => notes.clear(),
            Self::Name(new) => *name = Some(new.clone()),
        }
    }
}

impl Known {
    pub(super) fn of(chat: &Demo) -> Self {
        let kept = Kept { name: chat.name.clone(), notes: chat.notes.clone() };
        Self { kept, talk: super::memory::last(&chat.talk) }
    }

    /// With what tools have done since.
    pub(super) fn with(&self, changes: &[Change]) -> Kept {
        let mut kept = self.kept.clone();
        for change in changes {
            change.make(&mut kept.name, &mut kept.notes);
        }
        kept
    }
}
