//! What can go wrong with a call, and the gate that holds one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tokio::sync::Semaphore;

/// A method that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `Storage::commit`.
    Commit,
    /// `Storage::read`.
    Read,
    /// `Storage::list`.
    List,
    /// `Storage::seen`.
    Seen,
    /// `Storage::changed`.
    Changed,
}

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing is done, and the answer is an error of this kind. `Gone`, `Invalid` and `Corrupt` become the result
    /// of every read of a call to `read`; every other kind is the call's own.
    Refuse(Kind),
    /// Nothing is done, and the caller is not told so: `Unknown` for a commit, `Unavailable` for other calls.
    LoseRequest,
    /// All is done, and the caller is not told so: `Unknown` for a commit, `Unavailable` for other calls. A commit
    /// that the storage refuses is answered with that refusal.
    LoseAnswer,
    /// The call begins this much later.
    Delay(Duration),
    /// The answer comes this much later.
    DelayAnswer(Duration),
    /// The call begins when the gate is opened.
    Hold(Gate),
    /// The call is done, and answered when the gate is opened.
    HoldAnswer(Gate),
}

/// Where a call is held until a test lets it go. Clones are one gate.
#[derive(Clone, Debug)]
pub struct Gate {
    /// One permit for each call that came.
    came: Arc<Semaphore>,
    /// One permit for each call that may go.
    open: Arc<Semaphore>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { came: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until a call has come to the gate; once for each call.
    pub async fn reached(&self) {
        self.came.acquire().await.expect("never closed").forget();
    }

    /// Lets one call go, the one that waits or the next to come.
    pub fn open(&self) {
        self.open.add_permits(1);
    }

    pub(super) async fn pass(&self) {
        self.came.add_permits(1);
        self.open.acquire().await.expect("never closed").forget();
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "commit",
            Self::Read => "read",
            Self::List => "list",
            Self::Seen => "seen",
            Self::Changed => "changed",
        })
    }
}
