//! Commits that are waited for on a thread that their runtime needs.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tertulia::storage::LogWrite;
use tertulia_sqlite::Sqlite;
use tokio::task::coop::unconstrained;

use crate::rig::{commit, log, run_paused};

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread, whatever needs it.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_runtime_whose_only_thread_waits_for_commits_gets_their_answers() {
    run_paused(|| async {
        let folder = tempfile::tempdir().unwrap();
        let storage = Sqlite::open(folder.path().join("a.db")).await.unwrap();
        let write = |id| LogWrite::new(log("1")).append(format!("{id}")).into();
        // They are queued at once, so that most are written together.
        let mut commits: Vec<_> =
            (0..200).map(|id| Some(Box::pin(commit(&storage, id, vec![write(id)])))).collect();
        // Its runtime would give a task that takes long a rest, which comes when the thread is free.
        block_on(unconstrained(poll_fn(|cx| {
            for slot in &mut commits {
                if let Some(commit) = slot
                    && let Poll::Ready(committed) = commit.as_mut().poll(cx)
                {
                    committed.unwrap();
                    *slot = None;
                }
            }
            if commits.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
        })));
    });
}
