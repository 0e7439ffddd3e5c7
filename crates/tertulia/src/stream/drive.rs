//! Stores what was appended to a stream: one batch at a time, each with all that has come together meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::format::{encode_meta, encode_record};
use super::live::{Live, Place, Progress};
use super::meta::{Meta, Phase};
use super::rebase::rebase;
use super::state::{Kept, State, stored_life};
use super::streams::Inner;
use super::{End, Expiry, Limit, Visible};
use crate::error::Kind;
use crate::storage::{CommitId, Expect, Expire, LogHead, LogWrite, Storage, commit_logs};
use crate::{Error, Timestamp};

/// How long what is visible at once may wait to be stored with more.
const LINGER: Duration = Duration::from_millis(25);
/// So many bytes wait no longer.
const ENOUGH: usize = 4 << 10;
/// The most bytes of one record, unless it is one entry.
const RECORD: usize = 1 << 20;
/// The waits between tries to store what is visible already, while the storage is unavailable.
const BACKOFF: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
/// How long the record of a stream that is being filled is kept if whoever fills it dies.
const BUILDING: Duration = Duration::from_secs(600);
/// How long it is remembered that a stream which is not there yet was to stop.
pub(super) const AWAITED: Duration = Duration::from_secs(60 * 60);

/// Sees to it that a task stores what is accepted. Called with the stream's lock held.
pub(super) fn drive(inner: &Arc<Inner>, live: &Arc<Live>, state: &mut State) {
    let Some(storage) = &inner.storage else { return };
    let Some(kept) = &mut state.kept else { return };
    if kept.hurry || kept.waiting >= ENOUGH {
        live.hurry.notify_one();
    }
    if !kept.sealed && !kept.is_settled() && !live.driven.swap(true, Ordering::Relaxed) {
        // Ends by itself when nothing is left to store; whoever appended waits for that, or flushes.
        tokio::spawn(run(Arc::clone(inner), Arc::clone(storage), Arc::clone(live)));
    }
}

/// A batch on its way.
pub(super) struct Taken {
    write: LogWrite,
    id: CommitId,
    /// Entries from the first to before the second are in it.
    pub(super) from: u64,
    end: u64,
    /// Changes up to this one are.
    change: u64,
    closed: Option<End>,
    pub(super) progress: Arc<Progress>,
    /// The bytes of its entries.
    pub(super) waiting: usize,
}

async fn run(inner: Arc<Inner>, storage: Arc<dyn Storage>, live: Arc<Live>) {
    let mut tries = 0;
    loop {
        linger(&inner, &live).await;
        let Some(taken) = take(&inner, &live) else { return };
        let committed = commit_logs(&storage, &inner.clock, taken.id, vec![taken.write.clone()]).await;
        let retry = match committed {
            Ok(heads) => {
                settled(&live, &taken, heads.first().copied().flatten().and_then(|head| head.log()));
                None
            }
            Err(error) if error.kind() == Kind::Conflict => {
                rebase(&inner, &live, &taken, &error).await;
                None
            }
            Err(error) => failed(&live, &taken, &error, BACKOFF.get(tries).copied()),
        };
        live.wake();
        match retry {
            None => tries = 0,
            Some(wait) => {
                tries += 1;
                tracing::warn!(stream = %live.id, "what was shown cannot be stored yet, it is tried again");
                inner.clock.sleep(wait).await;
            }
        }
    }
}

/// Lets what is visible already wait for more.
async fn linger(inner: &Inner, live: &Live) {
    let hurried = live.hurry.notified();
    let waits = live.cell().state().is_some_and(|state| {
        let idle = state.kept.as_ref().is_some_and(|kept| !kept.hurry && kept.waiting < ENOUGH);
        idle && state.meta.visible == Visible::Live
    });
    if waits {
        tokio::select! {
            () = hurried => {}
            () = inner.clock.sleep(LINGER) => {}
        }
    }
}

/// Takes all that is not stored; `None`, and nobody drives any more, if there is nothing.
fn take(inner: &Inner, live: &Live) -> Option<Taken> {
    let mut cell = live.cell();
    live.driven.store(false, Ordering::Relaxed);
    let state = cell.state()?;
    let now = inner.clock.now();
    let end = state.end();
    let kept = state.kept.as_mut()?;
    if kept.is_settled() || kept.sealed {
        return None;
    }
    live.driven.store(true, Ordering::Relaxed);
    let id = CommitId(inner.clock.random());
    let mut write = LogWrite::new(live.key.clone());
    let from = kept.unsaved;
    // No record belongs to two branches.
    let own = state.meta.branches.current().from;
    let log = kept.head.map_or(0, |head| head.end.0);
    let mut own_log = log;
    let mut next = from;
    while next < end {
        let until = if next < own { own.min(end) } else { end };
        let runs = state.window.slice(next, until, Limit { entries: usize::MAX, bytes: RECORD });
        next += runs.iter().map(|run| run.range.len() as u64).sum::<u64>();
        write.append.push(encode_record(&runs, state.last_at));
        if next == own {
            own_log = log + write.append.len() as u64;
        }
    }
    state.meta.branches.place(own_log);
    if kept.meta_dirty {
        write.base = Some(encode_meta(&state.meta));
    }
    if kept.expire_dirty {
        (write.expire, state.deadline) = expire(&state.meta, now);
    }
    write.expect = match kept.head {
        None => Expect::Absent,
        Some(head) if write.base.is_none() && write.append.is_empty() => {
            Expect::Incarnation(head.incarnation)
        }
        Some(head) => Expect::Etag(head.etag),
    };
    let (change, progress) = (kept.accepted, Arc::clone(&kept.progress));
    let waiting = std::mem::take(&mut kept.waiting);
    (kept.unsaved, kept.in_flight, kept.moving) = (end, Some(id), write.moves());
    (kept.meta_dirty, kept.expire_dirty, kept.hurry) = (false, false, false);
    Some(Taken { write, id, from, end, change, closed: state.meta.closed, progress, waiting })
}

impl Kept {
    /// What was taken and is not stored waits again.
    pub(super) fn untake(&mut self, taken: &Taken) {
        self.waiting += taken.waiting;
        self.meta_dirty |= taken.write.base.is_some();
        self.expire_dirty |= taken.write.expire != Expire::Keep;
    }
}

/// The deadline of a stream that was written or read just now, for the storage and for this process.
fn expire(meta: &Meta, now: Timestamp) -> (Expire, Option<Timestamp>) {
    let life = match (meta.phase, meta.expiry) {
        (Phase::Building, _) => BUILDING,
        (Phase::Awaited, _) => AWAITED,
        // What forks were made of is kept as long as they are.
        (Phase::Deleted, _) | (Phase::Here, Expiry::Never) => return (Expire::Never, None),
        (Phase::Here, Expiry::Sliding(ttl)) => stored_life(ttl),
        (Phase::Here, Expiry::At(at)) => at.since(now),
    };
    (Expire::After(life), Some(now.after(life)))
}

/// What was taken is stored.
fn settled(live: &Live, taken: &Taken, head: Option<LogHead>) {
    let mut cell = live.cell();
    let Some(state) = cell.state_of(&taken.progress) else { return };
    let Some(kept) = state.kept.as_mut() else { return };
    (kept.in_flight, kept.moving) = (None, false);
    kept.progress.settle(taken.change);
    state.shown = state.shown.max(taken.end);
    state.ended = taken.closed;
    let is_known = |head: LogHead| kept.head.is_some_and(|known| known.etag == head.etag);
    match head {
        // The deadline alone was moved, after somebody else had written: that is read when somebody looks.
        Some(head) if !taken.write.moves() && !is_known(head) => {}
        Some(_) => kept.head = head,
        // Somebody else has written since: what is in memory is outdated.
        None => cell.drop_failed(Place::Unknown, Kind::Conflict, "somebody else wrote first".to_owned()),
    }
}

/// What was taken could not be stored. How long to wait before it is tried again; else it has failed, with all that
/// was accepted after it.
fn failed(live: &Live, taken: &Taken, error: &Error, wait: Option<Duration>) -> Option<Duration> {
    let mut cell = live.cell();
    let wait = wait.filter(|_| error.kind() == Kind::Unavailable);
    let state = cell.state_of(&taken.progress)?;
    if state.meta.visible == Visible::Live
        && let (Some(wait), Some(kept)) = (wait, &mut state.kept)
    {
        (kept.in_flight, kept.moving, kept.unsaved) = (None, false, taken.from);
        kept.untake(taken);
        return Some(wait);
    }
    cell.drop_failed(Place::Unknown, error.kind(), error.to_string());
    None
}
