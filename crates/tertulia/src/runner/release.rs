//! Commits a part of a turn before its end.

use std::sync::Arc;
use std::time::Duration;

use super::commit::{call_records, names_entry};
use super::core::Core;
use super::desk::Release;
use super::format::{Begun, Mark};
use super::index::Arrived;
use super::names::{INBOX, OUTBOX};
use super::riders::queue;
use super::{About, Call, Handler, Ticket};
use crate::error::Kind;
use crate::storage::{Append, Batch, CommitId, Revision, Write};
use crate::{Result, Timestamp};

impl<H: Handler> Core<H> {
    /// Commits calls and writes of a turn that goes on, with a note of it in the update's entry.
    ///
    /// # Errors
    /// `Conflict` if somebody else has ended or changed the update, or a write met one; what the storage refuses.
    pub(super) async fn commit_release(self: &Arc<Self>, release: Release) -> Result<Arc<Arrived>> {
        let Release { arrived, calls, first, early, released, writes: extra, rests } = release;
        let mut next = Arrived::clone(&arrived);
        next.give_out(released);
        let mut mark = Mark::None;
        if rests {
            // Who waits cannot stop the process.
            (next.begun, next.marked) = (Begun::default(), false);
        } else if next.marked {
            mark = Mark::Begun(next.begun);
        }
        let About { conversation, attempt, .. } = &arrived.about;
        let record = next.record(attempt.saturating_sub(1), Timestamp(0), mark);
        let mut writes: Vec<Write> = extra.into_iter().map(Write::from).collect();
        let replace = (arrived.offset, arrived.revision, record.encode());
        queue(&mut writes, arrived.shard, &INBOX).replace.push(replace);
        let number = early.as_ref().map(|(number, _)| *number);
        let early = early.map(|(number, asked)| (asked, Ticket::of_early(number)));
        let calls = calls.into_iter().zip(first..).chain(early);
        let records = call_records(&arrived, self.clock.now(), calls);
        self.check_calls(&records)?;
        if !records.is_empty() {
            let appends = records.iter().map(|record| Append { id: None, bytes: record.encode() });
            queue(&mut writes, arrived.shard, &OUTBOX).append.extend(appends);
        }
        let batch = Batch::new(CommitId(self.clock.random()), writes);
        next.revision = Revision(batch.id);
        let (mut perhaps_by_us, mut wait) = (false, Duration::from_millis(20));
        loop {
            let error = match self.storage.commit(batch.clone()).await {
                Ok(committed) => {
                    self.send(&arrived, records, batch.id, &committed.appended);
                    return Ok(Arc::new(next));
                }
                Err(error) => error,
            };
            match error.kind() {
                Kind::Conflict if perhaps_by_us && names_entry(&error, &arrived) => {
                    match self.is_as(&next).await {
                        Ok(true) => {
                            let ours = |call: &Call| {
                                let is_new = match call.ticket.early_number() {
                                    Some(early) => Some(early) == number,
                                    None => call.ticket.ordinal >= first,
                                };
                                call.ticket.update == arrived.about.update && is_new
                            };
                            self.find_calls(arrived.shard, &ours).await;
                            return Ok(Arc::new(next));
                        }
                        Ok(false) => return Err(error),
                        // It is looked at again after the same conflict.
                        Err(away)
                            if matches!(away.kind(), Kind::Unavailable | Kind::Unknown | Kind::Timeout) => {}
                        Err(error) => return Err(error),
                    }
                }
                // The same batch again is safe: it changes the update's entry by its revision.
                Kind::Unknown | Kind::Timeout => perhaps_by_us = true,
                Kind::Unavailable => {}
                Kind::Closed => self.give_up(error).await,
                _ => return Err(error),
            }
            tracing::warn!(%conversation, "what a turn gives out was not committed, trying again");
            self.clock.sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }

    /// Whether the entry of an update is as it was to become.
    async fn is_as(&self, next: &Arrived) -> Result<bool> {
        let mut again = next.clone();
        again.doubt();
        let found = self.with_body(&Arc::new(again)).await?;
        Ok(found.is_some_and(|found| found.revision == next.revision && found.released() == next.released()))
    }
}
