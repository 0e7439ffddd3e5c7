//! A run in memory: its state, where it stands, and what it takes to go one step on.

use std::sync::Arc;

use super::says::Out;
use super::turn::Held;
use crate::error::Kind;
use crate::graph::checkpoint::{Moved, Parent, Position, Status};
use crate::graph::format::At;
use crate::graph::keep::{Entry, Found, Kept};
use crate::graph::parts::{Cell, Values, View};
use crate::graph::{Graph, Inputs, RunId, Runs, Sink, Which};
use crate::session::State;
use crate::session::track::{Change, Track};
use crate::{Error, Result};

/// What is known of a run by whoever runs it. One call at a time has it.
pub(in crate::graph) struct Core<S: State> {
    pub(super) runs: Runs<S>,
    pub(super) id: Arc<RunId>,
    /// The state; with an action while one runs.
    pub(super) value: Option<Box<S>>,
    pub(super) cell: Arc<Cell<S>>,
    /// The state as it is stored, or is about to be.
    pub(super) track: Track,
    pub(super) stands: Stands,
    /// The checkpoint that the state is of; `None` at the beginning.
    pub(super) seq: Option<u64>,
    pub(super) status: Option<Status>,
    pub(super) parent: Option<Parent>,
    pub(super) kept: Kept,
    pub(super) doing: Doing,
    /// A step that was given up, of which no checkpoint tells yet.
    pub(super) noted: Option<usize>,
    /// The first checkpoint of the step that failed or was given up, if that is where it stands.
    pub(super) unfinished: Option<u64>,
    /// Somebody else wrote first: it must be read again.
    pub(super) outdated: Option<Moved>,
    /// What its steps are part of.
    pub(super) cause: String,
    /// What the last one that is stored was part of.
    pub(super) last_cause: String,
    pub(super) sink: Option<Arc<dyn Sink>>,
    /// What the caller gives its actions.
    pub(super) given: Values,
    /// The last checkpoint of a call is not written, but part of a batch of somebody else's.
    pub(super) holds: bool,
    pub(super) held: Option<Held>,
    /// The run is in the middle of what its next call is part of, since somebody else did not come to the end of it.
    pub(super) goes_on: bool,
    /// What was said of that.
    pub(super) said: Vec<String>,
    pub(super) out: Arc<Out<S>>,
}

/// Where a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Entrypoint,
    After(usize),
    Again(usize),
    /// With an action that the graph has not.
    Lost(Position),
}

/// What was begun, and not ended if the future that did it was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Doing {
    #[default]
    Nothing,
    /// This action runs.
    Acting(usize),
    /// Something is written.
    Writing,
}

/// The longest text of an error that a checkpoint keeps, in bytes.
const MAX_ERROR: usize = 1_024;

impl<S: State> Core<S> {
    /// Of a run that was begun with this state.
    pub(in crate::graph) fn begin(
        runs: &Runs<S>,
        id: Arc<RunId>,
        value: Box<S>,
        track: Track,
        kept: Kept,
        parent: Option<Parent>,
        position: &Position,
    ) -> Self {
        let graph = runs.graph();
        Self {
            runs: runs.clone(),
            id,
            value: Some(value),
            cell: Cell::empty(),
            track,
            stands: Stands::of(graph, position),
            seq: None,
            status: None,
            parent,
            kept,
            doing: Doing::Nothing,
            noted: None,
            unfinished: None,
            outdated: None,
            cause: String::new(),
            last_cause: String::new(),
            sink: None,
            given: Values::default(),
            holds: false,
            held: None,
            goes_on: false,
            said: Vec::new(),
            out: Out::new(graph, None, None),
        }
    }

    /// Of a run that was read; with what it is at its latest checkpoint, if that is another.
    ///
    /// # Errors
    /// `Corrupt` if the state does not fit its type; what the storage gives.
    pub(in crate::graph) async fn of(
        runs: &Runs<S>,
        id: Arc<RunId>,
        found: Found,
        latest: Option<&Found>,
    ) -> Result<Self> {
        let mut track = runs.track(&id, &found).await?;
        if let Some(latest) = latest {
            track.reserve_logs(latest.next_log()?);
        }
        let value = Box::new(track.value::<S>().map_err(|error| error.context(&id))?);
        let kept = found.kept(runs.shelf(), &id)?;
        let mut core = Self::begin(runs, id, value, track, kept, found.parent().cloned(), found.position());
        (core.seq, core.status, core.last_cause) = (found.seq(), found.status(), found.cause().to_owned());
        core.said = found.said().to_vec();
        // What goes on from another than the last checkpoint begins anew.
        core.unfinished = found.unfinished(runs.shelf(), &core.id).await?;
        Ok(core)
    }

    pub(super) fn graph(&self) -> &Graph<S> {
        self.runs.graph()
    }

    /// The state. It is there while no action runs.
    pub(super) fn value(&self) -> Result<&S> {
        self.value.as_deref().ok_or_else(|| Error::internal(format!("{}: its state is not there", self.id)))
    }

    /// Puts right what a call that was dropped has left, and looks what became of what is queued.
    ///
    /// # Errors
    /// What queued checkpoints failed with: the run is what is stored then. What reading it again gives.
    pub(super) async fn fresh(&mut self) -> Result<()> {
        match self.doing {
            Doing::Nothing if self.value.is_none() => self.roll_back()?,
            Doing::Nothing => {}
            Doing::Acting(node) => {
                self.roll_back()?;
                (self.noted, self.stands) = (Some(node), Stands::Again(node));
                self.status = Some(Status::Cancelled);
                self.doing = Doing::Nothing;
                // Whoever followed that call has gone.
                self.out = Out::new(self.graph(), self.sink.clone(), None);
            }
            Doing::Writing => self.look().await?,
        }
        let Err(error) = self.kept.look() else { return Ok(()) };
        // It is told here, and need not be told again.
        self.doing = Doing::Writing;
        let _ = self.runs.flush(&self.id).await;
        if let Err(unread) = self.reload(Which::Latest).await {
            tracing::warn!(run = %self.id, error = %unread, "it is read again by the next call");
        }
        Err(error)
    }

    /// Finds out what became of a write whose end nobody saw. If there was none, the run stands where it stood, which need not
    /// be at its latest checkpoint.
    async fn look(&mut self) -> Result<()> {
        let before = self.seq;
        let end = self.kept.next();
        self.reload(Which::Latest).await?;
        if self.kept.next() == end && self.seq != before {
            self.reload(before.map_or(Which::Beginning, Which::At)).await?;
        }
        Ok(())
    }

    /// As [`fresh`](Self::fresh), before something that writes.
    pub(super) async fn ready(&mut self) -> Result<()> {
        self.fresh().await?;
        match self.outdated {
            None => Ok(()),
            Some(moved) => {
                let text = format!("{}: {moved}; it has to be loaded again", self.id);
                Err(Error::new(Kind::Conflict, text).with_source(moved))
            }
        }
    }

    /// The state is what it was before what was done since it was stored.
    pub(super) fn roll_back(&mut self) -> Result<()> {
        // Whoever still has the state has one that nobody wants.
        self.cell = Cell::empty();
        self.value = None;
        self.value = Some(Box::new(self.track.value().map_err(|error| error.context(&self.id))?));
        Ok(())
    }

    /// Reads the run again.
    ///
    /// # Errors
    /// `Gone` if it was deleted; as reading it.
    pub(super) async fn reload(&mut self, which: Which) -> Result<()> {
        if let Kept::Loose(_) = self.kept {
            self.roll_back()?;
            self.doing = Doing::Nothing;
            return Ok(());
        }
        let found = self.runs.read(&self.id, which).await?;
        let gone = || Error::new(Kind::Gone, format!("{} is not there any more", self.id));
        let found = found.ok_or_else(gone)?;
        let latest = match which {
            Which::Latest => None,
            _ => Some(self.runs.read(&self.id, Which::Latest).await?.ok_or_else(gone)?),
        };
        let core = Self::of(&self.runs, Arc::clone(&self.id), found, latest.as_ref()).await?;
        let Self { value, track, stands, seq, status, parent, kept, last_cause, unfinished, .. } = core;
        self.unfinished = unfinished;
        self.cell = Cell::empty();
        (self.value, self.track, self.stands, self.seq, self.status) = (value, track, stands, seq, status);
        (self.parent, self.kept, self.last_cause) = (parent, kept, last_cause);
        (self.doing, self.noted, self.outdated) = (Doing::Nothing, None, None);
        Ok(())
    }

    /// The action that comes next.
    ///
    /// # Errors
    /// `Invalid` if the graph has not the action that the run stands at, or a condition cannot be judged.
    pub(super) fn next(&self) -> Result<Option<usize>> {
        match &self.stands {
            Stands::Entrypoint => Ok(Some(self.graph().entry())),
            Stands::Again(node) => Ok(Some(*node)),
            Stands::After(node) => {
                let next = self.graph().next(*node, self.value()?, &self.view());
                next.map_err(|error| error.context(&self.id))
            }
            Stands::Lost(position) => {
                let action = position.action().unwrap_or_default();
                let graph = self.graph().name();
                let text = format!("{} stands at action `{action}`, which graph `{graph}` has not", self.id);
                Err(Error::invalid(text))
            }
        }
    }

    /// The state, encoded.
    fn view(&self) -> View<'_> {
        match self.held.as_ref().and_then(|held| held.change.as_ref()) {
            None => View::of(&self.track),
            Some(change) => View::new(change.bytes(&self.track)),
        }
    }

    /// The name of a node.
    pub(super) fn name(&self, node: usize) -> Arc<str> {
        Arc::clone(&self.graph().nodes()[node].name)
    }

    /// Writes a checkpoint, after that of a step that was given up, if there was one. If that fails the state is what it was
    /// before, or is read again before the next call.
    ///
    /// # Errors
    /// `Conflict` if somebody else wrote first; what the storage gives.
    pub(super) async fn write(
        &mut self,
        status: Status,
        stands: Stands,
        error: &str,
        change: Option<Change>,
    ) -> Result<u64> {
        self.doing = Doing::Writing;
        let invocation = self.invocation();
        let graph = self.runs.graph();
        let cause = self.cause.as_str();
        let before = self.noted.map(|node| Entry {
            status: Status::Cancelled,
            at: At::Again(&graph.nodes()[node].name),
            cause,
            error: "",
            said: "",
        });
        let error = error.get(..error.floor_char_boundary(MAX_ERROR)).unwrap_or_default();
        let said = if status == Status::Completed { self.out.said() } else { String::new() };
        let entry = Entry { status, at: stands.at(graph), cause, error, said: &said };
        let written = match &self.kept {
            Kept::Stored(stored) if self.holds => {
                let prepared = stored.prepare(&self.track, before, entry, change.as_ref());
                let seq = prepared.seq;
                self.held = Some(Held { prepared, change });
                Ok(seq)
            }
            _ => self.kept.write(&mut self.track, before, entry, change).await,
        };
        match written {
            Ok(seq) => {
                (self.seq, self.status, self.stands) = (Some(seq), Some(status), stands);
                (self.noted, self.doing) = (None, Doing::Nothing);
                self.last_cause.clone_from(&self.cause);
                if self.held.is_none() && self.track.is_overgrown() {
                    // It has many more items of a log in memory than one that is loaded.
                    self.roll_back()?;
                }
                let is_over = !matches!(status, Status::Failed | Status::Cancelled);
                self.unfinished = (!is_over).then_some(invocation);
                Ok(seq)
            }
            Err(error) => self.unwritten(error),
        }
    }

    /// What becomes of a run that could not be written.
    pub(super) fn unwritten<T>(&mut self, error: Error) -> Result<T> {
        // Of others it is not known whether it was written. After a failure of what was queued before, which is told here, the
        // run is read again.
        let is_known = !matches!(error.kind(), Kind::Unknown | Kind::Timeout);
        if is_known && self.kept.look().is_ok() {
            self.roll_back()?;
            self.doing = Doing::Nothing;
        }
        if error.kind() == Kind::Conflict {
            let unknown = Moved { expected: self.seq, actual: None };
            self.outdated = Some(error.detail::<Moved>().copied().unwrap_or(unknown));
        }
        Err(error)
    }

    /// Stores that a step was given up.
    pub(super) async fn note(&mut self) -> Result<()> {
        let Some(node) = self.noted.take() else { return Ok(()) };
        let written = self.write(Status::Cancelled, Stands::Again(node), "", None).await;
        if written.is_err() {
            self.noted = Some(node);
        }
        written.map(drop)
    }

    /// Changes the state from outside.
    ///
    /// # Errors
    /// `Invalid` if it cannot be stored; as [`write`](Self::write).
    pub(super) async fn update(&mut self, change: impl FnOnce(&mut S)) -> Result<u64> {
        self.ready().await?;
        self.let_go().await?;
        let Some(mut value) = self.value.take() else {
            return Err(Error::internal(format!("{}: its state is not there", self.id)));
        };
        // If this panics, the value is gone with what it was changed to.
        change(&mut value);
        let change = match self.track.compare(&*value) {
            Ok(change) => change,
            Err(error) => {
                self.roll_back()?;
                return Err(error.context(&self.id));
            }
        };
        self.value = Some(value);
        let stands = self.stands.clone();
        self.write(Status::Updated, stands, "", change).await
    }

    /// Has the run begin at the entrypoint again.
    pub(super) async fn reset(&mut self) -> Result<u64> {
        self.ready().await?;
        self.let_go().await?;
        self.write(Status::Reset, Stands::Entrypoint, "", None).await
    }

    /// The number that the next step has, or had at its first try: by that its children are known, so that a step that is
    /// run again finds those it had, and another does not.
    pub(super) fn invocation(&self) -> u64 {
        self.unfinished.unwrap_or_else(|| self.kept.next())
    }

    /// Refuses inputs that no action takes, and a graph that cannot run here.
    pub(super) fn check_inputs(&self, inputs: &Inputs) -> Result<()> {
        let graph = self.graph();
        graph.may_run_here()?;
        let takes =
            |name: &str| graph.nodes().iter().any(|node| node.inputs.iter().any(|input| input == name));
        match inputs.names().find(|name| !takes(name)) {
            None => Ok(()),
            Some(name) => Err(Error::invalid(format!(
                "graph `{}` has no action that takes input `{name}`",
                graph.name()
            ))),
        }
    }

    /// Where the run stands.
    pub(super) fn position(&self) -> Position {
        self.stands.at(self.graph()).into()
    }
}

impl Stands {
    pub(super) fn of<S>(graph: &Graph<S>, position: &Position) -> Self {
        let node = |action: &String| graph.node(action);
        match position {
            Position::Entrypoint => Self::Entrypoint,
            Position::After(action) => node(action).map_or(Self::Lost(position.clone()), Self::After),
            Position::Again(action) => node(action).map_or(Self::Lost(position.clone()), Self::Again),
        }
    }

    fn at<'a, S>(&'a self, graph: &'a Graph<S>) -> At<'a> {
        match self {
            Self::Entrypoint => At::Entrypoint,
            Self::After(node) => At::After(&graph.nodes()[*node].name),
            Self::Again(node) => At::Again(&graph.nodes()[*node].name),
            Self::Lost(position) => position.into(),
        }
    }
}
