//! One life of a process, from its start to its death, and whether it is being run at all.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// A process. What it does to the world outside goes through [`pass`](Self::pass), so that one that is paused does
/// nothing and one that is dead never does anything again. (A paused process may compute; nobody can tell.)
#[derive(Debug)]
pub(super) struct Life {
    pub(super) number: usize,
    pub(super) born: Duration,
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Paused,
    Dead,
}

impl Life {
    pub(super) fn new(number: usize, born: Duration) -> Self {
        Self { number, born, state: Mutex::new(State::Running), moved: Notify::new() }
    }

    /// Waits while the process is paused, and for ever once it is dead.
    pub(super) async fn pass(&self) {
        loop {
            let moved = self.moved.notified();
            let state = *self.state.lock();
            match state {
                State::Running => return,
                State::Paused => {}
                State::Dead => std::future::pending().await,
            }
            moved.await;
        }
    }

    /// Waits until the process is dead.
    pub(super) async fn died(&self) {
        loop {
            let moved = self.moved.notified();
            if *self.state.lock() == State::Dead {
                return;
            }
            moved.await;
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        *self.state.lock() == State::Dead
    }

    pub(super) fn pause(&self) {
        self.set(State::Paused);
    }

    pub(super) fn resume(&self) {
        self.set(State::Running);
    }

    pub(super) fn die(&self) {
        self.set(State::Dead);
    }

    fn set(&self, state: State) {
        let mut now = self.state.lock();
        if *now != State::Dead {
            *now = state;
        }
        drop(now);
        self.moved.notify_waiters();
    }
}
