//! A process of a case: what runs over a storage, fails with it, and is killed; and what it leaves behind to be looked at.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tertulia::Result;
use tertulia::runner::Options;
use tertulia::storage::Storage;
use tokio::sync::watch;

use crate::{Call, Fault, Faulty, Gate};

/// How long until what is not told is looked at again.
const AGAIN: Duration = Duration::from_millis(1);

/// Something that runs over a storage, as a process of its own would: with nothing of another one but the storage.
pub struct Process<R> {
    running: R,
    faulty: Faulty,
    /// The storage as what runs has it: gone when the last task of that is.
    alive: Weak<Faulty>,
}

impl<R> Process<R> {
    /// Starts it, over a storage whose calls fail as they are told to.
    pub(crate) async fn start<F>(storage: Arc<dyn Storage>, start: impl FnOnce(Arc<dyn Storage>) -> F) -> Self
    where
        F: Future<Output = Result<R>>,
    {
        let faulty = Faulty::new(storage);
        let own = Arc::new(faulty.clone());
        let alive = Arc::downgrade(&own);
        let running = start(own).await.expect("it can be started");
        Self { running, faulty, alive }
    }

    /// Where its calls of the storage are made to fail.
    pub fn faults(&self) -> &Faulty {
        &self.faulty
    }

    /// Holds its next commit at the gate: before the storage has it, or when it is done and not answered yet.
    pub fn hold_commit(&self, is_done: bool) -> Gate {
        let (gate, fault) = held(is_done);
        self.faulty.next(Call::Commit, fault);
        gate
    }

    /// Kills it, wherever it is, and waits until nothing of it is left.
    pub async fn kill(self) {
        let Self { running, faulty, alive } = self;
        drop((running, faulty));
        until(async || alive.strong_count() == 0).await;
    }
}

impl<R> Deref for Process<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.running
    }
}

impl<R: fmt::Debug> fmt::Debug for Process<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("running", &self.running).finish_non_exhaustive()
    }
}

/// A gate, and the fault that holds a call there: before it is done, or before it is answered.
pub(crate) fn held(is_done: bool) -> (Gate, Fault) {
    let gate = Gate::new();
    let fault = if is_done { Fault::HoldAnswer(gate.clone()) } else { Fault::Hold(gate.clone()) };
    (gate, fault)
}

/// Options of a runner that waits for nothing longer than it must, and takes no kill for the fault of what was running.
pub(crate) fn hurried() -> Options {
    let moment = Duration::from_millis(1);
    Options { linger: moment, backoff: moment, stops: u8::MAX, ..Options::default() }
}

/// Longer than any case takes: what has not ended by then never does.
pub(crate) const LONG: Duration = Duration::from_mins(5);

/// Waits until something holds of which nobody is told.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    while !holds().await {
        tokio::time::sleep(AGAIN).await;
    }
}

/// What happened, over all processes of a case. Clones are the same notes.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<watch::Sender<Vec<String>>>);

impl Notes {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes something, and gives how often that has been noted.
    pub fn note(&self, text: impl Into<String>) -> usize {
        let (text, mut count) = (text.into(), 0);
        self.0.send_modify(|all| {
            count = all.iter().filter(|other| **other == text).count() + 1;
            all.push(text);
        });
        count
    }

    /// All that was noted, in that order.
    pub fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// What was noted that begins so, without that.
    pub fn of(&self, beginning: &str) -> Vec<String> {
        self.0.borrow().iter().filter_map(|text| text.strip_prefix(beginning)).map(str::to_owned).collect()
    }

    /// Waits until so many were noted.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn come(&self, many: usize) {
        let came = |all: &Vec<String>| all.len() >= many;
        self.0.subscribe().wait_for(came).await.expect("the notes hold their sender");
    }
}
