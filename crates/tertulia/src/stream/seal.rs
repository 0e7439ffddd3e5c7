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
        let Some(state) = self.state(&mut cell)? else {
            return Err(conflict("it has left memory"));
        };
        self.told()?;
        if state.meta.is_superseded(self.writer) {
            return Err(Refused::Superseded.error(self.id()));
        }
        if state.meta.closed.is_some() {
            return Ok(None);
        }
        if state.unsettled().is_some() {
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

    /// The write that changes nothing and is refused if anything was written after this writer has closed the stream; `None`
    /// if that cannot be told, since it is in memory alone or has left it.
    ///
    /// # Errors
    /// `Conflict` if a later attempt writes now; `Gone`.
    pub(crate) fn stands_closed(&self) -> Result<Option<LogWrite>> {
        let mut cell = self.live.cell();
        let Some(state) = self.state(&mut cell)? else { return Ok(None) };
        if state.meta.is_superseded(self.writer) {
            return Err(Refused::Superseded.error(self.id()));
        }
        let head = state.kept.as_ref().and_then(|kept| kept.head);
        Ok(head.map(|head| LogWrite::new(self.live.key.clone()).expect(Expect::Etag(head.etag))))
    }

    /// The end was committed; with the head after that, if there was a write.
    pub(crate) fn end_committed(&self, how: End, head: Option<LogHead>) {
        let mut cell = self.live.cell();
        let sealed = cell.state().filter(|state| state.kept.as_ref().is_some_and(|kept| kept.sealed));
        match (sealed, head) {
            (Some(state), Some(head)) if state.unsettled().is_none() => {
                (state.meta.closed, state.ended) = (Some(how), Some(how));
                if let Some(kept) = &mut state.kept {
                    (kept.sealed, kept.head) = (false, Some(head));
                }
            }
            // What came meanwhile came too late, or others have written since: whoever waits judges anew.
            (Some(_), _) => {
                cell.drop_failed(Place::Unknown, Kind::Conflict, "its end was written first".to_owned());
            }
            (None, _) => cell.outdated(),
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
        drop(cell);
        self.live.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::storage::{Batch, CommitId, Memory, Storage};
    use crate::stream::{CreateOptions, StreamId, Streams, StreamsOptions, Visible};
    use crate::{Clock, Conversation};

    /// A stream with its end on its way, and one who appends and one who asks it to stop at that moment.
    async fn meanwhile(visible: Visible, is_committed: bool) -> (Result<()>, Result<()>, Stream) {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let kept = Some(Arc::clone(&storage));
        let streams = Streams::with(kept, Clock::system(), StreamsOptions::default());
        let id = StreamId::new(Conversation::new("test", "1").unwrap(), "sealed").unwrap();
        let options = CreateOptions { visible, ..CreateOptions::default() };
        let stream = streams.attempt(&id, options).await.unwrap();
        stream.append("0").await.unwrap();
        stream.flush().await.unwrap();
        let write = stream.seal(End::Complete).unwrap().unwrap();
        let other = streams.get(&id).await.unwrap().unwrap();
        let append = tokio::spawn(async move { other.append("late").await.map(drop) });
        let cancel = tokio::spawn(async move { streams.cancel(&id).await });
        tokio::task::yield_now().await;
        if is_committed {
            let committed = storage.commit(Batch::new(CommitId(7), vec![write.into()])).await.unwrap();
            stream.end_committed(End::Complete, committed.heads[0].and_then(|head| head.log()));
        } else {
            stream.unseal();
        }
        let soon = Duration::from_secs(60);
        let append = tokio::time::timeout(soon, append).await.expect("the append is answered");
        let cancel = tokio::time::timeout(soon, cancel).await.expect("the signal is answered");
        (append.unwrap(), cancel.unwrap(), stream)
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_the_end_is_written_comes_too_late() {
        for visible in [Visible::Gated, Visible::Live] {
            let (append, cancel, stream) = meanwhile(visible, true).await;
            assert_eq!(append.unwrap_err().kind(), Kind::Closed);
            cancel.unwrap();
            let info = stream.info().await.unwrap();
            assert_eq!((info.end.offset, info.closed), (1, Some(End::Complete)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_the_end_is_not_written_after_all_is_there() {
        for visible in [Visible::Gated, Visible::Live] {
            let (append, cancel, stream) = meanwhile(visible, false).await;
            append.unwrap();
            cancel.unwrap();
            stream.flush().await.unwrap();
            let info = stream.info().await.unwrap();
            assert_eq!((info.end.offset, info.closed, info.cancelled), (2, None, true));
        }
    }
}
