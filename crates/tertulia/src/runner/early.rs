//! Calls that a turn makes before its end, such as a message that grows while the handler works.

use std::sync::Arc;

use bytes::Bytes;

use super::desk::Release;
use super::index::Arrived;
use super::turn::Asked;
use super::{CallOptions, Ticket, Turn};
use crate::error::Kind;
use crate::storage::LogWrite;
use crate::{Error, Result};

/// A call that is made before the turn's end.
#[derive(Debug)]
pub struct Early {
    /// What [`Turn::next_early`] gave.
    pub number: u16,
    /// The call, where calls are made.
    pub call: Option<(Bytes, CallOptions)>,
    /// What is written in the same batch, the first time.
    pub writes: Vec<LogWrite>,
}

impl Early {
    /// How many calls a turn makes before its end at most.
    pub const MOST: u16 = 256;
}

impl Turn {
    /// The number of the turn's next call that is made before its end, from 0. A turn that runs again counts anew, so
    /// what it makes early should be the same each time.
    ///
    /// # Errors
    /// `Invalid` if it has made [`Early::MOST`]; `Closed` if the turn is over.
    pub fn next_early(&self) -> Result<u16> {
        let number = self.collect(|collected| {
            let next = collected.next_early;
            (next < Early::MOST).then(|| {
                collected.next_early += 1;
                next
            })
        })?;
        number.ok_or_else(|| {
            Error::invalid(format!(
                "a turn of {} has made {} calls before its end, which is the most",
                self.about().conversation,
                Early::MOST
            ))
        })
    }

    /// The ticket of the call with this number that is made before the turn's end.
    pub fn early_ticket(&self, number: u16) -> Ticket {
        Ticket::early(self.about().update.clone(), number)
    }

    /// Gives out what was called so far, and behind it one more call, whatever becomes of the turn. A turn that runs again
    /// does not give it out again: what was committed under this number stays as it is.
    ///
    /// # Errors
    /// `Conflict` if somebody else has ended the update, or a write met one; `Invalid` if the call or an option is over
    /// its limit; `Closed` if the turn is over.
    ///
    /// # Cancel safety
    /// If dropped, it is given out or not; the same number again tells.
    pub async fn call_early(&self, early: Early) -> Result<Ticket> {
        let ticket = self.early_ticket(early.number);
        if let Some((_, options)) = &early.call {
            options.check()?;
        }
        let asked = early
            .call
            .map(|(body, options)| Asked { body, options: (!options.is_plain()).then(|| Box::new(options)) });
        let early = Asking { number: early.number, asked, writes: early.writes };
        self.collect(|collected| {
            collected.early_calls.extend(early.asked.clone());
            collected.early.extend(early.writes.iter().cloned());
        })?;
        if self.script().is_none() {
            self.change(|turn| async move { turn.give_out_early(early).await }).await?;
        }
        Ok(ticket)
    }

    /// Whether this run or one before has called something early.
    pub(crate) fn has_called_early(&self) -> bool {
        !self.arrived().released().early.is_empty()
    }

    /// Whether a run before this one has waited for an answer that this run has not asked for yet.
    pub(crate) fn has_waited_further(&self) -> bool {
        let given_out = self.collect(|collected| collected.given_out).unwrap_or_default();
        self.arrived().released().waits.len() > given_out
    }

    /// Makes sure that nobody else has ended or changed the update by now.
    ///
    /// # Errors
    /// `Conflict` if somebody has: the handler then runs again, if the update is still there; `Closed` if the turn is over;
    /// what the storage gives.
    pub(crate) async fn still_stands(&self) -> Result<()> {
        if self.script().is_some() {
            return Ok(());
        }
        self.change(|turn| async move {
            let arrived = turn.arrived();
            let mut again = Arrived::clone(&arrived);
            again.doubt();
            let found = Arc::clone(turn.desk()).whole(Arc::new(again)).await?;
            if found.is_some_and(|found| found.revision == arrived.revision) {
                return Ok(());
            }
            turn.collect(|collected| collected.outdated = true)?;
            let text = format!("somebody else has ended or changed the update {}", turn.about().update);
            Err(Error::new(Kind::Conflict, text))
        })
        .await
    }

    async fn give_out_early(&self, early: Asking) -> Result<()> {
        let arrived = self.arrived();
        let mut released = arrived.released().clone();
        let is_out = released.early.contains(&early.number);
        let first = released.calls;
        let calls = self.new_calls(first)?;
        if is_out && calls.is_empty() {
            return Ok(());
        }
        released.joined = u16::try_from(self.joined().len()).unwrap_or(u16::MAX);
        released.calls += u32::try_from(calls.len()).expect("memory ends before calls do");
        let Asking { number, asked, writes } = early;
        let (early, writes) = if is_out {
            (None, Vec::new())
        } else {
            released.early.push(number);
            (asked.map(|asked| (number, asked)), writes)
        };
        let release = Release { arrived, calls, first, early, released, writes, rests: false };
        self.release_now(release).await
    }

    /// What was called and not given out, from the call with this ordinal on.
    pub(super) fn new_calls(&self, first: u32) -> Result<Vec<Asked>> {
        self.collect(|collected| collected.calls.get(first as usize..).map(<[_]>::to_vec).unwrap_or_default())
    }

    /// Commits a part of the turn.
    pub(super) async fn release_now(&self, release: Release) -> Result<()> {
        match Arc::clone(self.desk()).release(release).await {
            Ok(arrived) => {
                self.set_arrived(arrived);
                Ok(())
            }
            Err(error) => {
                if error.kind() == Kind::Conflict {
                    self.collect(|collected| collected.outdated = true)?;
                }
                Err(error)
            }
        }
    }
}

/// A call to give out.
struct Asking {
    number: u16,
    asked: Option<Asked>,
    writes: Vec<LogWrite>,
}
