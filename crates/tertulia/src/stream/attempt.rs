//! Attempts: what a handler that may run again writes. Each run supersedes what the one before it said.

use std::future::ready;

use super::drive::drive;
use super::live::Ticket;
use super::meta::Attempt;
use super::stream::Stream;
use super::streams::Streams;
use super::window::Window;
use super::{BranchId, CreateOptions, StreamId};
use crate::Result;
use crate::error::Kind;
use crate::storage::Etag;

impl Streams {
    /// Begins to write a stream, which is made if there is none. What an earlier attempt wrote is superseded: readers
    /// are told and read on from where the first attempt began, and the writer of the earlier one is refused from now
    /// on. The attempt's number is in [`Info::attempt`](super::Info).
    ///
    /// # Errors
    /// As [`create`](Self::create).
    ///
    /// # Cancel safety
    /// If dropped, the attempt may have begun or not; the next one supersedes it.
    pub async fn attempt(&self, id: &StreamId, options: CreateOptions) -> Result<Stream> {
        self.attempt_while(id, options, || ready(Ok(()))).await
    }

    /// As [`attempt`](Self::attempt), but what an earlier attempt wrote is superseded only if `may` says so while the
    /// stream is as it was found: who has lost the right to write it by then changes nothing.
    ///
    /// # Errors
    /// As [`attempt`](Self::attempt), and what `may` gives.
    pub(crate) async fn attempt_while<F: Future<Output = Result<()>>>(
        &self,
        id: &StreamId,
        options: CreateOptions,
        may: impl Fn() -> F,
    ) -> Result<Stream> {
        loop {
            let stream = self.create(id, options.clone()).await?.stream();
            // Else somebody else wrote first, or it has just gone.
            if let Some(writer) = stream.begin_attempt(&may).await? {
                return Ok(Stream { writer: Some(writer), ..stream });
            }
        }
    }
}

/// What a try to begin an attempt came to.
enum Tried {
    Begun(u32, Option<Ticket>),
    /// Something on its way has to be settled first.
    Wait(Ticket),
    /// It has to be read first.
    Load,
    /// There was an attempt before, which may be superseded or not while the stored stream is this.
    Ask(Etag),
}

impl Stream {
    /// Whether a later attempt writes now; a stream that is not an attempt's is never superseded.
    ///
    /// # Errors
    /// `Gone` if it is no longer there; what the storage gives.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn is_superseded(&self) -> Result<bool> {
        self.streams.refresh(&self.live).await?;
        let writer = self.writer;
        self.look(|state| state.meta.is_superseded(writer)).await
    }

    /// Gives the attempt's number; `None` if it has to be tried again.
    async fn begin_attempt<F: Future<Output = Result<()>>>(
        &self,
        may: &impl Fn() -> F,
    ) -> Result<Option<u32>> {
        let again = |error: &crate::Error| matches!(error.kind(), Kind::Conflict | Kind::Gone);
        // What is on its way belongs to the attempt before, whatever becomes of it.
        let _ = self.flush().await;
        match self.streams.refresh(&self.live).await {
            Err(error) if again(&error) => return Ok(None),
            refreshed => refreshed?,
        }
        let id = BranchId(self.streams.0.clock.random());
        let mut asked = None;
        loop {
            let tried = match self.begin_now(id, asked) {
                Err(error) if again(&error) => return Ok(None),
                tried => tried?,
            };
            match tried {
                Tried::Begun(number, ticket) => {
                    self.live.wake();
                    return match self.settle(ticket).await {
                        Err(error) if again(&error) => Ok(None),
                        settled => settled.map(|()| Some(number)),
                    };
                }
                Tried::Wait(ticket) => {
                    let _ = self.settle(Some(ticket)).await;
                }
                Tried::Load => match self.streams.load(&self.live).await {
                    Err(error) if again(&error) => return Ok(None),
                    loaded => loaded?,
                },
                Tried::Ask(etag) => {
                    may().await?;
                    asked = Some(etag);
                }
            }
        }
    }

    fn begin_now(&self, id: BranchId, asked: Option<Etag>) -> Result<Tried> {
        let mut cell = self.live.cell();
        let Some(state) = self.state(&mut cell)? else { return Ok(Tried::Load) };
        if let Some(ticket) = state.unsettled() {
            return Ok(Tried::Wait(ticket));
        }
        if let Some(head) = state.kept.as_ref().and_then(|kept| kept.head)
            && state.meta.attempt.is_some()
            && asked != Some(head.etag)
        {
            return Ok(Tried::Ask(head.etag));
        }
        let Attempt { number, from } = state.meta.begin_attempt(id, state.end());
        if from < state.window.first() {
            // What is superseded is not in memory, nor what comes before it.
            state.window = Window::new(from, state.meta.is_json());
        } else {
            state.window.truncate(from);
        }
        (state.shown, state.ended) = (from, None);
        let ticket = state.change();
        if let Some(kept) = &mut state.kept {
            (kept.unsaved, kept.own) = (from, true);
        }
        state.count(self.streams.0.options.stream_memory);
        drive(&self.streams.0, &self.live, state);
        Ok(Tried::Begun(number, ticket))
    }
}
