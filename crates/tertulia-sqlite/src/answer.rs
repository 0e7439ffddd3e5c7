//! The way back from the writer thread: callers of one runtime are answered by one task of it.
//!
//! To wake a task from outside of its runtime costs a system call, and a group has up to 256 callers. A task that
//! wakes its neighbours costs none.

use std::sync::Arc;

use parking_lot::Mutex;
use tertulia::Result;
use tertulia::storage::Committed;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Who waits for a batch.
#[derive(Debug)]
pub(crate) struct Caller {
    answer: oneshot::Sender<Result<Committed>>,
    /// The runtime it asked from; `None` outside of Tokio.
    runtime: Option<Handle>,
}

impl Caller {
    /// The caller that this is called by; the answer comes through the receiver, an error if there will be none.
    pub(crate) fn new() -> (Self, oneshot::Receiver<Result<Committed>>) {
        let (answer, answered) = oneshot::channel();
        (Self { answer, runtime: Handle::try_current().ok() }, answered)
    }
}

/// What a caller is told.
pub(crate) type Answer = (Caller, Result<Committed>);

/// Sends answers, and sees to it that they arrive. Dropped, it brings what has not arrived.
///
/// A task that brings answers depends on nothing that its runtime's users do, but for the runtime itself: one that is
/// blocked, or that nobody drives, runs no task. Callers may still wait there, on a thread that blocks until it
/// has its answer, so the writer brings itself what is not brought soon.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    rounds: Vec<Arc<Round>>,
}

impl Answers {
    /// Sends a group's answers, after what has not arrived of the last group's.
    pub(crate) fn send(&mut self, answers: impl Iterator<Item = Answer>) {
        self.bring();
        let mut rounds: Vec<(Handle, Vec<Answer>)> = Vec::new();
        for answer in answers {
            let Some(runtime) = &answer.0.runtime else {
                tell(answer);
                continue;
            };
            match rounds.iter_mut().find(|(other, _)| other.id() == runtime.id()) {
                Some((_, answers)) => answers.push(answer),
                None => rounds.push((runtime.clone(), vec![answer])),
            }
        }
        for (runtime, mut answers) in rounds {
            if answers.len() == 1 {
                answers.drain(..).for_each(tell);
                continue;
            }
            let round = Arc::new(Round(Mutex::new(answers)));
            let carrier = Carrier(round.clone());
            // It ends as soon as it runs. A runtime that shuts down drops it instead, which does the same.
            drop(runtime.spawn(async move { drop(carrier) }));
            self.rounds.push(round);
        }
    }

    /// Whether answers may be on their way.
    pub(crate) fn are_under_way(&self) -> bool {
        !self.rounds.is_empty()
    }

    /// Brings what has not arrived.
    pub(crate) fn bring(&mut self) {
        self.rounds.drain(..).for_each(|round| round.bring());
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.bring();
    }
}

/// Answers for callers of one runtime, for whoever comes first to bring them.
#[derive(Debug)]
struct Round(Mutex<Vec<Answer>>);

impl Round {
    fn bring(&self) {
        let answers = std::mem::take(&mut *self.0.lock());
        answers.into_iter().for_each(tell);
    }
}

/// Brings a round's answers when it is dropped.
struct Carrier(Arc<Round>);

impl Drop for Carrier {
    fn drop(&mut self) {
        self.0.bring();
    }
}

fn tell((caller, result): Answer) {
    // Who gave up waiting is not told.
    let _ = caller.answer.send(result);
}

#[cfg(test)]
mod tests;
