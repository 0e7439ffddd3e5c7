//! Attempts: what a handler that may run again writes. Each run supersedes what the one before it said.

use super::drive::drive;
use super::live::{Step, Ticket};
use super::meta::Attempt;
use super::stream::Stream;
use super::streams::Streams;
use super::window::Window;
use super::{BranchId, CreateOptions, StreamId};
use crate::Result;
use crate::error::Kind;

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
        loop {
            let stream = self.create(id, options.clone()).await?.stream();
            match stream.begin_attempt().await {
                Ok(writer) => return Ok(Stream { writer: Some(writer), ..stream }),
                // Somebody else wrote first, or it has just gone.
                Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Gone) => {}
                Err(error) => return Err(error),
            }
        }
    }
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

    /// Gives the attempt's number.
    async fn begin_attempt(&self) -> Result<u32> {
        // What is on its way belongs to the attempt before, whatever becomes of it.
        let _ = self.flush().await;
        self.streams.refresh(&self.live).await?;
        let id = BranchId(self.streams.0.clock.random());
        loop {
            match self.begin_now(id)? {
                Step::Done((number, ticket)) => {
                    self.live.wake();
                    return self.settle(ticket).await.map(|()| number);
                }
                Step::Wait(ticket) => {
                    let _ = self.settle(Some(ticket)).await;
                }
                Step::Load => self.streams.load(&self.live).await?,
            }
        }
    }

    fn begin_now(&self, id: BranchId) -> Result<Step<(u32, Option<Ticket>)>> {
        let mut cell = self.live.cell();
        let Some(state) = self.state(&mut cell)? else { return Ok(Step::Load) };
        if let Some(ticket) = state.unsettled() {
            return Ok(Step::Wait(ticket));
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
        Ok(Step::Done((number, ticket)))
    }
}
