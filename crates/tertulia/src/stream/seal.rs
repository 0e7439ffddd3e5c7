//! Ending a stream in a batch of somebody else's, such as the one that ends a turn.

use super::drive::drive;
use super::format::encode_meta;
use super::live::Place;
use super::stream::Stream;
use super::{End, Refused};
use crate::error::Kind;
use crate::storage::{Expect, LogHead, LogWrite};
use crate::{Error, Result};

impl Stream {
    /// The write that ends the stream, to be committed by the caller; `None` if there is nothing to write, since it is
    /// in memory alone or has ended. What was appended before has to be [flushed](Self::flush). Nothing else of the
    /// stream is stored until the caller says that it [was committed](Self::end_committed) or [was not](Self::unseal).
    ///
    /// # Errors
    /// `Conflict` if a later attempt writes now, or something is being stored; `Gone`.
    pub(crate) fn seal(&self, how: End) -> Result<Option<LogWrite>> {
        let mut cell = self.live.cell();
        let conflict = |what: &str| Error::new(Kind::Conflict, format!("stream {}: {what}", self.id()));
        let Some((state, generation)) = self.state(&mut cell)? else {
            return Err(conflict("it has left memory"));
        };
        if self.writer.is_some_and(|writer| writer != state.meta.branches.current().id) {
            return Err(Refused::Superseded.error(self.id()));
        }
        if state.meta.closed.is_some() {
            return Ok(None);
        }
        if state.unsettled(generation).is_some() {
            return Err(conflict("something of it is being stored"));
        }
        let Some(kept) = &mut state.kept else { return Ok(None) };
        let Some(head) = kept.head else { return Err(conflict("it is being made")) };
        kept.sealed = true;
        let mut meta = state.meta.clone();
        meta.closed = Some(how);
        let base = encode_meta(&meta);
        Ok(Some(LogWrite::new(self.live.key.clone()).expect(Expect::Etag(head.etag)).base(base)))
    }

    /// The end was committed; with the head after that, if there was a write.
    pub(crate) fn end_committed(&self, how: End, head: Option<LogHead>) {
        let mut cell = self.live.cell();
        if let Some(state) = cell.state() {
            if state.meta.closed.is_none() {
                (state.meta.closed, state.ended) = (Some(how), Some(how));
            }
            let is_outdated = state.kept.as_ref().is_some_and(|kept| kept.sealed) && head.is_none();
            if let Some(kept) = &mut state.kept {
                kept.sealed = false;
                kept.head = head.or(kept.head);
            }
            if is_outdated {
                cell.drop_state(Place::Unknown);
            }
        }
        drop(cell);
        self.live.wake();
        self.streams.0.room.closed(&self.live);
    }

    /// The end was not committed.
    pub(crate) fn unseal(&self) {
        let mut cell = self.live.cell();
        if let Some(state) = cell.state() {
            if let Some(kept) = &mut state.kept {
                kept.sealed = false;
            }
            drive(&self.streams.0, &self.live, state);
        }
    }
}
