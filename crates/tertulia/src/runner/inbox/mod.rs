//! Keeps updates: what waits goes into the inboxes in one commit, then into the index, then whoever brought it is
//! told.

mod coming;
mod commit;
mod keep;
mod look;
mod refill;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

pub(super) use self::coming::keys;
use super::core::Core;
use super::index::Arrived;
use super::intake::{Request, Updates};
use super::{Ending, Handler, Keys};
use crate::storage::{CommitId, Offset};
use crate::{Shard, Timestamp};

/// The most updates of one commit; at most one write for each.
const MAX_UPDATES: usize = 200;
/// How long until an inbox that was full is tried again.
const STALLED: Duration = Duration::from_secs(1);

/// Reads and appends the inboxes of all shards, alone, so that the index sees them in the order of their offsets.
#[derive(Debug)]
pub(super) struct Inbox<H: Handler> {
    core: Arc<Core<H>>,
    /// How far each shard's inbox has been read.
    read: Vec<Option<(CommitId, Offset)>>,
    /// The last arrival stamp given.
    stamp: Timestamp,
}

/// What the inbox was waiting for.
enum Came {
    /// None comes any more.
    Request(Option<Request>),
    /// To be told to take no more.
    Close,
    /// The moment to try again what is stalled.
    Again,
}

impl<H: Handler> Inbox<H> {
    pub(super) fn new(core: Arc<Core<H>>) -> Self {
        Self { core, read: vec![None; Shard::COUNT], stamp: Timestamp(0) }
    }

    /// Serves requests until told to stop, and those that came before: all that wait together share one commit.
    pub(super) async fn serve(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut closing: watch::Receiver<bool>,
    ) {
        let mut kept = None;
        // What was fetched and has no room in its shard: its source waits.
        let mut stalled: Vec<Updates> = Vec::new();
        let mut again = Instant::now();
        loop {
            if !stalled.is_empty() && again <= Instant::now() {
                for request in std::mem::take(&mut stalled) {
                    stalled.extend(self.keep(vec![request]).await);
                }
                again = Instant::now() + STALLED;
            }
            let first = match kept.take() {
                Some(request) => request,
                None => {
                    let came = tokio::select! {
                        biased;
                        request = requests.recv() => Came::Request(request),
                        _ = closing.wait_for(|closing| *closing), if !requests.is_closed() => Came::Close,
                        () = sleep_until(again), if !stalled.is_empty() => Came::Again,
                    };
                    match came {
                        Came::Request(Some(request)) => request,
                        Came::Request(None) => return,
                        Came::Close => {
                            requests.close();
                            continue;
                        }
                        Came::Again => continue,
                    }
                }
            };
            let first = match first {
                Request::Keep(updates) => updates,
                Request::Look(notice, answer) => {
                    self.look(notice).await;
                    // Whoever asked may have gone.
                    let _ = answer.send(());
                    continue;
                }
                Request::Anew(shard) => {
                    self.read[shard.index()] = None;
                    self.refill_for_sure(&[shard]).await;
                    continue;
                }
                Request::Buried(about, answer) => {
                    // The storage may take its time, which the inbox does not.
                    let core = Arc::clone(&self.core);
                    self.core.tasks.spawn(async move {
                        core.handler.ending(&about, Ending::Buried).await;
                        let _ = answer.send(core.told(&about));
                    });
                    continue;
                }
            };
            let mut count = first.updates.len();
            let mut group = vec![first];
            while count < MAX_UPDATES
                && let Ok(request) = requests.try_recv()
            {
                match request {
                    Request::Keep(more) if count + more.updates.len() <= MAX_UPDATES => {
                        count += more.updates.len();
                        group.push(more);
                    }
                    other => {
                        kept = Some(other);
                        break;
                    }
                }
            }
            let left = self.keep(group).await;
            if stalled.is_empty() {
                again = Instant::now() + STALLED;
            }
            stalled.extend(left);
        }
    }

    /// Puts updates into the index.
    fn push(&self, arrivals: impl Iterator<Item = (Keys, Arrived)>) {
        let keyed = arrivals.map(|(keys, arrived)| (keys, Arc::new(arrived))).collect();
        let start = self.core.index.push(keyed);
        self.core.start(start);
    }
}
