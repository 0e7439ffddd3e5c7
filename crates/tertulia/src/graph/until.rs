//! How far a call runs.

use super::Names;

/// How far [`run`](super::Run::run) goes: to the end of the graph, unless it says otherwise.
///
/// An action is named by its name, or by a tag of its own behind an `@`.
///
/// ```
/// # use tertulia::graph::Until;
/// let until = Until::before(["ask", "@dangerous"]).or_after("answer").steps(50);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Until {
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
    pub(super) steps: Option<u64>,
    pub(super) resumes: bool,
}

impl Until {
    /// The end: an action from which no transition holds.
    pub fn end() -> Self {
        Self::default()
    }

    /// Halts before one of these actions runs, be it the first of the call.
    pub fn before(actions: impl Names) -> Self {
        Self::default().or_before(actions)
    }

    /// Halts when one of these actions has run.
    pub fn after(actions: impl Names) -> Self {
        Self::default().or_after(actions)
    }

    /// Halts before these as well.
    #[must_use]
    pub fn or_before(mut self, actions: impl Names) -> Self {
        self.before.extend(actions.names());
        self
    }

    /// Halts after these as well.
    #[must_use]
    pub fn or_after(mut self, actions: impl Names) -> Self {
        self.after.extend(actions.names());
        self
    }

    /// Halts after so many steps: 10,000 if it is not said.
    #[must_use]
    pub fn steps(mut self, most: u64) -> Self {
        self.steps = Some(most);
        self
    }

    /// Goes on from a halt: the first step runs even if its action is one to halt before. (Burr's `run` always does.)
    #[must_use]
    pub fn resuming(mut self) -> Self {
        self.resumes = true;
        self
    }
}

/// Why a call has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No transition holds: the run is at its end.
    End,
    /// The next action is one to halt before.
    Before,
    /// The last action is one to halt after.
    After,
    /// As many steps were run as it was to be.
    Steps,
}

/// Where a call has come to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Halted {
    /// Why it halted.
    pub reason: Reason,
    /// The last action that it ran; `None` if it ran none.
    pub action: Option<String>,
    /// What that gave.
    pub result: serde_json::Value,
    /// The action that comes next; `None` at the end.
    pub next: Option<String>,
    /// How many steps it ran.
    pub steps: u64,
}
