//! Deleting a stream; one that others were forked from is kept for as long as they are.

use std::sync::Arc;

use super::drive::drive;
use super::live::{Live, Place, Step, Ticket};
use super::meta::{Origin, Phase};
use super::streams::{Streams, deleted};
use super::{BranchId, StreamId};
use crate::error::Kind;
use crate::storage::{CommitId, Expect, LogHead, LogWrite, commit_logs};
use crate::{Error, Result};

/// The most forks of one stream.
const MAX_FORKS: usize = 1_000;

/// What deleting a stream comes to.
enum Delete {
    /// It is kept for its forks.
    Marked(Option<Ticket>),
    /// It is to be removed.
    Remove { head: Option<LogHead>, identity: BranchId, origin: Option<Origin> },
}

impl Streams {
    /// Deletes a stream: its readers are told, its name is free. A stream that others were forked from is only marked,
    /// and its name is not free, until the last of them is deleted. Whether there was one.
    ///
    /// # Errors
    /// `Gone` if it is deleted already and kept for its forks; what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, it may be deleted or not.
    pub async fn delete(&self, id: &StreamId) -> Result<bool> {
        let Some(mut origin) = self.delete_one(id, Phase::Here).await? else { return Ok(false) };
        // A source that was kept for this fork alone goes too, and so on.
        let mut fork = id.clone();
        while let Some(Origin { source, .. }) = origin {
            origin = match self.drop_fork(&source, &fork).await? {
                true => self.delete_one(&source, Phase::Deleted).await?.flatten(),
                false => None,
            };
            fork = source;
        }
        Ok(true)
    }

    /// Deletes a stream of this phase, or marks it. What it was forked from, if it is gone for good; the inner `None`
    /// also if it was marked.
    async fn delete_one(&self, id: &StreamId, phase: Phase) -> Result<Option<Option<Origin>>> {
        loop {
            let live = self.0.shelves.take(id, Place::Unknown);
            self.refresh(&live).await?;
            let Some(forks) = self.forks(&live, phase)? else {
                self.0.shelves.forget(&live);
                return Ok(None);
            };
            let forks = self.living(id, forks).await?;
            match self.delete_now(&live, forks, phase) {
                Step::Load => {}
                Step::Wait(ticket) => {
                    // Whatever becomes of it, it is looked at again.
                    let _ = self.settled(&live, Some(ticket)).await;
                }
                Step::Done(Delete::Marked(ticket)) => match self.settled(&live, ticket).await {
                    Err(error) if error.kind() == Kind::Conflict => {}
                    settled => return settled.map(|()| Some(None)),
                },
                Step::Done(Delete::Remove { head, identity, origin }) => {
                    match self.remove(&live, head).await {
                        Ok(()) => {
                            self.gone(&live, identity);
                            return Ok(Some(origin));
                        }
                        Err(error) if error.kind() == Kind::Conflict => {
                            // What is being stored here is waited for; what others wrote is read.
                            live.cell().outdated();
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// The forks of a stream of this phase; `None` if there is no such stream.
    fn forks(&self, live: &Live, phase: Phase) -> Result<Option<Vec<StreamId>>> {
        let mut cell = live.cell();
        match cell.here(|| self.0.clock.now()) {
            Some(state) if state.meta.phase == phase => Ok(Some(state.meta.forks.clone())),
            Some(state) if state.meta.phase == Phase::Deleted => Err(deleted(&live.id)),
            _ => Ok(None),
        }
    }

    /// Marks a stream that has forks; of another one gives what to remove.
    fn delete_now(&self, live: &Arc<Live>, forks: Vec<StreamId>, phase: Phase) -> Step<Delete> {
        let mut cell = live.cell();
        let Some(state) = cell.state() else { return Step::Load };
        if let Some(ticket) = state.unsettled() {
            return Step::Wait(ticket);
        }
        if forks.is_empty() || phase == Phase::Deleted {
            let head = state.kept.as_ref().and_then(|kept| kept.head);
            return Step::Done(Delete::Remove {
                head,
                identity: state.meta.id,
                origin: state.meta.origin.clone(),
            });
        }
        (state.meta.phase, state.meta.forks, state.deadline) = (Phase::Deleted, forks, None);
        let ticket = state.change();
        if let Some(kept) = &mut state.kept {
            kept.expire_dirty = true;
        }
        drive(&self.0, live, state);
        drop(cell);
        live.wake();
        Step::Done(Delete::Marked(ticket))
    }

    async fn remove(&self, live: &Live, head: Option<LogHead>) -> Result<()> {
        if let (Some(storage), Some(head)) = (&self.0.storage, head) {
            let write = LogWrite::new(live.key.clone()).expect(Expect::Etag(head.etag)).delete();
            let id = CommitId(self.0.clock.random());
            commit_logs(storage, &self.0.clock, id, vec![write]).await?;
        }
        Ok(())
    }

    /// The stream is deleted: whoever reads or writes it is told.
    fn gone(&self, live: &Arc<Live>, identity: BranchId) {
        let mut cell = live.cell();
        if cell.state().is_some_and(|state| state.meta.id == identity) {
            cell.drop_failed(Place::Absent, Kind::Gone, "the stream was deleted".to_owned());
        }
        drop(cell);
        live.wake();
        self.0.shelves.forget(live);
    }

    /// Those of the forks that are still there.
    async fn living(&self, source: &StreamId, forks: Vec<StreamId>) -> Result<Vec<StreamId>> {
        let mut living = Vec::new();
        for fork in forks {
            let live = self.0.shelves.take(&fork, Place::Unknown);
            self.refresh(&live).await?;
            let is_fork = {
                let mut cell = live.cell();
                let state = cell.here(|| self.0.clock.now());
                state.is_some_and(|state| {
                    state.meta.origin.as_ref().is_some_and(|origin| origin.source == *source)
                })
            };
            if is_fork {
                living.push(fork);
            } else {
                self.0.shelves.forget(&live);
            }
        }
        Ok(living)
    }

    /// Takes a fork off its source's list. Whether the source was deleted and nothing is forked from it any more.
    async fn drop_fork(&self, source: &StreamId, fork: &StreamId) -> Result<bool> {
        loop {
            let live = self.0.shelves.take(source, Place::Unknown);
            self.refresh(&live).await?;
            let (is_over, ticket) = {
                let mut cell = live.cell();
                let Some(state) = cell.state() else {
                    if matches!(cell.place, Place::Unknown) && self.0.storage.is_some() {
                        continue;
                    }
                    return Ok(false);
                };
                let before = state.meta.forks.len();
                state.meta.forks.retain(|listed| listed != fork);
                if state.meta.forks.len() == before {
                    return Ok(false);
                }
                let is_over = state.meta.phase == Phase::Deleted && state.meta.forks.is_empty();
                let ticket = state.change();
                drive(&self.0, &live, state);
                (is_over, ticket)
            };
            match self.settled(&live, ticket).await {
                Err(error) if error.kind() == Kind::Conflict => {}
                settled => return settled.map(|()| is_over),
            }
        }
    }

    /// Notes in a stream that another is being forked from it.
    pub(super) async fn add_fork(&self, source: &StreamId, fork: &StreamId) -> Result<()> {
        loop {
            let live = self.0.shelves.take(source, Place::Unknown);
            self.load(&live).await?;
            let ticket = {
                let mut cell = live.cell();
                if matches!(cell.place, Place::Unknown) && self.0.storage.is_some() {
                    continue;
                }
                let Some(state) = cell.state().filter(|state| state.meta.phase == Phase::Here) else {
                    return Err(Error::new(Kind::Gone, format!("stream {source} is no longer there")));
                };
                if state.meta.forks.contains(fork) {
                    return Ok(());
                }
                if state.meta.forks.len() >= MAX_FORKS {
                    let text = format!("stream {source} has {MAX_FORKS} forks, no more are allowed");
                    return Err(Error::invalid(text));
                }
                state.meta.forks.push(fork.clone());
                let ticket = state.change();
                drive(&self.0, &live, state);
                ticket
            };
            match self.settled(&live, ticket).await {
                Err(error) if error.kind() == Kind::Conflict => {}
                settled => return settled,
            }
        }
    }
}
