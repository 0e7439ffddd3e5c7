//! The log of one run, as whoever writes it knows it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::chain::Chain;
use super::shelf::{Shelf, moment};
use crate::error::Kind;
use crate::graph::format::{At, Base, Record, State};
use crate::graph::{Moved, Parent, RunId, Status};
use crate::session::track::{Change, Track};
use crate::storage::{
    CommitId, Expect, Expire, Head, LogHead, LogWrite, Outcome, Pending, Queued, commit_logs, commit_made,
};
use crate::{Error, Key, Result, Timestamp};

/// What changed is joined into a snapshot when it has more bytes than the last one, but not before this many.
const FEW_BYTES: u64 = 64 << 10;

/// The log of a run.
#[derive(Debug)]
pub(in crate::graph) struct Stored {
    shelf: Arc<Shelf>,
    id: Arc<RunId>,
    key: Key,
    /// As of the last checkpoint that this writer knows of; while that is queued, as it will be but for the etag.
    head: LogHead,
    /// The queued batch with the last checkpoint.
    pending: Option<Pending>,
    /// All that are queued, where they are counted.
    queued: VecDeque<Pending>,
    /// The snapshot that the next change builds on; `None` for the base.
    snapshot: Option<u64>,
    whole_bytes: u64,
    /// What changed since, in bytes.
    change_bytes: u64,
    /// The next checkpoint goes on from this one, and not from the log's last.
    branch: Option<Option<u64>>,
    /// When the deadline was set last.
    renewed: Option<Timestamp>,
}

/// A checkpoint to be written.
#[derive(Clone, Copy, Debug)]
pub(in crate::graph) struct Entry<'a> {
    pub(in crate::graph) status: Status,
    pub(in crate::graph) at: At<'a>,
    pub(in crate::graph) cause: &'a str,
    pub(in crate::graph) error: &'a str,
    pub(in crate::graph) said: &'a str,
}

/// The writes of a checkpoint, and what the log is when they are committed.
#[derive(Debug)]
pub(in crate::graph) struct Prepared {
    pub(in crate::graph) writes: Vec<LogWrite>,
    /// The checkpoint's number.
    pub(in crate::graph) seq: u64,
    snapshot: Option<Option<u64>>,
    whole_bytes: u64,
    change_bytes: u64,
    renewed: Option<Timestamp>,
}

impl Stored {
    /// Makes a run; with `guard`, only if its parent is there.
    ///
    /// # Errors
    /// `Conflict` if there is one of that name; `Gone` if its parent is not there.
    pub(in crate::graph) async fn create(
        shelf: &Arc<Shelf>,
        id: &Arc<RunId>,
        graph: &str,
        parent: Option<&Parent>,
        position: At<'_>,
        (track, mut change): (&mut Track, Change),
        guard: bool,
    ) -> Result<Self> {
        let key = id.key()?;
        let guard = parent.filter(|_| guard).map(|parent| Ok::<_, Error>((parent, parent.run.key()?)));
        let guard = guard.transpose()?;
        let conversation = parent.map(|parent| parent.run.conversation().to_string());
        let parent =
            parent.zip(conversation.as_deref()).map(|(parent, conversation)| parent.in_base(conversation));
        let whole = change.whole(track);
        let stamp = shelf.stamp();
        let base = Base { graph, stamp, parent, seq: None, position, state: &whole }.encode();
        let mut writes = vec![LogWrite::new(key.clone()).expect(Expect::Absent).base(base)];
        writes.extend(change.writes());
        if let Some(life) = shelf.expiry {
            writes.iter_mut().for_each(|write| write.expire = Expire::After(longer(life)));
        }
        let ours = writes.len();
        if let Some((parent, key)) = &guard {
            let expect = Expect::Incarnation(CommitId(parent.birth));
            writes.push(LogWrite::new(key.clone()).expect(expect));
        }
        let commit = CommitId(shelf.clock.random());
        let heads = shelf.within(id, commit_logs(&shelf.storage, &shelf.clock, commit, writes)).await;
        let is_gone = |error: &Error| {
            let conflict = error.detail::<crate::storage::Conflict>();
            let parent = guard.as_ref().zip(conflict);
            parent.is_some_and(|((_, key), conflict)| conflict.failed.iter().any(|failed| failed.key == *key))
        };
        let heads = heads.map_err(|error| match error.kind() {
            Kind::Conflict if is_gone(&error) => {
                Error::new(Kind::Gone, format!("{id}: the run that it is a child of was deleted"))
                    .with_source(error)
            }
            Kind::Conflict => Error::new(Kind::Conflict, format!("{id} is there already")).with_source(error),
            _ => error.context(id),
        })?;
        let head =
            heads.first().copied().flatten().and_then(|head| head.log()).ok_or_else(|| outdated(id))?;
        change.committed(heads.get(1..ours).unwrap_or_default());
        track.accept(change);
        Ok(Self {
            shelf: Arc::clone(shelf),
            id: Arc::clone(id),
            key,
            head,
            pending: None,
            queued: VecDeque::new(),
            snapshot: None,
            whole_bytes: whole.len() as u64,
            change_bytes: 0,
            branch: None,
            renewed: Some(shelf.clock.now()),
        })
    }

    /// The log of a run that goes on from what was read.
    pub(in crate::graph) fn of(shelf: &Arc<Shelf>, id: &Arc<RunId>, chain: &Chain) -> Result<Self> {
        let last = chain.head.end.0.checked_sub(1).filter(|last| *last >= chain.head.start.0);
        let is_last = chain.seq == last || last.is_none();
        Ok(Self {
            shelf: Arc::clone(shelf),
            id: Arc::clone(id),
            key: id.key()?,
            head: chain.head,
            pending: None,
            queued: VecDeque::new(),
            snapshot: chain.snapshot,
            whole_bytes: chain.whole.len() as u64,
            change_bytes: chain.changes.iter().map(|change| change.len() as u64).sum(),
            branch: (!is_last).then_some(chain.seq),
            renewed: None,
        })
    }

    /// Expects the run to be as it is known.
    pub(in crate::graph) fn check(&self) -> LogWrite {
        LogWrite::new(self.key.clone()).expect(Expect::Etag(self.head.etag))
    }

    /// Tells it apart from others that had its name.
    pub(in crate::graph) fn birth(&self) -> u64 {
        self.head.incarnation.0
    }

    /// The number that the next checkpoint gets.
    pub(in crate::graph) fn next(&self) -> u64 {
        self.head.end.0
    }

    /// What to write of a checkpoint, after `before`, which changes nothing of the state.
    pub(in crate::graph) fn prepare(
        &self,
        track: &Track,
        before: Option<Entry<'_>>,
        entry: Entry<'_>,
        change: Option<&Change>,
    ) -> Prepared {
        self.prepare_at(self.shelf.stamp(), track, before, entry, change)
    }

    /// The same at this moment: as often as it is asked for, it is the same.
    fn prepare_at(
        &self,
        stamp: u64,
        track: &Track,
        before: Option<Entry<'_>>,
        entry: Entry<'_>,
        change: Option<&Change>,
    ) -> Prepared {
        let mut seq = self.next();
        let mut write = self.check();
        let (mut snapshot, mut whole_bytes, mut change_bytes) = (None, self.whole_bytes, self.change_bytes);
        let record = |entry: Entry<'_>, state: State<'_>| {
            let Entry { status, at, cause, error, said } = entry;
            Record { status, position: at, stamp, cause, error, said, state }.encode()
        };
        let mut branch = self.branch;
        let mut known = self.snapshot;
        if let Some(before) = before {
            let state = track.whole();
            let back = seq + 1 - known.map_or(0, |snapshot| snapshot + 1);
            let state = match branch.take() {
                Some(parent) => {
                    (snapshot, known) = (Some(Some(seq)), Some(seq));
                    (whole_bytes, change_bytes) = (state.len() as u64, 0);
                    State::Snapshot { parent, whole: &state }
                }
                None => State::Change { back, change: &[] },
            };
            write.append.push(record(before, state).into());
            seq += 1;
        }
        let changed = change.map_or(&[][..], Change::record);
        let many = change_bytes + changed.len() as u64 > FEW_BYTES.max(whole_bytes);
        if branch.is_some() || (many && !changed.is_empty()) {
            let whole = change.map_or_else(|| track.whole(), |change| change.whole(track));
            snapshot = Some(Some(seq));
            (whole_bytes, change_bytes) = (whole.len() as u64, 0);
            let parent = branch.unwrap_or_else(|| seq.checked_sub(1));
            write.append.push(record(entry, State::Snapshot { parent, whole: &whole }).into());
        } else {
            let back = seq + 1 - known.map_or(0, |snapshot| snapshot + 1);
            change_bytes += changed.len() as u64;
            write.append.push(record(entry, State::Change { back, change: changed }).into());
        }
        let mut writes = vec![write];
        if let Some(change) = change {
            writes.extend(change.writes());
        }
        let renewed = self.renew(moment(stamp), track, &mut writes);
        Prepared { writes, seq, snapshot, whole_bytes, change_bytes, renewed }
    }

    /// Moves the deadline, of all logs of the run, when it is time to.
    fn renew(&self, now: Timestamp, track: &Track, writes: &mut Vec<LogWrite>) -> Option<Timestamp> {
        let life = self.shelf.expiry?;
        if self.renewed.is_some_and(|renewed| now.since(renewed) < life / 4) {
            // A log that is new gets a deadline of its own.
            writes.iter_mut().skip(1).for_each(|write| {
                if write.expect == Expect::Absent {
                    write.expire = Expire::After(longer(life));
                }
            });
            return None;
        }
        let most = self.shelf.storage.properties().limits.writes;
        for log in track.log_keys() {
            if writes.len() < most && !writes.iter().any(|write| write.key == log) {
                writes.push(LogWrite::new(log));
            }
        }
        writes.iter_mut().for_each(|write| write.expire = Expire::After(longer(life)));
        Some(now)
    }

    /// Writes a checkpoint, after `before`, which changes nothing of the state: commits it, or queues it.
    ///
    /// # Errors
    /// `Conflict` with [`Moved`] if somebody else wrote first; what the storage gives.
    pub(in crate::graph) async fn write(
        &mut self,
        track: &mut Track,
        before: Option<Entry<'_>>,
        entry: Entry<'_>,
        change: Option<Change>,
    ) -> Result<u64> {
        let stamp = self.shelf.stamp();
        let prepare = || self.prepare_at(stamp, track, before, entry, change.as_ref());
        let mut prepared = prepare();
        if self.shelf.behind.is_some() {
            return self.queue(track, prepared, change).await;
        }
        let writes = std::mem::take(&mut prepared.writes);
        let heads = self.commit(writes, || prepare().writes).await?;
        self.written(track, prepared, change, &heads)
    }

    /// Writes what was prepared, as [`write`](Self::write).
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(in crate::graph) async fn write_prepared(
        &mut self,
        track: &mut Track,
        prepared: Prepared,
        change: Option<Change>,
    ) -> Result<u64> {
        if self.shelf.behind.is_some() {
            return self.queue(track, prepared, change).await;
        }
        let heads = self.commit(prepared.writes.clone(), || prepared.writes.clone()).await?;
        self.written(track, prepared, change, &heads)
    }

    async fn commit(
        &self,
        writes: Vec<LogWrite>,
        again: impl Fn() -> Vec<LogWrite>,
    ) -> Result<Vec<Option<Head>>> {
        let Shelf { storage, clock, .. } = &*self.shelf;
        let commit = CommitId(clock.random());
        let heads = self.shelf.within(&self.id, commit_made(storage, clock, commit, writes, again)).await;
        heads.map_err(|error| self.failed(error))
    }

    async fn queue(
        &mut self,
        track: &mut Track,
        prepared: Prepared,
        mut change: Option<Change>,
    ) -> Result<u64> {
        let shelf = Arc::clone(&self.shelf);
        let Some(behind) = &shelf.behind else {
            return Err(Error::internal(format!("{}: nothing commits in the background", self.id)));
        };
        self.room(shelf.max_queued).await;
        let queued = prepared.writes.iter().enumerate().map(|(nth, write)| {
            // The run's own log, which is first, stands for the others.
            let (after, expect) =
                if nth == 0 { (self.pending.clone(), write.expect) } else { (None, Expect::Any) };
            Queued { write: LogWrite { expect, ..write.clone() }, after }
        });
        let pending = behind.push(self.id.conversation(), queued.collect()).await?;
        let head =
            prepared.writes.first().map(|write| write.head_after(pending.commit_id(), Some(self.head)));
        let head = head.transpose()?.flatten();
        if let Some(change) = &mut change {
            change.queued(&pending);
        }
        self.written(track, prepared, change, &[head.map(Head::Log)])?;
        if shelf.max_queued.is_some() {
            self.queued.push_back(pending.clone());
        }
        self.pending = Some(pending);
        Ok(self.head.end.0 - 1)
    }

    /// Waits until fewer than so many are queued.
    async fn room(&mut self, most: Option<usize>) {
        let Some(most) = most else { return };
        while let Some(first) = self.queued.front() {
            if matches!(first.outcome(), Outcome::Queued) {
                if self.queued.len() < most.max(1) {
                    return;
                }
                first.settled().await;
            }
            self.queued.pop_front();
        }
    }

    /// What was prepared is stored, or will be, with these heads.
    pub(in crate::graph) fn written(
        &mut self,
        track: &mut Track,
        prepared: Prepared,
        change: Option<Change>,
        heads: &[Option<Head>],
    ) -> Result<u64> {
        let head = heads.first().copied().flatten().and_then(|head| head.log());
        self.head = LogHead { expires_in: None, ..head.ok_or_else(|| outdated(&self.id))? };
        if let Some(mut change) = change {
            // If they are only queued, there are no heads of the logs inside.
            change.committed(heads.get(1..).unwrap_or_default());
            track.accept(change);
        }
        if let Some(snapshot) = prepared.snapshot {
            self.snapshot = snapshot;
        }
        (self.whole_bytes, self.change_bytes) = (prepared.whole_bytes, prepared.change_bytes);
        self.renewed = prepared.renewed.or(self.renewed);
        self.branch = None;
        Ok(prepared.seq)
    }

    /// Says how a commit failed.
    pub(in crate::graph) fn failed(&self, error: Error) -> Error {
        if error.kind() != Kind::Conflict {
            return error.context(&self.id);
        }
        let actual = error.detail::<crate::storage::Conflict>().and_then(|conflict| {
            let ours = conflict.failed.iter().find(|failed| failed.key == self.key)?;
            ours.head?.log()?.end.0.checked_sub(1)
        });
        let moved = Moved { expected: self.next().checked_sub(1), actual };
        Error::new(Kind::Conflict, format!("{}: {moved}", self.id)).with_source(moved)
    }

    /// What became of what is queued: its error, if it failed.
    pub(in crate::graph) fn look(&self) -> Result<()> {
        match self.pending.as_ref().map(Pending::outcome) {
            Some(Outcome::Failed(failure)) => Err(self.failed(failure.into())),
            _ => Ok(()),
        }
    }

    /// Waits until what is queued is stored.
    pub(in crate::graph) async fn settled(&self) -> Result<()> {
        let Some(pending) = &self.pending else { return Ok(()) };
        match pending.settled().await {
            Outcome::Failed(failure) => Err(self.failed(failure.into())),
            Outcome::Queued | Outcome::Committed => Ok(()),
        }
    }
}

/// Deadlines are set late rather than early, since they are not moved each time.
fn longer(life: Duration) -> Duration {
    life + life / 4
}

fn outdated(id: &RunId) -> Error {
    Error::new(Kind::Conflict, format!("{id} was written by somebody else"))
}
