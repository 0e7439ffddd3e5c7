//! What running a conversation again has shown.

use std::fmt;

use serde_json::{Value, json};

use super::SessionId;
use crate::Conversation;
use crate::session::Operation;

pub use crate::runner::journal::Strayed;

/// What running the turns of a conversation again has shown. Shown with `{}` it tells each difference on lines of its
/// own.
#[derive(Debug)]
#[non_exhaustive]
pub struct Replayed {
    /// Whose turns were run.
    pub conversation: Conversation,
    /// How many turns were run.
    pub turns: usize,
    /// Turns that could not be run, by their number.
    pub skipped: Vec<(u64, Skipped)>,
    /// What was different, in the order of the turns, whose numbers these are.
    pub differences: Vec<(u64, Difference)>,
}

/// Why nothing is known of a turn's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skipped {
    /// The turn had so many bytes, which is too much for a journal.
    TooLarge(u64),
    /// A session was too large for the journal, or what told of it is trimmed.
    Unknown,
    /// A session cannot be read, which says why.
    Unreadable(String),
}

/// What a turn does otherwise than it did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// It says something else: the reply or call with this number, from 0.
    Said {
        /// Which.
        nth: usize,
        /// What it was; `None` if there was none.
        was: Option<Value>,
        /// What it is; `None` if there is none.
        is: Option<Value>,
    },
    /// A session becomes something else.
    Session {
        /// Which.
        session: SessionId,
        /// What makes what it becomes of what it became.
        operations: Vec<Operation>,
    },
    /// Something else is written to another log of the conversation.
    Written {
        /// The name of the log.
        log: String,
    },
    /// It asks for what was not recorded, or does not ask for what was.
    Strayed(Strayed),
    /// It fails, and did not.
    Fails(String),
}

impl Replayed {
    /// Whether every turn does what it did. Turns that could not be run do not count.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversation, turns, skipped, differences } = self;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let count = differences.len();
        write!(f, "{conversation}: {turns} turn{} run, {count} difference{}", plural(*turns), plural(count))?;
        if !skipped.is_empty() {
            write!(f, ", {} not run", skipped.len())?;
        }
        for (number, why) in skipped {
            write!(f, "\n  turn {number} was not run: {why}")?;
        }
        let mut last = None;
        for (number, difference) in differences {
            if last != Some(number) {
                write!(f, "\n  turn {number}")?;
                last = Some(number);
            }
            write!(f, "\n    {difference}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { nth, was: Some(was), is: Some(is) } => {
                write!(f, "reply {nth} was  {was}\n    reply {nth} is   {is}")
            }
            Self::Said { nth, was: Some(was), is: None } => write!(f, "reply {nth} is not said: {was}"),
            Self::Said { nth, is, .. } => write!(f, "reply {nth} is new: {}", json!(is)),
            Self::Session { session, operations } => {
                write!(f, "session {session}")?;
                operations.iter().try_for_each(|operation| write!(f, "\n      {}", line(operation)))
            }
            Self::Written { log } => write!(f, "the log `{log}` is written otherwise"),
            Self::Strayed(strayed) => strayed.fmt(f),
            Self::Fails(error) => write!(f, "fails: {}", error.replace('\n', " ")),
        }
    }
}

fn line(operation: &Operation) -> String {
    let at = |path: &str| if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    match operation {
        Operation::Add { path, value } => format!("+ {} {value}", at(path)),
        Operation::Remove { path } => format!("- {}", at(path)),
        Operation::Replace { path, value } => format!("= {} {value}", at(path)),
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "it had {bytes} bytes, which is too much for the journal"),
            Self::Unknown => f.write_str("the journal does not tell how its sessions were"),
            Self::Unreadable(error) => write!(f, "a session cannot be read: {error}"),
        }
    }
}
