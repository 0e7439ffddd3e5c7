//! The runs of a graph, and where they are kept.

mod child;
mod ground;
mod list;
mod options;

use std::fmt;
use std::sync::Arc;

pub(super) use self::ground::{Ground, Grounded};
pub use self::list::Listed;
pub use self::options::Options;
use super::checkpoint::{Checkpoint, Parent, Position};
use super::keep::{Chain, Custom, Found, Kept, Limited, Line, Loose, Shelf, Stored};
use super::persist::{Persister, Which};
use super::run::Core;
use super::{Graph, Point, Run, RunId};
use crate::error::Kind;
use crate::session::track::{Track, TrackHome};
use crate::session::{self, State};
use crate::storage::{Behind, IntoStorage, Memory};
use crate::{Clock, Error, Result};

/// The runs of a graph in a storage. Cheap to clone.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tertulia::graph::{self, Graph, Inputs, Runs, State, Until};
/// # use tertulia::storage::Memory;
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Counter { count: u32 }
/// # async fn count(mut state: State<Counter>) -> graph::Result { state.count += 1; Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// # let graph = Graph::<Counter>::new("counter").action("count", count)
/// #     .transition_when("count", "count", graph::when("under 3", |s: &Counter| s.count < 3))
/// #     .entrypoint("count").build().await?;
/// let runs = Runs::new(&graph, Memory::new());
/// let run = runs.create("mine", Counter::default()).await?;
/// run.run(Until::end(), Inputs::new()).await?;
/// assert_eq!(run.state().await?.count, 3);
///
/// let again = runs.open("mine").await?.expect("it is there");   // in another process, perhaps
/// assert_eq!(again.state().await?.count, 3);
/// # Ok(())
/// # }
/// ```
pub struct Runs<S: State>(Arc<Inner<S>>);

struct Inner<S: State> {
    graph: Graph<S>,
    shelf: Arc<Shelf>,
    options: Options,
    home: Home,
}

/// Where runs are kept.
#[derive(Clone)]
enum Home {
    /// Nowhere.
    Nowhere,
    /// In logs of the storage.
    Storage(session::Options),
    /// By a persister.
    Custom(Arc<Custom>),
}

impl<S: State> Runs<S> {
    /// Kept in a storage, each checkpoint as durable as that promises before its step returns.
    pub fn new(graph: &Graph<S>, storage: impl IntoStorage) -> Self {
        Self::with(graph, storage, Clock::system(), Options::default())
    }

    /// The same, kept as the options say.
    pub fn with(graph: &Graph<S>, storage: impl IntoStorage, clock: Clock, options: Options) -> Self {
        let storage = storage.into_storage();
        let behind = match options.mode {
            session::WriteMode::Transactional => None,
            session::WriteMode::FireAndForget { max_bytes } => {
                let storage = match options.time_limit {
                    None => Arc::clone(&storage),
                    Some(limit) => Arc::new(Limited { storage: Arc::clone(&storage), limit }),
                };
                Some(Behind::new(storage, clock.clone(), max_bytes))
            }
        };
        let mut shelf = Shelf::new(storage, clock);
        (shelf.behind, shelf.max_queued) = (behind, options.max_queued);
        let home = session::Options { log_tail: options.log_tail, ..session::Options::default() };
        Self::of(graph, shelf, options, Home::Storage(home))
    }

    /// Kept in a database of one's own, each checkpoint saved before its step returns.
    pub fn custom(graph: &Graph<S>, persister: impl Into<Persister>) -> Self {
        Self::custom_with(graph, persister, Clock::system(), Options::default())
    }

    /// The same, kept as the options say. Histories are loaded whole.
    pub fn custom_with(
        graph: &Graph<S>,
        persister: impl Into<Persister>,
        clock: Clock,
        options: Options,
    ) -> Self {
        let persister = persister.into();
        let line = match options.mode {
            session::WriteMode::Transactional => None,
            session::WriteMode::FireAndForget { max_bytes } => {
                Some(Line::new(Arc::clone(&persister.saver), max_bytes, options.time_limit))
            }
        };
        let custom = Custom { persister, line, max_queued: options.max_queued };
        Self::of(graph, Shelf::new(Arc::new(Memory::new()), clock), options, Home::Custom(Arc::new(custom)))
    }

    /// Not kept: they live as long as somebody has them.
    pub fn ephemeral(graph: &Graph<S>) -> Self {
        let shelf = Shelf::new(Arc::new(Memory::new()), Clock::system());
        Self::of(graph, shelf, Options::default(), Home::Nowhere)
    }

    fn of(graph: &Graph<S>, mut shelf: Shelf, options: Options, home: Home) -> Self {
        (shelf.expiry, shelf.time_limit) = (options.expiry, options.time_limit);
        Self(Arc::new(Inner { graph: graph.clone(), shelf: Arc::new(shelf), options, home }))
    }

    /// The graph.
    pub fn graph(&self) -> &Graph<S> {
        &self.0.graph
    }

    pub(super) fn shelf(&self) -> &Arc<Shelf> {
        &self.0.shelf
    }

    /// Begins a run with this state.
    ///
    /// # Errors
    /// `Conflict` if there is one of that name; `Invalid` if the name is none, or the state cannot be stored; what the storage
    /// gives.
    ///
    /// # Cancel safety
    /// If dropped, it may be there or not.
    pub async fn create(&self, id: impl TryInto<RunId, Error: Into<Error>>, state: S) -> Result<Run<S>> {
        let id = Arc::new(id.try_into().map_err(Into::into)?);
        not_a_child(&id)?;
        self.begin(id, state, None, &Position::Entrypoint, false).await
    }

    async fn begin(
        &self,
        id: Arc<RunId>,
        state: S,
        parent: Option<Parent>,
        position: &Position,
        guard: bool,
    ) -> Result<Run<S>> {
        let (mut track, change) = Track::begin(self.home(&id)?, &state)?;
        let graph = self.graph().name();
        let kept = match &self.0.home {
            Home::Nowhere => {
                let loose = Loose::new(Arc::clone(&self.shelf().storage), self.shelf().clock.clone());
                loose.accept(&mut track, change).await?;
                Kept::Loose(loose)
            }
            Home::Storage(_) => {
                let begin = (&mut track, change);
                let (shelf, at) = (self.shelf(), position.into());
                Kept::Stored(Stored::create(shelf, &id, graph, parent.as_ref(), at, begin, guard).await?)
            }
            Home::Custom(custom) => {
                self.graph().may_be_kept_by(&custom.persister)?;
                let begin = (&mut track, change);
                let (shelf, at) = (self.shelf(), position.clone());
                Kept::Custom(custom.create(shelf, &id, graph, parent.clone(), at, begin).await?)
            }
        };
        let core = Core::begin(self, Arc::clone(&id), Box::new(state), track, kept, parent, position);
        self.opened(id, core).await
    }

    /// The run of this name, as its latest checkpoint left it; `None` if there is none.
    ///
    /// # Errors
    /// `Invalid` if it is of another graph; `Corrupt`; what the storage gives.
    pub async fn open(&self, id: impl TryInto<RunId, Error: Into<Error>>) -> Result<Option<Run<S>>> {
        let id = Arc::new(id.try_into().map_err(Into::into)?);
        let found = match self.read(&id, Which::Latest).await? {
            None => self.taken_over(&id).await?,
            found => found,
        };
        let Some(found) = found else { return Ok(None) };
        let core = Core::of(self, Arc::clone(&id), found, None).await?;
        self.opened(id, core).await.map(Some)
    }

    /// A run that is kept elsewhere, from now on kept here.
    async fn taken_over(&self, id: &RunId) -> Result<Option<Found>> {
        let Some(custom) = self.persisted()? else { return Ok(None) };
        let Some(found) = custom.elsewhere(self.shelf(), id, Which::Latest).await? else { return Ok(None) };
        self.check_graph(id, &found.graph)?;
        // What cannot be read is not spread.
        let track = Track::plain_of(&found.state).map_err(|error| error.context(id))?;
        track.value::<S>().map_err(|error| error.context(id))?;
        match custom.take_over(self.shelf(), id, found).await {
            // Somebody else was faster.
            Err(error) if error.kind() == Kind::Conflict => self.read(id, Which::Latest).await,
            saved => Ok(Some(Found::Saved(Arc::clone(custom), saved?))),
        }
    }

    /// The run of this name, begun with this state if there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create).
    pub async fn open_or_create(
        &self,
        id: impl TryInto<RunId, Error: Into<Error>>,
        state: impl FnOnce() -> S,
    ) -> Result<Run<S>> {
        let id = id.try_into().map_err(Into::into)?;
        if let Some(run) = self.open(&id).await? {
            return Ok(run);
        }
        match self.create(&id, state()).await {
            // Somebody else was faster.
            Err(error) if error.kind() == Kind::Conflict => self.open(&id).await?.ok_or(error),
            created => created,
        }
    }

    /// Begins a run with the state of a checkpoint of another, the latest unless one is named, and standing where that
    /// stands. What it was forked from is noted at once, exactly, and the histories in its state are its own.
    ///
    /// # Errors
    /// `Gone` if there is no such run or the checkpoint was pruned; `Invalid` if there never was such a checkpoint, or the
    /// names are one; as [`create`](Self::create).
    pub async fn fork(
        &self,
        from: impl TryInto<RunId, Error: Into<Error>>,
        seq: impl Into<Option<u64>>,
        to: impl TryInto<RunId, Error: Into<Error>>,
    ) -> Result<Run<S>> {
        let (from, to) = (from.try_into().map_err(Into::into)?, to.try_into().map_err(Into::into)?);
        if from == to {
            return Err(Error::invalid(format!("{from} cannot be forked into itself: rewind it")));
        }
        not_a_child(&to)?;
        let which = seq.into().map_or(Which::Latest, Which::At);
        let found = self.find(&from, which).await?.ok_or_else(|| missing(&from))?;
        let home = self.home(&from)?.with_all_items();
        let state: S = self.track_in(home, &from, &found).await?.value()?;
        let parent = Parent::new(from, found.seq());
        self.begin(Arc::new(to), state, Some(parent), found.position(), false).await
    }

    /// The checkpoints of a run, newest first, all branches: at most `count` before `before`, or the last ones.
    ///
    /// # Errors
    /// `Corrupt`; what the storage gives.
    pub async fn history(
        &self,
        id: impl TryInto<RunId, Error: Into<Error>>,
        before: impl Into<Option<u64>>,
        count: usize,
    ) -> Result<Vec<Checkpoint>> {
        let id = id.try_into().map_err(Into::into)?;
        self.flush(&id).await?;
        match self.persisted()? {
            Some(custom) => custom.history(self.shelf(), &id, before.into(), count).await,
            None => Chain::history(self.shelf(), &id, &id.key()?, before.into(), count).await,
        }
    }

    /// The state of a run at a checkpoint, or its latest; histories as long as those of a run that is opened.
    ///
    /// # Errors
    /// `Gone` if there is no such run or the checkpoint was pruned; `Invalid` if there never was such a checkpoint.
    pub async fn state_at(
        &self,
        id: impl TryInto<RunId, Error: Into<Error>>,
        seq: impl Into<Option<u64>>,
    ) -> Result<S> {
        let id = id.try_into().map_err(Into::into)?;
        let which = seq.into().map_or(Which::Latest, Which::At);
        let found = self.find(&id, which).await?.ok_or_else(|| missing(&id))?;
        self.track(&id, &found).await?.value()
    }

    async fn opened(&self, id: Arc<RunId>, core: Core<S>) -> Result<Run<S>> {
        core.tell(&Point::Opened { run: &id, graph: self.graph().name() }).await?;
        Ok(Run::new(id, core))
    }

    /// Waits until what is queued of a run's conversation is stored; does nothing where steps wait for it themselves.
    ///
    /// # Errors
    /// What it failed with, unless that was told.
    pub async fn flush(&self, id: &RunId) -> Result<()> {
        self.ground().flush(id).await
    }

    /// Waits until all that is queued is stored.
    ///
    /// # Errors
    /// What it failed with, unless that was told.
    pub async fn flush_all(&self) -> Result<()> {
        match (&self.shelf().behind, self.line()) {
            (Some(behind), _) => behind.flush_all().await,
            (_, Some(line)) => line.flush_all().await,
            (None, None) => Ok(()),
        }
    }

    /// What keeps them, if that is a persister.
    ///
    /// # Errors
    /// `Invalid` if it cannot keep those of such a graph.
    fn persisted(&self) -> Result<Option<&Arc<Custom>>> {
        match &self.0.home {
            Home::Custom(custom) => {
                self.graph().may_be_kept_by(&custom.persister)?;
                Ok(Some(custom))
            }
            Home::Nowhere | Home::Storage(_) => Ok(None),
        }
    }

    fn line(&self) -> Option<&Line> {
        match &self.0.home {
            Home::Custom(custom) => custom.line.as_ref(),
            Home::Nowhere | Home::Storage(_) => None,
        }
    }

    /// What a run is stored as. Another graph's is refused.
    pub(super) async fn read(&self, id: &RunId, which: Which) -> Result<Option<Found>> {
        self.flush(id).await?;
        self.read_stored(id, which).await
    }

    /// The same, without what is queued.
    async fn read_stored(&self, id: &RunId, which: Which) -> Result<Option<Found>> {
        let found = match &self.0.home {
            Home::Nowhere => None,
            Home::Storage(_) => Chain::read(self.shelf(), id, &id.key()?, which).await?.map(Found::Log),
            Home::Custom(custom) => {
                self.graph().may_be_kept_by(&custom.persister)?;
                let saved = custom.read(self.shelf(), id, which).await?;
                saved.map(|saved| Found::Saved(Arc::clone(custom), saved))
            }
        };
        if let Some(found) = &found {
            self.check_graph(id, found.graph())?;
        }
        Ok(found)
    }

    /// The same, and also of a run that is not stored here but can be loaded from elsewhere.
    async fn find(&self, id: &RunId, which: Which) -> Result<Option<Found>> {
        if let Some(found) = self.read(id, which).await? {
            return Ok(Some(found));
        }
        let Some(custom) = self.persisted()? else { return Ok(None) };
        let Some(saved) = custom.elsewhere(self.shelf(), id, which).await? else { return Ok(None) };
        self.check_graph(id, &saved.graph)?;
        Ok(Some(Found::Saved(Arc::clone(custom), saved)))
    }

    fn check_graph(&self, id: &RunId, of: &str) -> Result<()> {
        let graph = self.graph().name();
        if of == graph {
            return Ok(());
        }
        Err(Error::invalid(format!("{id} is a run of graph `{of}`, and was opened as one of `{graph}`")))
    }

    /// The state of what was read.
    pub(super) async fn track(&self, id: &RunId, found: &Found) -> Result<Track> {
        self.track_in(self.home(id)?, id, found).await
    }

    async fn track_in(&self, home: TrackHome, id: &RunId, found: &Found) -> Result<Track> {
        match found {
            Found::Log(chain) => {
                let loading = Track::load(home, &chain.whole, &chain.changes);
                self.shelf().within(id, loading).await
            }
            Found::Saved(_, saved) => Track::plain_of(&saved.state).map_err(|error| error.context(id)),
        }
    }

    fn home(&self, id: &RunId) -> Result<TrackHome> {
        match &self.0.home {
            Home::Storage(options) => TrackHome::new(Arc::clone(&self.shelf().storage), options, id.key()?),
            // Names of runs that are not kept may be used again.
            Home::Nowhere => TrackHome::new(Arc::new(Memory::new()), &session::Options::default(), id.key()?),
            Home::Custom(_) => Ok(TrackHome::plain()),
        }
    }
}

fn not_a_child(id: &RunId) -> Result<()> {
    if id.is_child() {
        return Err(Error::invalid(format!(
            "{id}: only an action of a run makes runs with `/child/` in their names"
        )));
    }
    Ok(())
}

fn missing(id: &RunId) -> Error {
    Error::new(Kind::Gone, format!("{id} is not there"))
}

impl<S: State> Clone for Runs<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: State> fmt::Debug for Runs<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs")
            .field("graph", &self.graph().name())
            .field("shelf", &self.0.shelf)
            .field("options", &self.0.options)
            .finish()
    }
}
