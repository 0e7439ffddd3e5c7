//! Keeps sessions from expiring while they are in use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::backing::Backing;
use super::expiry::Expiry;
use crate::error::Kind;
use crate::storage::{Batch, CommitId, Expire, LogWrite, Write};
use crate::{Clock, Timestamp};

/// Moves the sliding deadlines of sessions that are held for long, when half of their life is left. One task does it,
/// which is there only while a session is held or was lately; it ends with the keeper.
pub(super) struct Keeper(Arc<Inner>);

struct Inner {
    backing: Arc<Backing>,
    clock: Clock,
    expiry: Expiry,
    shared: Mutex<Shared>,
    /// Something is due earlier than what the task waits for.
    earlier: Arc<Notify>,
}

#[derive(Default)]
struct Shared {
    next: u64,
    held: HashMap<u64, Held>,
    /// The task, and what it waits for.
    task: Option<(AbortHandle, Timestamp)>,
}

/// A session in use.
struct Held {
    writes: Vec<LogWrite>,
    deadline: Timestamp,
    renew_at: Timestamp,
}

/// A session in use, until this is dropped.
pub(super) struct InUse {
    keeper: Arc<Inner>,
    id: u64,
}

impl Keeper {
    /// `None` where sessions do not expire for lack of use.
    pub(super) fn new(backing: Arc<Backing>, clock: Clock, expiry: Expiry) -> Option<Self> {
        let (shared, earlier) = (Mutex::default(), Arc::default());
        matches!(expiry, Expiry::Sliding(_))
            .then(|| Self(Arc::new(Inner { backing, clock, expiry, shared, earlier })))
    }

    /// Moves the deadlines of these logs from now on. The writes expect no more than that the logs are the same ones.
    pub(super) fn hold(&self, deadline: Timestamp, writes: Vec<LogWrite>) -> Option<InUse> {
        let renew_at = self.0.expiry.renew_at(deadline)?;
        let mut shared = self.0.shared.lock();
        let id = shared.next;
        shared.next += 1;
        shared.held.insert(id, Held { writes, deadline, renew_at });
        match &mut shared.task {
            Some((_, next)) if *next <= renew_at => {}
            Some((_, next)) => {
                *next = renew_at;
                self.0.earlier.notify_one();
            }
            None => {
                let task = tokio::spawn(keep(Arc::downgrade(&self.0)));
                shared.task = Some((task.abort_handle(), renew_at));
            }
        }
        Some(InUse { keeper: Arc::clone(&self.0), id })
    }
}

impl InUse {
    /// The deadline as it was moved last.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.keeper.shared.lock().held.get(&self.id).map(|held| held.deadline)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.keeper.shared.lock().held.remove(&self.id);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some((task, _)) = self.shared.get_mut().task.take() {
            task.abort();
        }
    }
}

async fn keep(keeper: Weak<Inner>) {
    loop {
        let Some(inner) = keeper.upgrade() else { return };
        inner.renew_due().await;
        let Some(wait) = inner.next_wait() else { return };
        let (clock, earlier) = (inner.clock.clone(), Arc::clone(&inner.earlier));
        // Not held while it waits, so that the keeper can end.
        drop(inner);
        tokio::select! {
            () = clock.sleep(wait) => {}
            () = earlier.notified() => {}
        }
    }
}

impl Inner {
    async fn renew_due(&self) {
        let Some(life) = self.expiry.in_use() else { return };
        let now = self.clock.now();
        let due: Vec<(u64, Vec<LogWrite>)> = {
            let shared = self.shared.lock();
            let due = shared.held.iter().filter(|(_, held)| held.renew_at <= now);
            due.map(|(id, held)| (*id, held.writes.clone())).collect()
        };
        for (id, writes) in due {
            let key = writes.first().map(|write| write.key.clone());
            let renewed = self.renew(writes, life).await;
            let mut shared = self.shared.lock();
            let Some(held) = shared.held.get_mut(&id) else { continue };
            match renewed {
                Ok(asked) => {
                    held.deadline = asked.after(life);
                    held.renew_at = self.expiry.renew_at(held.deadline).unwrap_or(held.deadline);
                }
                // It was removed or made anew by somebody else.
                Err(error) if error.kind() == Kind::Conflict => held.renew_at = Timestamp(u64::MAX),
                Err(error) => {
                    tracing::warn!(?key, %error, "the deadline of a session in use cannot be moved, trying again");
                    held.renew_at = now.after((life / 20).max(Duration::from_millis(1)));
                }
            }
        }
    }

    async fn renew(&self, writes: Vec<LogWrite>, life: Duration) -> crate::Result<Timestamp> {
        let asked = self.clock.now();
        let writes = writes.into_iter().map(|write| Write::Log(write.expire(Expire::After(life)))).collect();
        self.backing.storage.commit(Batch::new(CommitId(self.clock.random()), writes)).await?;
        Ok(asked)
    }

    /// How long until something is due; `None` if nothing is held, and then the task is at its end.
    fn next_wait(&self) -> Option<Duration> {
        let mut shared = self.shared.lock();
        match shared.held.values().map(|held| held.renew_at).min() {
            Some(next) => {
                if let Some((_, waits_for)) = &mut shared.task {
                    *waits_for = next;
                }
                Some(next.since(self.clock.now()).min(A_DAY))
            }
            None => {
                shared.task = None;
                None
            }
        }
    }
}

/// Timers need not reach further.
const A_DAY: Duration = Duration::from_secs(86_400);

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("held", &self.0.shared.lock().held.len()).finish()
    }
}
