//! Reading a run: the snapshot that a checkpoint builds on, and what changed since.

use std::ops::Range;

use bytes::Bytes;

use super::shelf::{Shelf, moment};
use crate::error::Kind;
use crate::graph::checkpoint::{Checkpoint, Parent, Position};
use crate::graph::format::{Base, Record, State};
use crate::graph::{RunId, Status, Which};
use crate::session::track::{Needs, Track};
use crate::storage::{Base as WithBase, CommitId, From, LogHead, LogPage, Offset, Page, Read};
use crate::{Conversation, Error, Key, Result, Timestamp};

/// How many entries are read at once when it is not known how many are needed.
const SOME: usize = 64;

/// How many are read at once when all are looked at.
const MANY: usize = 4_096;

/// The most bytes and entries of a page.
const PAGE_BYTES: usize = 16 << 20;
const PAGE_ENTRIES: usize = 100_000;

/// What a state is made of, as it is stored.
#[derive(Debug)]
pub(in crate::graph) struct Chain {
    pub(in crate::graph) head: LogHead,
    pub(in crate::graph) graph: String,
    /// When its checkpoint was written, or it was begun.
    stamp: u64,
    pub(in crate::graph) parent: Option<Parent>,
    /// The checkpoint; `None` for the beginning.
    pub(in crate::graph) seq: Option<u64>,
    pub(in crate::graph) status: Option<Status>,
    pub(in crate::graph) position: Position,
    /// The first checkpoint of the step that failed or was given up, if that is where the run stands.
    pub(in crate::graph) unfinished: Option<u64>,
    pub(in crate::graph) cause: String,
    /// The snapshot that it builds on; `None` for the base.
    pub(in crate::graph) snapshot: Option<u64>,
    pub(in crate::graph) whole: Bytes,
    /// What changed since, oldest first.
    pub(in crate::graph) changes: Vec<Bytes>,
    /// What the last completed steps said that are part of the same thing, each a JSON array, the oldest first.
    pub(in crate::graph) said: Vec<String>,
}

impl Chain {
    /// Reads it; `None` if there is no such run.
    ///
    /// # Errors
    /// `Gone` if that checkpoint was pruned, `Invalid` if there never was one; `Corrupt`; what the storage gives.
    pub(in crate::graph) async fn read(
        shelf: &Shelf,
        id: &RunId,
        key: &Key,
        which: Which,
    ) -> Result<Option<Self>> {
        let from = match which {
            Which::Latest => From::Last(SOME),
            Which::Beginning | Which::At(_) => From::Last(0),
        };
        let limit = if which == Which::Latest { SOME } else { 0 };
        let read = Read::new(key.clone()).from(from).limit(limit, PAGE_BYTES);
        let Some(page) = page(shelf, id, read).await? else { return Ok(None) };
        let base = page.base.clone().ok_or_else(|| corrupt(id, "it has no beginning"))?;
        let head = page.head;
        let target = match which {
            Which::Latest => head.end.0.checked_sub(1),
            Which::Beginning => None,
            Which::At(seq) => Some(seq),
        };
        let beginning = Base::decode(&base).map_err(|error| error.context(id))?;
        let chain = Self::of_base(head, &base, &beginning).map_err(|error| error.context(id))?;
        let Some(target) = target.filter(|seq| Some(*seq) != beginning.seq) else {
            return Ok(Some(chain));
        };
        if target >= head.end.0 {
            return Err(Error::invalid(format!(
                "{id} has no checkpoint {target}, its last is {}",
                head.end.0.checked_sub(1).map_or("its beginning".to_owned(), |last| last.to_string())
            )));
        }
        if target < head.start.0 {
            return Err(Error::new(
                Kind::Gone,
                format!("{id}: checkpoint {target} was pruned, the first that is left is {}", head.start.0),
            ));
        }
        let (first, entries) = if which == Which::Latest {
            (page.first.0, page.entries)
        } else {
            (target, range(shelf, id, key, head.incarnation, target, target + 1).await?)
        };
        chain.follow(shelf, id, key, target, first, entries).await.map(Some)
    }

    fn of_base(head: LogHead, bytes: &Bytes, base: &Base<'_>) -> Result<Self> {
        let parent = base.parent.map(|parent| {
            let run = RunId::new(Conversation::parse(parent.conversation)?, parent.name)?;
            let (action, birth) = parent.child.unzip();
            let (action, birth) = (action.map(str::to_owned), birth.unwrap_or_default());
            Ok::<_, Error>(Parent { run, seq: parent.seq, action, birth })
        });
        Ok(Self {
            head,
            graph: base.graph.to_owned(),
            stamp: base.stamp,
            parent: parent.transpose()?,
            seq: base.seq,
            status: None,
            position: base.position.into(),
            unfinished: None,
            cause: String::new(),
            snapshot: base.seq,
            whole: bytes.slice_ref(base.state),
            changes: Vec::new(),
            said: Vec::new(),
        })
    }

    /// On from the base to checkpoint `target`, of which `entries` from `first` on are read already.
    async fn follow(
        mut self,
        shelf: &Shelf,
        id: &RunId,
        key: &Key,
        target: u64,
        mut first: u64,
        mut entries: Vec<Bytes>,
    ) -> Result<Self> {
        let incarnation = self.head.incarnation;
        let newest = usize::try_from(target - first).ok().and_then(|at| entries.get(at));
        let newest = newest.ok_or_else(|| corrupt(id, "an entry is missing"))?;
        let newest = Record::decode(newest).map_err(|error| error.context(id))?;
        self.seq = Some(target);
        (self.status, self.position) = (Some(newest.status), newest.position.into());
        (self.cause, self.stamp) = (newest.cause.to_owned(), newest.stamp);
        let begin = match newest.state {
            State::Snapshot { .. } => target,
            State::Change { back, .. } => {
                let snapshot =
                    (target + 1).checked_sub(back).ok_or_else(|| corrupt(id, "it builds on nothing"))?;
                match snapshot.checked_sub(1) {
                    Some(snapshot) if snapshot >= self.head.start.0 => snapshot,
                    // Pruned: the base has its place. What follows it follows the base.
                    _ => self.snapshot.map_or(0, |seq| seq + 1),
                }
            }
        };
        if begin < first {
            let mut before = range(shelf, id, key, incarnation, begin, first).await?;
            before.append(&mut entries);
            (first, entries) = (begin, before);
        }
        let skip = usize::try_from(begin - first).unwrap_or(usize::MAX);
        let until = usize::try_from(target + 1 - first).unwrap_or(usize::MAX);
        for (seq, entry) in (begin..).zip(entries.get(skip..until).unwrap_or_default()) {
            let record = Record::decode(entry).map_err(|error| error.context(id))?;
            if record.cause != self.cause {
                self.said.clear();
            } else if !record.said.is_empty() && record.status == Status::Completed {
                self.said.push(record.said.to_owned());
            }
            self.unfinished = match record.status {
                Status::Failed | Status::Cancelled => self.unfinished.or(Some(seq)),
                Status::Completed | Status::Updated | Status::Reset => None,
            };
            match record.state {
                State::Snapshot { whole, .. } => {
                    self.snapshot = Some(seq);
                    self.whole = entry.slice_ref(whole);
                    self.changes.clear();
                }
                State::Change { change, .. } if !change.is_empty() => {
                    self.changes.push(entry.slice_ref(change))
                }
                State::Change { .. } => {}
            }
        }
        Ok(self)
    }

    /// The checkpoints before `before`, newest first, at most `count`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(in crate::graph) async fn history(
        shelf: &Shelf,
        id: &RunId,
        key: &Key,
        before: Option<u64>,
        count: usize,
    ) -> Result<Vec<Checkpoint>> {
        let Some(page) = page(shelf, id, Read::head(key.clone())).await? else { return Ok(Vec::new()) };
        let end = before.unwrap_or(u64::MAX).min(page.head.end.0);
        let first = end.saturating_sub(count as u64).max(page.head.start.0);
        if first >= end {
            return Ok(Vec::new());
        }
        let entries = range(shelf, id, key, page.head.incarnation, first, end).await?;
        let mut checkpoints = Vec::with_capacity(entries.len());
        for (seq, entry) in (first..).zip(&entries) {
            checkpoints.push(checkpoint(seq, entry).map_err(|error| error.context(id))?);
        }
        checkpoints.reverse();
        Ok(checkpoints)
    }
}

impl Chain {
    /// Adds what the versions at these checkpoints need, which have not been pruned. The one that the first of them goes on from is
    /// looked at already.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(in crate::graph) async fn needs(
        &self,
        shelf: &Shelf,
        id: &RunId,
        key: &Key,
        seqs: Range<u64>,
        needs: &mut Needs,
    ) -> Result<()> {
        for from in seqs.clone().step_by(MANY) {
            let to = seqs.end.min(from + MANY as u64);
            for entry in &range(shelf, id, key, self.head.incarnation, from, to).await? {
                let looked = Record::decode(entry).and_then(|record| match record.state {
                    State::Snapshot { whole, .. } => needs.whole(whole),
                    State::Change { change, .. } if !change.is_empty() => needs.change(change),
                    State::Change { .. } => Ok(()),
                });
                looked.map_err(|error| error.context(id))?;
            }
        }
        Ok(())
    }

    /// The number that the next log inside the state gets.
    pub(in crate::graph) fn next_log(&self) -> Result<u64> {
        Track::next_log_of(self.changes.last().unwrap_or(&self.whole))
    }

    /// The base of the run with this state, which is that of this checkpoint, as its beginning.
    pub(in crate::graph) fn base(&self, whole: &[u8]) -> Vec<u8> {
        let conversation = self.parent.as_ref().map(|parent| parent.run.conversation().to_string());
        let parent = self.parent.as_ref().zip(conversation.as_deref());
        let parent = parent.map(|(parent, conversation)| parent.in_base(conversation));
        let position = (&self.position).into();
        Base { graph: &self.graph, stamp: self.stamp, parent, seq: self.seq, position, state: whole }.encode()
    }

    /// The latest checkpoint of a run, with its stamp and its moment; `None` if there is no such run.
    pub(in crate::graph) async fn latest(
        shelf: &Shelf,
        id: &RunId,
        key: &Key,
    ) -> Result<Option<(Option<u64>, u64, Timestamp)>> {
        let read = Read::new(key.clone()).from(From::Last(1)).limit(1, PAGE_BYTES);
        let Some(page) = page(shelf, id, read).await? else { return Ok(None) };
        let context = |error: Error| error.context(id);
        if let Some(entry) = page.entries.last() {
            let stamp = Record::decode(entry).map_err(context)?.stamp;
            return Ok(Some((page.head.end.0.checked_sub(1), stamp, moment(stamp))));
        }
        let base = page.base.ok_or_else(|| corrupt(id, "it has no beginning"))?;
        let base = Base::decode(&base).map_err(context)?;
        Ok(Some((base.seq, base.stamp, moment(base.stamp))))
    }
}

fn checkpoint(seq: u64, entry: &Bytes) -> Result<Checkpoint> {
    let record = Record::decode(entry)?;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Checkpoint {
        seq,
        parent: match record.state {
            State::Snapshot { parent, .. } => parent,
            State::Change { .. } => seq.checked_sub(1),
        },
        status: record.status,
        position: record.position.into(),
        at: moment(record.stamp),
        error: text(record.error),
        cause: text(record.cause),
    })
}

/// The entries from one checkpoint to another, in as many pages as it takes.
async fn range(
    shelf: &Shelf,
    id: &RunId,
    key: &Key,
    incarnation: CommitId,
    from: u64,
    to: u64,
) -> Result<Vec<Bytes>> {
    let mut entries = Vec::new();
    let mut next = from;
    while next < to {
        let count = usize::try_from(to - next).unwrap_or(usize::MAX).min(PAGE_ENTRIES);
        let read = Read::new(key.clone())
            .from(From::At(incarnation, Offset(next)))
            .limit(count, PAGE_BYTES)
            .base(WithBase::Never);
        let page = page(shelf, id, read).await?.filter(|page| !page.entries.is_empty());
        let page = page.ok_or_else(|| corrupt(id, "an entry is missing"))?;
        next += page.entries.len() as u64;
        entries.extend(page.entries);
    }
    Ok(entries)
}

async fn page(shelf: &Shelf, id: &RunId, read: Read) -> Result<Option<LogPage>> {
    let pages = shelf.within(id, shelf.storage.read(std::slice::from_ref(&read))).await?;
    let page = pages.into_iter().next().transpose().map_err(|error| error.context(id))?.flatten();
    Ok(page.and_then(Page::into_log))
}

fn corrupt(id: &RunId, what: &str) -> Error {
    Error::corrupt(format!("{id}: {what}"))
}
