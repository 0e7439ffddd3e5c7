//! What is to be written of a loaded session, and what it expects.

use std::cell::Cell;

use super::{Loaded, Stage};
use crate::error::Kind;
use crate::session::backing::Slot;
use crate::session::log::{Encoded, Home, Place};
use crate::session::store::State;
use crate::session::write::{Change, compare};
use crate::storage::{Expect, LogWrite};
use crate::{Error, Result};

thread_local! {
    /// Where a value is encoded before it is compared; swapped with the shadow when it is stored.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<S: State> Loaded<S> {
    pub(super) fn prepare_writes(&mut self) -> Result<Vec<LogWrite>> {
        self.let_go();
        match self.stage {
            Stage::Untouched => Ok(self.renewal()),
            Stage::Prepared => Err(Error::internal(format!("{}: prepared twice", self.key()))),
            Stage::Spoilt => {
                let text = format!("{}: it could not be written and must be loaded again", self.key());
                Err(Error::new(Kind::Closed, text))
            }
            Stage::Deleted => {
                self.stage = Stage::Prepared;
                Ok(self.removal())
            }
            Stage::Touched => {
                let mut scratch = SCRATCH.take();
                scratch.clear();
                let writes = self.prepare_with(&mut scratch);
                SCRATCH.set(scratch);
                writes.map_err(|error| error.context(self.key()))
            }
        }
    }

    pub(super) fn prepare_with(&mut self, encoded: &mut Vec<u8>) -> Result<Vec<LogWrite>> {
        self.stage = Stage::Prepared;
        let max_bytes = self.store.options().max_bytes;
        let (change, logs) = compare(&mut self.entry, encoded, self.store.backing(), max_bytes)?;
        let Encoded { mut live, next, met, .. } = logs;
        if change == Change::None && met.iter().all(|(_, new)| new.is_none()) {
            self.entry.logs = live;
            self.stage = Stage::Untouched;
            return Ok(self.renewal());
        }
        let expire = self.expire();
        if matches!(change, Change::Whole(_)) {
            (self.entry.is_stale, self.entry.is_renewed) = (false, false);
        }
        let session = self.write_state(change)?.expire(expire);
        std::mem::swap(&mut self.entry.shadow, encoded);
        self.entry.next_log = next;
        if met.is_empty() && live.is_empty() {
            return Ok(vec![session]);
        }
        let mut writes = vec![session];
        for (place, new) in met {
            let home = self.home(&place);
            let is_new = place.head().is_none();
            let write = match new {
                Some(new) => place.write(home, &new)?,
                None => place.check(home),
            };
            writes.push(write.expire(if is_new { self.expire_new() } else { expire }));
            live.retain(|live| live.number != place.number);
            self.entry.logs.push(place);
        }
        for vanished in live {
            writes.push(vanished.check(self.home(&vanished)).delete());
        }
        Ok(writes)
    }

    pub(super) fn write_state(&self, change: Change) -> Result<LogWrite> {
        let write = self.check();
        let seal = |record, slot| self.store.backing().seal(record, &write.key, slot);
        Ok(match change {
            Change::None => write,
            Change::Patch(patch) => {
                let end = self.entry.head.map_or(0, |head| head.end.0);
                let patch = seal(patch, Slot::Entry(end))?;
                write.append(patch)
            }
            Change::Whole(base) => {
                let base = seal(base, Slot::Base)?;
                let write = write.base(base);
                match self.entry.head.filter(|head| head.start < head.end) {
                    Some(head) => write.trim(head.end),
                    None => write,
                }
            }
        })
    }

    /// What is not there is still expected not to be there.
    pub(super) fn removal(&self) -> Vec<LogWrite> {
        match self.entry.head {
            None => vec![self.check()],
            Some(_) => self.checks().into_iter().map(LogWrite::delete).collect(),
        }
    }

    pub(super) fn check(&self) -> LogWrite {
        let expect = match self.etag() {
            None => Expect::Absent,
            Some(etag) => Expect::Etag(etag),
        };
        LogWrite::new(self.key()).expect(expect)
    }

    pub(super) fn home<'a>(&self, place: &'a Place) -> &'a Home {
        place.settle(self.store.backing(), || self.store.log_key(&self.conversation, place.number))
    }
}
