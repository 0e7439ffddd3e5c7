//! A checkpoint: what a run was after a step.

use std::fmt;

use super::RunId;
use crate::Timestamp;

/// How the step of a checkpoint ended, or what else made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The action ran to its end; the run goes on behind it.
    Completed,
    /// The action failed. The state is as before it, and the run goes on with it again.
    Failed,
    /// Somebody gave the step up before its end. The state is as before it, and the run goes on with it again.
    Cancelled,
    /// The state was changed from outside.
    Updated,
    /// The run begins at the entrypoint again, with the state it has.
    Reset,
}

impl Status {
    pub(super) const ALL: [Self; 5] =
        [Self::Completed, Self::Failed, Self::Cancelled, Self::Updated, Self::Reset];

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Its name, in lowercase.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Updated => "updated",
            Self::Reset => "reset",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a run goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Position {
    /// At the entrypoint.
    #[default]
    Entrypoint,
    /// Behind this action: with the first transition from it that holds.
    After(String),
    /// With this action, which did not come to its end.
    Again(String),
}

impl Position {
    /// The action that it names.
    pub fn action(&self) -> Option<&str> {
        match self {
            Self::Entrypoint => None,
            Self::After(action) | Self::Again(action) => Some(action),
        }
    }
}

/// What is known of a checkpoint without its state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Its sequence number: dense from 0 within a run, and never used again, on whatever branch.
    pub seq: u64,
    /// The checkpoint that it goes on from; `None` for the run's beginning.
    pub parent: Option<u64>,
    /// What made it.
    pub status: Status,
    /// Where the run goes on from here.
    pub position: Position,
    /// When.
    pub at: Timestamp,
    /// Why the step failed.
    pub error: Option<String>,
    /// What the step was part of, such as an update of a bot.
    pub cause: Option<String>,
}

impl Checkpoint {
    /// One without an error and a cause, for those who store runs on their own.
    pub fn new(seq: u64, parent: Option<u64>, status: Status, position: Position, at: Timestamp) -> Self {
        Self { seq, parent, status, position, at, error: None, cause: None }
    }
}

/// What a run comes from: it was forked, or it is a child that an action of another run runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parent {
    /// The other run.
    pub run: RunId,
    /// The checkpoint that it was forked from, `None` for the beginning. Of a child: the number that the first try of the
    /// step had.
    pub seq: Option<u64>,
    /// Of a child: the action that runs it. `None` if it was forked.
    pub action: Option<String>,
    /// Of a child: the number that the other run was begun with, which no other run of that name has. 0 if that is not
    /// kept, and for forks.
    pub birth: u64,
}

impl Parent {
    /// This checkpoint of a run, or its beginning: what a fork comes from.
    pub fn new(run: RunId, seq: Option<u64>) -> Self {
        Self { run, seq, action: None, birth: 0 }
    }

    /// A step of a run whose action runs children: what those come from. `birth` is the number that the run was begun
    /// with.
    pub fn step(run: RunId, seq: u64, action: impl Into<String>, birth: u64) -> Self {
        Self { run, seq: Some(seq), action: Some(action.into()), birth }
    }
}

/// Why a run could not be written: somebody else has written it since. Found with [`Error::detail`](crate::Error::detail).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The checkpoint that was to be the last; `None` for the run's beginning.
    pub expected: Option<u64>,
    /// The one that is; `None` if it is not known, or the run is gone.
    pub actual: Option<u64>,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name =
            |seq: Option<u64>| seq.map_or("its beginning".to_owned(), |seq| format!("checkpoint {seq}"));
        write!(f, "somebody else has written it: after {} ", name(self.expected))?;
        match self.actual {
            Some(actual) => write!(f, "came checkpoint {actual}"),
            None => f.write_str("it changed or was deleted"),
        }
    }
}

impl std::error::Error for Moved {}
