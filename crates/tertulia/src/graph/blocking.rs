//! Graphs of programs without a runtime: all their actions are plain, and their runs are waited for.

use std::cell::Cell;

use tokio::runtime::Handle;

use super::{Graph, Persister};
use crate::{Error, Result};

thread_local! {
    /// Whether this thread waits for a future, and does nothing else.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Calls something that keeps this thread until it is done; runs of blocking graphs may go on in it.
pub(crate) fn waiting<T>(call: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            WAITS.set(self.0);
        }
    }
    let _before = Before(WAITS.replace(true));
    call()
}

impl<S> Graph<S> {
    /// Whether it was built with [`build_blocking`](super::Builder::build_blocking): none of its actions and hooks is
    /// asynchronous, and its runs are waited for with [`blocking::wait`](crate::blocking::wait).
    pub fn is_blocking(&self) -> bool {
        self.blocking()
    }

    /// Refuses what would block the tasks of a runtime.
    pub(super) fn may_run_here(&self) -> Result<()> {
        if !self.is_blocking() || WAITS.get() || Handle::try_current().is_err() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "graph `{}` was built with `build_blocking`, and a run of it is awaited in an asynchronous runtime, whose tasks it would block",
            self.name()
        )))
    }

    /// Refuses to have runs kept by what has to be awaited, if nothing of the graph may be.
    pub(super) fn may_be_kept_by(&self, persister: &Persister) -> Result<()> {
        match &persister.awaits {
            Some(awaits) if self.is_blocking() => Err(Error::invalid(format!(
                "graph `{}` was built with `build_blocking`, and of what keeps its runs {awaits}",
                self.name()
            ))),
            _ => Ok(()),
        }
    }
}
