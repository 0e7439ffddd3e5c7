//! Looks for what other processes write to a stored stream, while somebody follows it.

use std::sync::Arc;
use std::time::Duration;

use super::live::{Live, Place};
use super::streams::{Inner, Streams};
use crate::storage::{Etag, Storage};

/// The wait after the storage could not be watched.
const PAUSE: Duration = Duration::from_millis(200);

/// Somebody who waits for a stream to change, or will. While there is one, a task watches the stored log.
#[derive(Debug)]
pub(super) struct Following(Arc<Live>);

impl Following {
    pub(super) fn new(streams: &Streams, live: &Arc<Live>) -> Self {
        let mut cell = live.cell();
        cell.followers += 1;
        if let Some(storage) = &streams.0.storage
            && !cell.watched
        {
            cell.watched = true;
            // Ends by itself when nobody follows any more.
            tokio::spawn(watch(Arc::clone(&streams.0), Arc::clone(storage), Arc::clone(live)));
        }
        drop(cell);
        Self(Arc::clone(live))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut cell = self.0.cell();
        cell.followers -= 1;
        if cell.followers == 0 {
            self.0.unfollowed.notify_one();
        }
    }
}

/// What the watching task has to do next.
enum Next {
    /// Wait until the stored log is no longer so.
    Watch(Option<Etag>),
    /// Wait for what this process is storing itself.
    Settle,
    /// Read the stream first.
    Load,
    Stop,
}

async fn watch(inner: Arc<Inner>, storage: Arc<dyn Storage>, live: Arc<Live>) {
    let streams = Streams(inner);
    loop {
        let settled = live.settled.notified();
        let looked = match next(&live) {
            Next::Stop => return,
            Next::Load => streams.load(&live).await,
            Next::Settle => {
                tokio::select! {
                    () = settled => {}
                    () = live.unfollowed.notified() => {}
                }
                Ok(())
            }
            Next::Watch(seen) => tokio::select! {
                changed = storage.changed(&live.key, seen) => match changed {
                    // What this process stored meanwhile is known.
                    Ok(head) if is_known(&live, head.map(|head| head.etag())) => Ok(()),
                    Ok(_) => streams.refresh(&live).await,
                    Err(error) => Err(error),
                },
                () = live.unfollowed.notified() => Ok(()),
            },
        };
        if let Err(error) = looked {
            tracing::warn!(stream = %live.id, %error, "a stream cannot be watched, it is tried again");
            streams.0.clock.sleep(PAUSE).await;
        }
    }
}

fn next(live: &Live) -> Next {
    let mut cell = live.cell();
    if cell.followers == 0 || matches!(cell.place, Place::Absent | Place::Evicted(_)) {
        cell.watched = false;
        return Next::Stop;
    }
    match cell.state() {
        None => Next::Load,
        Some(state) => match &state.kept {
            Some(kept) if kept.is_settled() => Next::Watch(kept.head.map(|head| head.etag)),
            _ => Next::Settle,
        },
    }
}

fn is_known(live: &Live, etag: Option<Etag>) -> bool {
    let mut cell = live.cell();
    let kept = cell.state().and_then(|state| state.kept.as_ref());
    kept.is_some_and(|kept| !kept.is_settled() || kept.head.map(|head| head.etag) == etag)
}
