//! Keeps sessions from expiring while they are in use.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::backing::Backing;
use super::expiry::Expiry;
use super::read::{self, Bytes};
use super::store::log_key;
use crate::error::Kind;
use crate::storage::{Batch, CommitId, Etag, Expect, Expire, LogWrite, Page, Write};
use crate::{Clock, Conversation, Key, Result, Timestamp};

/// How many deadlines are moved at once.
const AT_ONCE: usize = 64;

/// How often it is tried while others write the session.
const TRIES: usize = 8;

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
    held: BTreeMap<u64, Held>,
    /// The task, and what it waits for.
    task: Option<(AbortHandle, Timestamp)>,
}

/// A session in use.
struct Held {
    session: Known,
    deadline: Timestamp,
    renew_at: Timestamp,
}

/// What is known of a session in use. While the etag stands, these are all its logs.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) conversation: Conversation,
    /// The key of its log.
    pub(super) key: Key,
    pub(super) etag: Etag,
    /// The keys of the logs inside.
    pub(super) logs: Vec<Key>,
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

    /// Keeps a session from expiring from now on, as it is and as others make it.
    pub(super) fn hold(&self, deadline: Timestamp, session: Known) -> Option<InUse> {
        let renew_at = self.0.expiry.renew_at(deadline)?;
        let mut shared = self.0.shared.lock();
        let id = shared.next;
        shared.next += 1;
        shared.held.insert(id, Held { session, deadline, renew_at });
        match &mut shared.task {
            // The runtime it was in may have ended.
            Some((task, next)) if !task.is_finished() && *next <= renew_at => {}
            Some((task, next)) if !task.is_finished() => {
                *next = renew_at;
                self.0.earlier.notify_one();
            }
            _ => {
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
            biased;
            () = clock.sleep(wait) => {}
            () = earlier.notified() => {}
        }
    }
}

impl Inner {
    async fn renew_due(&self) {
        let Some(life) = self.expiry.longest() else { return };
        let now = self.clock.now();
        let due: Vec<(u64, Known)> = {
            let shared = self.shared.lock();
            let due = shared.held.iter().filter(|(_, held)| held.renew_at <= now);
            due.map(|(id, held)| (*id, held.session.clone())).collect()
        };
        for some in due.chunks(AT_ONCE) {
            join_all(some.iter().map(|(id, session)| self.renew_one(*id, session.clone(), life))).await;
        }
    }

    async fn renew_one(&self, id: u64, mut session: Known, life: Duration) {
        let renewed = self.renew(&mut session, life).await;
        let mut shared = self.shared.lock();
        let Some(held) = shared.held.get_mut(&id) else { return };
        match renewed {
            Ok(Some(asked)) => {
                held.session = session;
                held.deadline = asked.after(life);
                held.renew_at = self.expiry.renew_at(held.deadline).unwrap_or(held.deadline);
                return;
            }
            // It is not there, or not yet.
            Ok(None) => {}
            Err(error) => {
                let key = &held.session.key;
                tracing::warn!(%key, %error, "the deadline of a session in use cannot be moved, trying again");
            }
        }
        held.renew_at = self.clock.now().after((life / 20).max(Duration::from_millis(1)));
    }

    /// Moves the deadline of a session and of all logs inside it, as they are now. `None` if there is no session.
    async fn renew(&self, session: &mut Known, life: Duration) -> Result<Option<Timestamp>> {
        let storage = &self.backing.storage;
        for _ in 0..TRIES {
            let asked = self.clock.now();
            let own = LogWrite::new(session.key.clone()).expect(Expect::Etag(session.etag));
            let logs = session.logs.iter().map(|key| LogWrite::new(key.clone()));
            let writes = std::iter::once(own).chain(logs).map(|write| write.expire(Expire::After(life)));
            let batch = Batch::new(CommitId(self.clock.random()), writes.map(Write::Log).collect());
            match storage.commit(batch).await {
                Ok(_) => return Ok(Some(asked)),
                Err(error) if error.kind() == Kind::Conflict => {}
                Err(error) => return Err(error),
            }
            // Somebody wrote it; perhaps it has other logs now.
            let page = read::whole(&session.key, &self.backing.limits);
            let page = storage.read(std::slice::from_ref(&page)).await?.into_iter().next().transpose()?;
            let Some(page) = page.flatten().and_then(Page::into_log) else { return Ok(None) };
            let inside = Bytes::read(&self.backing, &session.key, &page)?.logs;
            session.logs =
                inside.iter().map(|number| log_key(&session.conversation, &session.key, *number)).collect();
            session.etag = page.head.etag;
        }
        Ok(None)
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
