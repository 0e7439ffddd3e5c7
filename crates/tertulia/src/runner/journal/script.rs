//! What a turn that is played is given instead of what happens: what its journal tells.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{How, JournalRecord, Taken};
use crate::error::Kind;
use crate::runner::About;
use crate::runner::wait::NoAnswer;
use crate::{Conversation, Error, Result};

/// The recorded results of a turn and the updates it took in, and what the handler asked for beside them.
#[derive(Debug)]
pub(in crate::runner) struct Script {
    conversation: Conversation,
    once: Vec<(String, Bytes)>,
    waits: usize,
    cancels: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Not yet given to the handler.
    taken: VecDeque<Taken>,
    used: Vec<String>,
    has_cancelled: bool,
    strayed: Vec<Strayed>,
}

/// How a handler that is played has left what its journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strayed {
    /// It asks for a result under this name, and none was recorded. What would give it is not run.
    Once(String),
    /// It does not ask for the result that was recorded under this name.
    NotOnce(String),
    /// It waits for an update, with this number from 0, and there was no such wait.
    Waits(usize),
    /// It does not take in so many of the updates that were taken in.
    NotTaken(usize),
    /// It does not cancel what was cancelled.
    NotCancelled,
    /// It does not come to an end.
    Stuck,
}

impl fmt::Display for Strayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once(name) => write!(f, "asks for the result `{name}`, which was not recorded"),
            Self::NotOnce(name) => write!(f, "does not ask for the result `{name}`, which was recorded"),
            Self::Waits(nth) => write!(f, "waits for an update once more, after {nth} waits"),
            Self::NotTaken(1) => f.write_str("does not take in an update that was taken in"),
            Self::NotTaken(count) => write!(f, "does not take in {count} updates that were taken in"),
            Self::NotCancelled => f.write_str("does not cancel what was cancelled"),
            Self::Stuck => f.write_str("does not come to an end"),
        }
    }
}

impl Script {
    pub(super) fn new(record: &JournalRecord, conversation: &Conversation) -> Self {
        let taken = record.taken.iter().filter(|taken| taken.how != How::Joined).cloned().collect();
        Self {
            conversation: conversation.clone(),
            once: record.once.iter().map(|once| (once.name.clone(), once.result.clone())).collect(),
            waits: usize::from(record.waits),
            cancels: !record.cancelled.is_empty(),
            state: Mutex::new(State { taken, ..State::default() }),
        }
    }

    /// The recorded result.
    ///
    /// # Errors
    /// `Invalid` if there is none.
    pub(in crate::runner) fn recorded(&self, name: &str) -> Result<Bytes> {
        let mut state = self.state.lock();
        match self.once.iter().find(|(recorded, _)| recorded == name) {
            Some((_, result)) => {
                state.used.push(name.to_owned());
                Ok(result.clone())
            }
            None => {
                let strayed = Strayed::Once(name.to_owned());
                let error = Error::invalid(strayed.to_string());
                state.strayed.push(strayed);
                Err(error)
            }
        }
    }

    /// The names of the recorded results.
    pub(in crate::runner) fn recorded_names(&self) -> Vec<String> {
        self.once.iter().map(|(name, _)| name.clone()).collect()
    }

    /// What the wait with this number was given.
    ///
    /// # Errors
    /// `Timeout` if nothing.
    pub(in crate::runner) fn asked(&self, nth: usize, wanted: &dyn Fn(&About) -> bool) -> Result<About> {
        let found = self.take(|how| matches!(how, How::Asked(n) if usize::from(n) == nth), wanted);
        if found.is_none() && nth >= self.waits {
            self.state.lock().strayed.push(Strayed::Waits(nth));
        }
        found.ok_or_else(|| Error::new(Kind::Timeout, "no answer came").with_source(NoAnswer))
    }

    /// What was there at this look.
    pub(in crate::runner) fn steered(&self, look: How, wanted: &dyn Fn(&About) -> bool) -> Option<About> {
        let How::Steered(look) = look else { return None };
        self.take(|how| matches!(how, How::Steered(n) if n <= look), wanted)
    }

    /// Whether something was cancelled.
    pub(in crate::runner) fn cancelled(&self) -> bool {
        self.state.lock().has_cancelled = true;
        self.cancels
    }

    fn take(&self, is_it: impl Fn(How) -> bool, wanted: &dyn Fn(&About) -> bool) -> Option<About> {
        let mut state = self.state.lock();
        let about = |taken: &Taken| about(&self.conversation, &taken.update, 1);
        let at = state.taken.iter().position(|taken| is_it(taken.how) && wanted(&about(taken)))?;
        state.taken.remove(at).map(|taken| about(&taken))
    }

    /// How the handler has strayed, now that it is over.
    pub(super) fn strayed(&self) -> Vec<Strayed> {
        let mut state = self.state.lock();
        let mut strayed = std::mem::take(&mut state.strayed);
        let unused = self.once.iter().filter(|(name, _)| !state.used.contains(name));
        strayed.extend(unused.map(|(name, _)| Strayed::NotOnce(name.clone())));
        if !state.taken.is_empty() {
            strayed.push(Strayed::NotTaken(state.taken.len()));
        }
        if self.cancels && !state.has_cancelled {
            strayed.push(Strayed::NotCancelled);
        }
        strayed
    }
}

/// An update of a journal, as a handler sees it.
pub(super) fn about(conversation: &Conversation, update: &super::JournalUpdate, attempt: u16) -> About {
    About {
        update: update.id.clone(),
        conversation: conversation.clone(),
        arrived: update.arrived,
        attempt,
        body: update.body.clone(),
    }
}
