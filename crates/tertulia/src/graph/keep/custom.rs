//! A run in a database of the user's own, as whoever writes it knows it.

use std::sync::Arc;

use bytes::Bytes;

use super::Entry;
use super::line::{Line, Writer};
use super::shelf::{Shelf, moment};
use crate::error::Kind;
use crate::graph::{
    Beginning, Checkpoint, Moved, Parent, Persister, Position, RunId, Save, Saved, Status, Which,
};
use crate::session::track::{Change, Track};
use crate::{Error, Result};

/// How many checkpoints are read at once when it is not known how many are needed.
const SOME: usize = 64;

/// What all runs that a persister keeps share.
#[derive(Debug)]
pub(in crate::graph) struct Custom {
    pub(in crate::graph) persister: Persister,
    /// What saves in the background, if that is not waited for.
    pub(in crate::graph) line: Option<Line>,
    /// How many checkpoints of a run may be queued.
    pub(in crate::graph) max_queued: Option<usize>,
}

/// One of them.
#[derive(Debug)]
pub(in crate::graph) struct CustomRun {
    shelf: Arc<Shelf>,
    custom: Arc<Custom>,
    id: Arc<RunId>,
    graph: String,
    birth: u64,
    /// The last checkpoint that is there, or queued, as far as this writer knows.
    last: Option<u64>,
    /// The one that the next goes on from.
    from: Option<u64>,
    writer: Arc<Writer>,
}

impl Custom {
    /// Makes a run.
    ///
    /// # Errors
    /// `Conflict` if there is one of that name.
    pub(in crate::graph) async fn create(
        self: &Arc<Self>,
        shelf: &Arc<Shelf>,
        id: &Arc<RunId>,
        graph: &str,
        parent: Option<Parent>,
        position: Position,
        (track, change): (&mut Track, Change),
    ) -> Result<CustomRun> {
        let state = Bytes::copy_from_slice(change.bytes(track));
        let saved = Saved { parent, position, state, ..self.nothing(shelf, graph) };
        self.begin(shelf, id, &saved).await?;
        track.accept(change);
        Ok(CustomRun::of(shelf, self, id, &saved))
    }

    /// A run that is about to begin.
    fn nothing(&self, shelf: &Shelf, graph: &str) -> Saved {
        Saved {
            birth: shelf.clock.random(),
            graph: graph.to_owned(),
            parent: None,
            seq: None,
            status: None,
            position: Position::Entrypoint,
            cause: None,
            state: Bytes::new(),
            last: None,
        }
    }

    /// Begins a run with this state.
    async fn begin(&self, shelf: &Shelf, id: &RunId, saved: &Saved) -> Result<()> {
        let Saved { birth, graph, parent, seq, position, state, .. } = saved.clone();
        let (run, made, expiry) = (id.clone(), shelf.clock.now(), shelf.expiry);
        let beginning = Beginning { run, birth, graph, made, parent, seq, position, state, expiry };
        let created = shelf.within(id, self.persister.saver.create(&beginning)).await;
        created.map_err(|error| match error.kind() {
            Kind::Conflict => error,
            _ => error.context(id),
        })
    }

    /// A state of a run that is saved.
    ///
    /// # Errors
    /// `Gone` if that checkpoint was pruned, `Invalid` if there never was one; what the saver gives.
    pub(in crate::graph) async fn read(
        &self,
        shelf: &Shelf,
        id: &RunId,
        which: Which,
    ) -> Result<Option<Saved>> {
        let saved = shelf.within(id, self.persister.saver.load(id, which)).await;
        saved.map_err(|error| error.context(id))
    }

    /// The same of a run that is not saved, but can be loaded from elsewhere.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(in crate::graph) async fn elsewhere(
        &self,
        shelf: &Shelf,
        id: &RunId,
        which: Which,
    ) -> Result<Option<Saved>> {
        let Some(loader) = &self.persister.loader else { return Ok(None) };
        let saved = shelf.within(id, loader.load(id, which)).await;
        saved.map_err(|error| error.context(id))
    }

    /// Saves what was found elsewhere as the beginning of a run here.
    ///
    /// # Errors
    /// `Conflict` if there is one meanwhile.
    pub(in crate::graph) async fn take_over(&self, shelf: &Shelf, id: &RunId, found: Saved) -> Result<Saved> {
        let last = found.seq;
        let saved = Saved { birth: shelf.clock.random(), last, ..found };
        self.begin(shelf, id, &saved).await?;
        Ok(saved)
    }

    /// The first checkpoint of the step that failed or was given up, if this is one of it.
    ///
    /// # Errors
    /// What the saver gives.
    pub(in crate::graph) async fn unfinished(
        &self,
        shelf: &Shelf,
        id: &RunId,
        seq: Option<u64>,
    ) -> Result<Option<u64>> {
        let (mut first, mut next) = (None, seq);
        while let Some(before) = next {
            let page = self.history(shelf, id, Some(before + 1), SOME).await?;
            if page.is_empty() {
                break;
            }
            for checkpoint in page {
                let is_over = !matches!(checkpoint.status, Status::Failed | Status::Cancelled);
                if is_over || Some(checkpoint.seq) != next {
                    return Ok(first);
                }
                first = next;
                next = checkpoint.seq.checked_sub(1);
                if checkpoint.parent != next {
                    return Ok(first);
                }
            }
        }
        Ok(first)
    }

    /// As [`Chain::history`](super::Chain::history).
    ///
    /// # Errors
    /// What the saver gives.
    pub(in crate::graph) async fn history(
        &self,
        shelf: &Shelf,
        id: &RunId,
        before: Option<u64>,
        count: usize,
    ) -> Result<Vec<Checkpoint>> {
        let found = shelf.within(id, self.persister.saver.history(id, before, count)).await;
        found.map_err(|error| error.context(id))
    }
}

impl CustomRun {
    /// A run that goes on from what was read.
    pub(in crate::graph) fn of(
        shelf: &Arc<Shelf>,
        custom: &Arc<Custom>,
        id: &Arc<RunId>,
        saved: &Saved,
    ) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            custom: Arc::clone(custom),
            id: Arc::clone(id),
            graph: saved.graph.clone(),
            birth: saved.birth,
            last: saved.last,
            from: saved.seq,
            writer: Writer::new(custom.max_queued),
        }
    }

    /// The number that the run was begun with.
    pub(in crate::graph) fn birth(&self) -> u64 {
        self.birth
    }

    /// The number that the next checkpoint gets.
    pub(in crate::graph) fn next(&self) -> u64 {
        self.last.map_or(0, |last| last + 1)
    }

    /// Saves a checkpoint, or queues it; gives its number.
    ///
    /// # Errors
    /// `Conflict` with [`Moved`] if somebody else saved first; what the saver gives.
    pub(in crate::graph) async fn write(
        &mut self,
        track: &mut Track,
        entry: Entry<'_>,
        change: Option<Change>,
    ) -> Result<u64> {
        let seq = self.next();
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let checkpoint = Checkpoint {
            seq,
            parent: self.from,
            status: entry.status,
            position: entry.at.into(),
            at: moment(self.shelf.stamp()),
            error: text(entry.error),
            cause: text(entry.cause),
        };
        let state = change.as_ref().map_or(track.bytes(), |change| change.bytes(track));
        let save = Save {
            run: (*self.id).clone(),
            birth: self.birth,
            graph: self.graph.clone(),
            expected: self.last,
            checkpoint,
            state: Bytes::copy_from_slice(state),
            patch: change.as_ref().map_or(Bytes::new(), |change| Bytes::copy_from_slice(change.patch())),
            expiry: self.shelf.expiry,
        };
        match &self.custom.line {
            Some(line) => line.push(&self.writer, save).await?,
            None => {
                let saved = self.shelf.within(&self.id, self.custom.persister.saver.save(&save)).await;
                saved.map_err(|error| self.failed(error))?;
            }
        }
        if let Some(change) = change {
            track.accept(change);
        }
        (self.last, self.from) = (Some(seq), Some(seq));
        Ok(seq)
    }

    /// Says how saving failed.
    fn failed(&self, error: Error) -> Error {
        if error.kind() != Kind::Conflict {
            return error.context(&self.id);
        }
        let unknown = Moved { expected: self.last, actual: None };
        let moved = error.detail::<Moved>().copied().unwrap_or(unknown);
        Error::new(Kind::Conflict, format!("{}: {moved}", self.id)).with_source(moved)
    }

    /// What became of what is queued: its error, if it failed.
    pub(in crate::graph) fn look(&self) -> Result<()> {
        self.writer.look()
    }

    /// Waits until what is queued is saved.
    pub(in crate::graph) async fn settled(&self) -> Result<()> {
        if let Some(line) = &self.custom.line {
            line.settled(&self.id).await;
        }
        self.look()
    }
}
