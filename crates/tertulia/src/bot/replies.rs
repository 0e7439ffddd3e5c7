//! What is replied where replies are read rather than called: the answers to the updates of a turn.

use std::sync::Arc;

use parking_lot::Mutex;

use super::answer::{self, Answer};
use crate::runner::{About, Turn};
use crate::storage::LogWrite;
use crate::{Result, Timestamp};

/// The answers of a turn that are not written yet.
pub(super) struct Replies {
    /// Whose answer what is said now belongs to: the last update that the handler waited for, or its own.
    to: About,
    said: Vec<Said>,
    /// How much of that is written.
    written: usize,
    /// What a question would have written.
    asked: Option<Asked>,
    /// How much was said to those before.
    before: u32,
    /// Other updates of the turn, whose answers say nothing.
    others: Vec<About>,
}

/// One reply.
enum Said {
    Text(String),
    Live(Arc<Mutex<String>>),
}

impl Said {
    /// What it says; a live reply that has said nothing is none.
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Live(text) => Some(text.lock().clone()).filter(|text| !text.is_empty()),
        }
    }
}

/// What is written when a turn begins to wait.
struct Asked {
    /// How many waits had given something out before it.
    waits: usize,
    said: usize,
    others: usize,
}

impl Replies {
    /// To the update of a turn, or the last of those that were joined with it.
    pub(super) fn to(turn: &Turn) -> Self {
        let mut all: Vec<About> = vec![turn.about().clone()];
        all.extend_from_slice(turn.joined());
        let to = all.pop().expect("there is at least the turn's own");
        Self { to, said: Vec::new(), written: 0, asked: None, before: 0, others: all }
    }

    /// Adds a reply, and gives its number.
    pub(super) fn say(&mut self, text: &str) -> u32 {
        self.add(Said::Text(text.to_owned()))
    }

    /// Adds a reply that grows until the turn has ended or asks.
    pub(super) fn say_live(&mut self, text: Arc<Mutex<String>>) -> u32 {
        self.add(Said::Live(text))
    }

    fn add(&mut self, said: Said) -> u32 {
        self.said.push(said);
        self.before + u32::try_from(self.said.len() - 1).expect("memory ends before replies do")
    }

    /// Another update is the turn's too, and has no answer of its own.
    pub(super) fn also(&mut self, other: About) {
        self.others.push(other);
    }

    /// What was said so far is about to be written, when `waits` of this run have given something out.
    pub(super) fn asks(&mut self, waits: usize) {
        let (said, others) = (self.said.len(), self.others.len());
        self.asked.get_or_insert(Asked { waits, said, others });
    }

    /// So many waits of this run have given something out: what the last question was to write is written, by this run
    /// or one before, or else the question was refused.
    pub(super) fn settle(&mut self, now: usize) {
        if let Some(Asked { waits, said, others }) = self.asked.take()
            && now > waits
        {
            self.written = said;
            self.others.drain(..others);
        }
    }

    /// What is said from now on is said to another update.
    pub(super) fn turn_to(&mut self, other: About) {
        self.before += u32::try_from(self.said.len()).expect("memory ends before replies do");
        self.said.clear();
        self.written = 0;
        self.to = other;
    }

    /// The writes of the answers. They are written even if nothing was said, so that whoever waits learns that the turn
    /// is over.
    pub(super) fn writes(&self, now: Timestamp) -> Result<Vec<LogWrite>> {
        let said = self.said[self.written..].iter().filter_map(Said::text);
        let last = answer::write(&self.to, now, &Answer::Replies(said.collect()));
        let nothing = Answer::Replies(Vec::new());
        let others = self.others.iter().map(|other| answer::write(other, now, &nothing));
        others.chain([last]).collect()
    }
}
