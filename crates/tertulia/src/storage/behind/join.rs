//! Joins queued batches into one, where that is exact: afterwards the logs hold what they would hold had the batches
//! been committed one by one.

use std::sync::Arc;

use super::super::{
    Batch, CommitId, Committed, Expect, Expire, Limits, LogHead, LogWrite, Offset, Page, Write,
};
use super::lane::Waiting;
use super::pending::{Left, Pending, Queued};
use crate::{Error, Result};

/// Batches that are committed as one, under the id of the first.
///
/// Only a batch that writes no log beside those of the first one is joined with it, and only if each of its writes
/// builds on the group or expects nothing. So what the group expects is what its first batch expects, and if that
/// does not hold, all would have failed one by one too. And a log that the group creates is created by its first
/// batch, which makes its incarnation the id of the batch that creates it, joined or not.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) members: Vec<Pending>,
    id: CommitId,
    writes: Vec<Joined>,
    /// Of bases and entries.
    bytes: usize,
    /// What its members count in the queue.
    pub(super) cost: usize,
    /// `Conflict`, if the first batch builds on what is not there.
    pub(super) refused: Option<Error>,
}

/// The writes of a group to one log, as one.
#[derive(Debug)]
struct Joined {
    write: LogWrite,
    leaves: Leaves,
    /// The log's end after the write, if that is certain.
    end: Option<Offset>,
    /// The last batch that moved the log, by its number; 0 if none did.
    moved_by: u64,
}

/// Whether there is a log after a write whose expectation held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    Log,
    Nothing,
    /// It depends on what was there.
    Either,
}

impl Group {
    pub(super) fn of(first: Waiting) -> Self {
        let Waiting { pending, writes, cost } = first;
        let number = pending.place().number;
        let mut refused = None;
        let bytes = writes.iter().map(|queued| queued.write.bytes()).sum();
        let joined = |Queued { mut write, after }: Queued| {
            let mut head = None;
            match after.map(|after| after.expectation(&write)).transpose() {
                Ok(None) => {}
                Ok(Some((expect, known))) => (write.expect, head) = (expect, known),
                Err(error) => refused = Some(error),
            }
            Joined::new(write, head, number)
        };
        let writes = writes.into_iter().map(joined).collect();
        Self { id: pending.commit_id(), members: vec![pending], writes, bytes, cost, refused }
    }

    /// Whether the next batch can be joined with these.
    pub(super) fn takes(&self, next: &Waiting, limits: &Limits) -> bool {
        let bytes: usize = next.writes.iter().map(|queued| queued.write.bytes()).sum();
        self.refused.is_none()
            && self.bytes + bytes <= limits.batch_bytes
            && next.writes.iter().enumerate().all(|(i, queued)| {
                self.place(i, &queued.write).is_some_and(|place| {
                    (self.builds_on_this(queued) || queued.write.expect == Expect::Any)
                        && self.writes[place].takes(&queued.write)
                })
            })
    }

    /// Joins a batch that [`takes`](Self::takes) said yes to.
    pub(super) fn join(&mut self, next: Waiting) {
        let Waiting { pending, writes, cost } = next;
        for (i, Queued { write, .. }) in writes.into_iter().enumerate() {
            let place = self.place(i, &write).expect("the group writes every log of a batch that it takes");
            let joined = &mut self.writes[place];
            self.bytes -= joined.write.bytes();
            joined.join(write, pending.place().number);
            self.bytes += joined.write.bytes();
        }
        self.cost += cost;
        self.members.push(pending);
    }

    /// Where the group writes the same log; most often at the same place.
    fn place(&self, guess: usize, write: &LogWrite) -> Option<usize> {
        if self.writes.get(guess).is_some_and(|joined| joined.write.key == write.key) {
            return Some(guess);
        }
        self.writes.iter().position(|joined| joined.write.key == write.key)
    }

    /// Whether a write was made from the result of a batch in this group.
    fn builds_on_this(&self, queued: &Queued) -> bool {
        let first = self.members[0].place();
        queued
            .after
            .as_ref()
            .is_some_and(|after| after.place().queue == first.queue && after.place().number >= first.number)
    }

    /// The batch to commit; the same each time.
    pub(super) fn batch(&self) -> Batch {
        Batch::new(self.id, self.writes().cloned().map(Write::Log).collect())
    }

    /// The number of its last member.
    pub(super) fn last(&self) -> u64 {
        self.members.last().map_or(0, |last| last.place().number)
    }

    /// The logs it writes.
    pub(super) fn writes(&self) -> impl ExactSizeIterator<Item = &LogWrite> {
        self.writes.iter().map(|joined| &joined.write)
    }

    /// What a commit left, from its answer.
    pub(super) fn left(&self, committed: &Committed) -> Arc<[Left]> {
        let heads = committed.heads.iter().map(|head| head.and_then(|head| head.log()));
        self.writes.iter().zip(heads).map(|(joined, head)| joined.left(head, true)).collect()
    }

    /// What a commit left whose answer was lost, from what is there now; `None` if nothing shows that it was
    /// applied. It shows by its id in a log that it moves; one that moves none, by what it deletes.
    pub(super) fn found(&self, pages: &[Result<Option<Page>>]) -> Option<Arc<[Left]>> {
        // `None` where the log cannot be read.
        let heads: Vec<Option<Option<LogHead>>> = pages.iter().map(head).collect();
        let is_applied = if self.writes().any(LogWrite::moves) {
            let is_mine = |head: LogHead| head.etag.commit == self.id || head.incarnation == self.id;
            heads.iter().any(|head| head.flatten().is_some_and(is_mine))
        } else {
            // A log that is to go and is not there is as it should be, by this commit or by another.
            let deletes = self.writes().zip(&heads).filter(|(write, _)| write.delete);
            let mut gone = deletes.map(|(_, head)| *head == Some(None)).peekable();
            gone.peek().is_some() && gone.all(|gone| gone)
        };
        is_applied.then(|| {
            let each = |(joined, head): (&Joined, Option<Option<LogHead>>)| {
                let is_ours = head.is_some_and(|head| joined.may_leave(self.id, head));
                joined.left(head.flatten(), is_ours)
            };
            self.writes.iter().zip(heads).map(each).collect()
        })
    }
}

impl Joined {
    /// The write of a group's first batch to a log that has this head, if that is certain.
    fn new(write: LogWrite, head: Option<LogHead>, number: u64) -> Self {
        let leaves = match write.expect {
            _ if write.delete => Leaves::Nothing,
            _ if write.moves() => Leaves::Log,
            Expect::Absent => Leaves::Nothing,
            Expect::Any => Leaves::Either,
            Expect::Incarnation(_) | Expect::Etag(_) | Expect::End(..) => Leaves::Log,
        };
        let end = match write.expect {
            Expect::End(_, end) => Some(end),
            Expect::Absent => Some(write.first.unwrap_or_default()),
            _ => head.map(|head| head.end),
        };
        let mut joined = Self { leaves, end, moved_by: 0, write };
        joined.moved(joined.write.append.len(), joined.write.moves() || joined.write.delete, number);
        joined
    }

    /// Whether a write that builds on this one, or expects nothing, can be joined with it.
    fn takes(&self, next: &LogWrite) -> bool {
        let holds = match next.expect {
            Expect::Any => true,
            Expect::Absent => self.leaves == Leaves::Nothing,
            Expect::Incarnation(_) | Expect::Etag(_) | Expect::End(..) => self.leaves == Leaves::Log,
        };
        // What comes after a delete is another log; where a log begins is said when it is created.
        let is_plain = !self.write.delete && self.write.first.is_none() && next.first.is_none();
        // To create a log is left to the batch whose id it gets.
        let creates = next.moves() && self.leaves != Leaves::Log;
        let loses = !next.append.is_empty() && self.may_clamp();
        holds && is_plain && !creates && !loses && !self.is_over()
    }

    fn join(&mut self, next: LogWrite, number: u64) {
        let (added, moves) = (next.append.len(), next.moves() || next.delete);
        if next.delete {
            self.write = next.expect(self.write.expect);
            self.leaves = Leaves::Nothing;
        } else {
            let write = &mut self.write;
            write.base = next.base.or_else(|| write.base.take());
            write.append.extend(next.append);
            write.trim = write.trim.max(next.trim);
            if next.expire != Expire::Keep {
                write.expire = next.expire;
            }
        }
        self.moved(added, moves, number);
    }

    fn moved(&mut self, added: usize, moves: bool, number: u64) {
        self.end = self.end.map(|end| Offset(end.0 + added as u64));
        if moves {
            self.moved_by = number;
        }
    }

    /// Whether the log is over as soon as it is written; storages count milliseconds.
    fn is_over(&self) -> bool {
        matches!(self.write.expire, Expire::After(duration) if duration.as_millis() == 0)
    }

    /// Whether the trim may reach past the end, so that it would take with it what is appended later.
    fn may_clamp(&self) -> bool {
        self.write.trim.is_some_and(|trim| self.end.is_none_or(|end| trim > end))
    }

    /// Whether `commit` may have left the log with this head.
    fn may_leave(&self, commit: CommitId, head: Option<LogHead>) -> bool {
        if self.write.delete {
            head.is_none()
        } else if self.write.moves() {
            head.is_some_and(|head| head.etag.commit == commit)
        } else {
            self.write.expect.holds(head)
        }
    }

    fn left(&self, head: Option<LogHead>, is_ours: bool) -> Left {
        Left { key: self.write.key.clone(), head, moved_by: self.moved_by, is_ours }
    }
}

fn head(page: &Result<Option<Page>>) -> Option<Option<LogHead>> {
    let page = page.as_ref().ok()?;
    Some(page.as_ref().and_then(|page| page.head().log()))
}
