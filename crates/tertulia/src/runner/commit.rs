//! Ends a turn: the batch that carries an update's effects is the batch that removes it from the inbox.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::Ending;
use super::core::Core;
use super::format::{OutboxRecord, RESERVED, Ticket};
use super::index::Arrived;
use super::journal::{self, Draft, Kept};
use super::names::{INBOX, OUTBOX, SENT};
use super::outbox::Pending;
use super::panics::{caught, caught_async};
use super::riders::{Riding, queue};
use super::taken::{Halted, Taken};
use super::turn::{Asked, Collected};
use super::worker::Ended;
use super::{About, Call, Contribute, Handler, once};
use crate::error::Kind;
use crate::storage::{Append, Appended, Batch, CommitId, Committed, Conflict, LogWrite, Write};
use crate::{Error, Key, Result, Shard, Timestamp};

impl<H: Handler> Core<H> {
    /// Commits what a turn collected, together with the removal of its update.
    ///
    /// # Errors
    /// What fails the turn: a session that cannot be encoded, a batch over a limit.
    pub(super) async fn commit(
        self: &Arc<Self>,
        arrived: &Arrived,
        collected: Collected,
    ) -> Result<Ended, anyhow::Error> {
        let Collected {
            calls,
            early_calls,
            writes: extra,
            mut parts,
            taken,
            halted,
            hows,
            early,
            once,
            waits,
            ..
        } = collected;
        // What the journal tells of comes first.
        let told = caught(PART, || {
            parts.sort_by_key(|part| part.keeps_history());
            parts.partition_point(|part| !part.keeps_history())
        })?;
        let prepared = match prepare(&parts).await {
            Err(error) if error.kind() == Kind::Conflict => return Ok(Ended::Outdated),
            prepared => prepared?,
        };
        let already = arrived.released().calls as usize;
        let writes_nothing = extra.is_empty() && prepared.iter().all(Vec::is_empty);
        if writes_nothing && calls.len() <= already && halted.is_empty() {
            for part in &parts {
                ended(caught(PART, || part.released()));
            }
            self.riders.add(arrived.shard, |marks| {
                marks.inbox.push(arrived.discard());
                marks.inbox.extend(taken.arrived().map(|taken| taken.discard()));
            });
            self.meter.applied.increment(taken.len() as u64);
            taken.over();
            return Ok(Ended::Done);
        }
        if has_one_place_twice(arrived, &taken, &halted) {
            taken.unsure();
            halted.unsure();
            return Ok(Ended::Outdated);
        }
        let mut writes: Vec<Write> = Vec::with_capacity(4);
        let mut shares: SmallVec<[Range<usize>; 2]> = SmallVec::new();
        for (part, mut prepared) in parts.iter().zip(prepared) {
            if prepared.is_empty() {
                prepared = caught(PART, || part.checks())?;
            }
            shares.push(writes.len()..writes.len() + prepared.len());
            writes.extend(prepared.into_iter().map(Write::from));
        }
        let told_end = shares[..told].last().map_or(0, |share| share.end);
        let mut draft = self.journal.as_ref().map(|_| {
            let others = extra.iter().filter(|write| !once::is_of(write.key.name()));
            let hows = hows.into_iter().zip(taken.arrived());
            Draft {
                about: &arrived.about,
                taken: hows.map(|(how, other)| journal::Taken::new(how, &other.about)).collect(),
                waits,
                cancelled: halted.arrived().map(|other| journal::update(&other.about)).collect(),
                once,
                calls: early_calls.iter().chain(&calls).map(journal::call).collect(),
                writes: early.into_iter().chain(others.cloned()).collect(),
            }
        });
        writes.extend(extra.into_iter().map(Write::from));
        // A turn that writes to a `sent` log itself has its own ideas of it.
        let own = writes.iter().any(|write| *write.key().name() == SENT);
        let inbox = queue(&mut writes, arrived.shard, &INBOX);
        inbox.remove.push(arrived.removal());
        inbox.remove.extend(taken.arrived().chain(halted.arrived()).map(|other| other.removal()));
        for cancelled in halted.arrived() {
            self.handler.ending(&cancelled.about, Ending::Cancelled).await;
            writes.extend(self.farewell(cancelled)?.into_iter().map(Write::from));
        }
        let calls = self.append_calls(arrived, calls, already, &mut writes)?;
        let kept = match draft.take() {
            Some(draft) => self.keep(draft, &mut writes, told_end, &parts[..told], &shares).await,
            None => None,
        };
        let room = self.limits.writes.saturating_sub(writes.len());
        let mut marks = if own { None } else { self.riders.take(arrived.shard, room) };
        if let Some(marks) = &mut marks {
            marks.ride(&mut writes);
        }
        let keys: Vec<Key> = match &kept {
            Some(_) => writes[..told_end].iter().map(|write| write.key().clone()).collect(),
            None => Vec::new(),
        };
        match self.commit_turn(arrived, writes, marks).await? {
            Outcome::Committed(by, committed) => {
                if let Some((at, kept)) = kept {
                    self.kept(arrived, kept, keys, at, &committed);
                }
                for (part, share) in parts.iter().zip(shares) {
                    ended(caught(PART, || part.committed(&committed.heads[share])));
                }
                self.meter.applied.increment(taken.len() as u64);
                taken.over();
                self.meter.cancelled.increment(halted.over() as u64);
                self.send(arrived, calls, by, &committed.appended);
                Ok(Ended::Done)
            }
            Outcome::EntryMoved { perhaps_by_us } => {
                if perhaps_by_us && !calls.is_empty() {
                    let ours = |call: &Call| {
                        let Ticket { update, ordinal } = &call.ticket;
                        let is_new = call.ticket.early_number().is_none() && *ordinal as usize >= already;
                        *update == arrived.about.update && is_new
                    };
                    self.find_calls(arrived.shard, &ours).await;
                }
                taken.unsure();
                halted.unsure();
                Ok(Ended::EntryMoved)
            }
            Outcome::Conflict => {
                if let (Some((_, kept)), Some(keeper)) = (kept, &self.journal) {
                    keeper.refused(&arrived.about.conversation, kept);
                }
                taken.unsure();
                halted.unsure();
                Ok(Ended::Conflict)
            }
        }
    }

    /// Adds the turn's entry in the journal to its batch, of whose writes those before `told_end` are those of `parts`; gives
    /// where it is.
    async fn keep(
        &self,
        draft: Draft<'_>,
        writes: &mut Vec<Write>,
        told_end: usize,
        parts: &[Arc<dyn Contribute>],
        shares: &[Range<usize>],
    ) -> Option<(usize, Kept)> {
        let saved = parts.iter().zip(shares).filter_map(|(part, share)| Some((share.clone(), part.saved()?)));
        let saved: SmallVec<[_; 2]> = saved.collect();
        let keeper = self.journal.as_ref()?;
        let of_parts = &writes[..told_end];
        let (write, kept) = keeper.write(&*self.storage, &self.clock, draft, of_parts, &saved).await?;
        let bytes: usize = writes.iter().map(Write::bytes).sum();
        if writes.len() >= self.limits.writes || bytes + write.bytes() > self.limits.batch_bytes {
            tracing::warn!(conversation = %write.key, "a turn whose batch is full is not in the journal");
            return None;
        }
        writes.push(write.into());
        Some((writes.len() - 1, kept))
    }

    /// The batch with an entry in the journal was committed.
    fn kept(&self, arrived: &Arrived, kept: Kept, keys: Vec<Key>, at: usize, committed: &Committed) {
        let Some(keeper) = &self.journal else { return };
        let heads = committed.heads.iter().map(|head| head.and_then(|head| head.log()));
        let journal = committed.heads.get(at).and_then(Option::as_ref);
        let parts = keys.into_iter().zip(heads);
        keeper.committed(&arrived.about.conversation, kept, self.clock.now(), parts, journal);
    }

    /// Appends the calls that were not given out `already`, and gives them.
    fn append_calls(
        &self,
        arrived: &Arrived,
        calls: Vec<Asked>,
        already: usize,
        writes: &mut Vec<Write>,
    ) -> Result<Vec<OutboxRecord>> {
        if calls.len() <= already {
            return Ok(Vec::new());
        }
        let calls = calls.into_iter().zip(0..).skip(already);
        let records = call_records(arrived, self.clock.now(), calls);
        self.check_calls(&records)?;
        // No id: this batch also removes the update by its revision, so it cannot be applied twice.
        let appends = records.iter().map(|record| Append { id: None, bytes: record.encode() });
        queue(writes, arrived.shard, &OUTBOX).append.extend(appends);
        Ok(records)
    }

    /// Refuses calls that are too large.
    pub(super) fn check_calls(&self, records: &[OutboxRecord]) -> Result<()> {
        let most = self.limits.entry_bytes.saturating_sub(RESERVED);
        match records.iter().map(|record| record.call.body.len()).find(|bytes| *bytes > most) {
            Some(bytes) => {
                Err(Error::invalid(format!("a call has {bytes} bytes, at most {most} are allowed")))
            }
            None => Ok(()),
        }
    }

    /// What is written beside the removal of an update that is cancelled.
    fn farewell(&self, cancelled: &Arrived) -> Result<Vec<LogWrite>> {
        let mut writes = Vec::new();
        if !cancelled.released().has_answered() {
            writes = caught("the handler", || self.handler.cancelled(&cancelled.about))?;
        }
        let about = &cancelled.about;
        writes.push(LogWrite::new(once::key(&about.conversation, &about.update)?).delete());
        Ok(writes)
    }

    /// Hands committed calls to the outbox. They are the only appends of a turn's batch.
    pub(super) fn send(
        self: &Arc<Self>,
        arrived: &Arrived,
        calls: Vec<OutboxRecord>,
        by: CommitId,
        appended: &[Appended],
    ) {
        let pending = calls.into_iter().zip(appended).filter_map(|(record, appended)| match appended {
            Appended::At(offset) => {
                let pending = Pending::new(arrived.shard, *offset, by, record);
                Some(pending.passing(arrived.passes))
            }
            Appended::Seen => None,
        });
        self.queue_calls(pending);
    }

    /// Commits a turn's batch until it is known what became of it.
    async fn commit_turn(
        &self,
        arrived: &Arrived,
        writes: Vec<Write>,
        marks: Option<Riding<'_>>,
    ) -> Result<Outcome> {
        let keys: Vec<Key> = if marks.is_some() {
            writes.iter().map(|write| write.key().clone()).collect()
        } else {
            Vec::new()
        };
        let batch = Batch::new(CommitId(self.clock.random()), writes);
        let mut perhaps_by_us = false;
        let mut wait = Duration::from_millis(20);
        loop {
            match self.storage.commit(batch.clone()).await {
                Ok(committed) => {
                    self.riders.note_heads(&keys, &committed.heads);
                    marks.into_iter().for_each(Riding::arrived);
                    return Ok(Outcome::Committed(batch.id, committed));
                }
                Err(error) => match error.kind() {
                    Kind::Conflict if names_entry(&error, arrived) => {
                        // Perhaps the marks are in too: they are looked at when they leave alone.
                        if !perhaps_by_us {
                            marks.into_iter().for_each(Riding::refused);
                        }
                        return Ok(Outcome::EntryMoved { perhaps_by_us });
                    }
                    Kind::Conflict => {
                        marks.into_iter().for_each(Riding::refused);
                        return Ok(Outcome::Conflict);
                    }
                    // The same batch again is safe: it removes the update by its revision.
                    Kind::Unknown | Kind::Timeout => perhaps_by_us = true,
                    Kind::Unavailable => {}
                    Kind::Closed => self.give_up(error).await,
                    _ => {
                        marks.into_iter().for_each(Riding::refused);
                        return Err(error);
                    }
                },
            }
            tracing::warn!(update = ?arrived.about.update, "a turn was not committed, trying again");
            self.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// Finds the calls of a commit that was applied though its answer was lost.
    pub(super) async fn find_calls(
        self: &Arc<Self>,
        shard: Shard,
        of_this_turn: &(impl Fn(&Call) -> bool + Sync),
    ) {
        let mut wait = Duration::from_millis(20);
        while let Err(error) = self.read_calls(shard, of_this_turn).await {
            tracing::warn!(%error, "the outbox cannot be read, trying again");
            self.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }
}

/// Whether two of the updates that a turn ends have the same place in the inbox. One of them was lost by a storage that
/// failed over, and no batch may change an entry twice.
fn has_one_place_twice(arrived: &Arrived, taken: &Taken, halted: &Halted) -> bool {
    let others = taken.arrived().chain(halted.arrived());
    let mut offsets: SmallVec<[_; 4]> = others.map(|other| other.offset).collect();
    if offsets.is_empty() {
        return false;
    }
    offsets.push(arrived.offset);
    offsets.sort_unstable();
    offsets.windows(2).any(|pair| pair[0] == pair[1])
}

/// The records of calls, each with its ordinal.
pub(super) fn call_records(
    arrived: &Arrived,
    made: Timestamp,
    calls: impl Iterator<Item = (Asked, u32)>,
) -> Vec<OutboxRecord> {
    let About { conversation, update, .. } = &arrived.about;
    let record = |(Asked { body, options }, ordinal): (Asked, u32)| {
        let ticket = Ticket { update: update.clone(), ordinal };
        let call = Call::new(conversation.clone(), ticket, body);
        OutboxRecord::new(made, options.map(|options| *options), call)
    };
    calls.map(record).collect()
}

/// What became of a turn's batch.
enum Outcome {
    Committed(CommitId, Committed),
    /// The inbox entry is gone or was changed. If an earlier answer was lost, it may have been this very batch.
    EntryMoved {
        perhaps_by_us: bool,
    },
    Conflict,
}

/// What each part of a turn writes, once all of them are ready.
pub(super) async fn prepare(parts: &[Arc<dyn Contribute>]) -> Result<SmallVec<[Vec<LogWrite>; 2]>> {
    for part in parts {
        if let Some(ready) = caught(PART, || part.ready())? {
            caught_async(PART, ready).await??;
        }
    }
    let mut prepared = SmallVec::new();
    for part in parts {
        prepared.push(caught(PART, || part.prepare())??);
    }
    Ok(prepared)
}

/// What a panic is reported as.
const PART: &str = "a part of the turn";

/// The turn is over: what a part does then can no longer fail it.
fn ended(part: Result<()>) {
    if let Err(error) = part {
        tracing::error!(%error, "after the turn was committed");
    }
}

/// Whether a conflict says that the update itself was ended or changed by somebody else.
pub(super) fn names_entry(error: &Error, arrived: &Arrived) -> bool {
    error.detail::<Conflict>().is_some_and(|conflict| {
        conflict.failed.iter().any(|failed| {
            failed.offset == Some(arrived.offset)
                && matches!(&failed.key, Key::Queue(_, name) if *name == INBOX)
        })
    })
}
