//! The action that runs children, as it is put together.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::child::{Child, ChildResult};
use super::family::{Family, Task};
use super::graphs::Graphs;
use super::how::{How, Keep, Policy};
use crate::graph::action::{Erased, Made, result};
use crate::graph::extract::About;
use crate::graph::runs::Grounded;
use crate::graph::{ActionKind, Definition, FromStep, Graph, Parts, Result, Runs, State};
use crate::session;
use crate::storage::BoxFuture;

/// How many children run at once unless it is said.
const LIMIT: usize = 16;

/// An action that runs children, on its way into a graph: [`map`](Self::map) says which, [`reduce`](Self::reduce) what
/// becomes of what they come to.
#[must_use = "an action does nothing until it is in a graph"]
pub struct Parallel<C, M = ()> {
    graphs: Vec<Graph<C>>,
    how: How,
    map: M,
}

/// What gives the children of a step over `S`.
pub struct Map<S, C> {
    about: About,
    is_async: bool,
    make: Box<Make<S, C>>,
}

/// Takes what is needed from a step.
type Make<S, C> = dyn Fn(&Parts<'_, S>) -> Result<Making<S, C>> + Send + Sync;

/// Gives the children of a state.
type Making<S, C> = Box<dyn for<'a> FnOnce(&'a S) -> BoxFuture<'a, Result<Vec<Child<C>>>> + Send>;

/// Joins what they come to.
type Reduce<S, C> = dyn Fn(&mut S, Vec<ChildResult<C>>) -> Result<Value> + Send + Sync;

/// An action that runs children at the same time, each a run of a graph, and joins what they come to. With several graphs
/// `map` is asked once for each, in their order, so that all its states go through all of them.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tertulia::graph::{self, Child, ChildResult, Graph, Inputs, Runs, State, Until};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Number { is: u64 }
///
/// async fn square(mut state: State<Number>) -> graph::Result {
///     state.is *= state.is;
///     Ok(())
/// }
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Sums { of: Vec<u64>, sum: u64 }
///
/// fn each(sums: &Sums) -> Vec<Child<Number>> {
///     sums.of.iter().map(|is| Child::new(Number { is: *is })).collect()
/// }
///
/// fn add(sums: &mut Sums, results: Vec<ChildResult<Number>>) -> graph::Result {
///     for result in results {
///         sums.sum += result.state?.is;
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// let one = Graph::<Number>::new("one").action("square", square).entrypoint("square").build().await?;
/// let all = Graph::<Sums>::new("all")
///     .action("squares", graph::parallel(&one).limit(8).map(each).reduce(add).writes("sum"))
///     .entrypoint("squares")
///     .build()
///     .await?;
/// let run = Runs::ephemeral(&all).create("mine", Sums { of: vec![1, 2, 3], sum: 0 }).await?;
/// run.run(Until::end(), Inputs::new()).await?;
/// assert_eq!(run.state().await?.sum, 14);
/// # Ok(())
/// # }
/// ```
///
/// # Where children are kept
/// Where their parent is and as it is, in the same conversation; they are deleted and pruned with it, and
/// [`Runs::children`] lists them. A child is known by its parent, the step, and its place or [name](Child::named). When the
/// step is tried again, after a failure or in another process, those that have come to their end are not run again, and the
/// others go on where they were; so for the same state `map` has to give the same children. Every other step has children
/// of its own, be it of the same action.
///
/// # What runs where
/// Children run at the same time within the task that runs the step, so what one of them computes the others wait for. What
/// they say, the step says; what those said that are not run again is said again. One that is cancelled is dropped at its next await.
///
/// # Errors
/// A step that runs children fails with `Gone` if its run is deleted meanwhile, and with `Conflict` if somebody else runs it
/// too.
pub fn parallel<C: session::State>(graphs: impl Graphs<C>) -> Parallel<C> {
    let how = How { limit: LIMIT, policy: Policy::default(), keep: Keep::Beside };
    Parallel { graphs: graphs.graphs(), how, map: () }
}

impl<C: session::State, M> Parallel<C, M> {
    /// How many children run at once, at least one: 16.
    pub fn limit(mut self, limit: usize) -> Self {
        self.how.limit = limit.max(1);
        self
    }

    /// What becomes of the step when a child fails.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.how.policy = policy;
        self
    }

    /// Children are not kept: all of them run again when the step does.
    pub fn ephemeral(mut self) -> Self {
        self.how.keep = Keep::Nowhere;
        self
    }

    /// Children are kept where these runs are. They are not deleted with their parent then.
    pub fn kept_in<S: session::State>(mut self, runs: &Runs<S>) -> Self {
        self.how.keep = Keep::There(runs.ground());
        self
    }
}

impl<C: session::State> Parallel<C> {
    /// The children of a state.
    pub fn map<S, F>(self, map: F) -> Parallel<C, Map<S, C>>
    where
        S: session::State,
        F: Fn(&S) -> Vec<Child<C>> + Send + Sync + 'static,
    {
        self.map_with(move |state: &S, (): ()| map(state))
    }

    /// The same, with arguments as actions have: `|state: &Sums, (input, data): (Input<Asked>, Data<Client>)| ..`.
    pub fn map_with<S, A, F>(self, map: F) -> Parallel<C, Map<S, C>>
    where
        S: session::State,
        A: FromStep<S> + Send + 'static,
        F: Fn(&S, A) -> Vec<Child<C>> + Send + Sync + 'static,
    {
        let map = Arc::new(map);
        let make = move |parts: &Parts<'_, S>| -> Result<Making<S, C>> {
            let (map, arguments) = (Arc::clone(&map), A::from_step(parts)?);
            Ok(Box::new(move |state: &S| {
                let children = map(state, arguments);
                Box::pin(std::future::ready(Ok(children)))
            }))
        };
        let mut about = About::default();
        A::describe(&mut about);
        self.mapped(Map { about, is_async: false, make: Box::new(make) })
    }

    /// The same, for children that are awaited: `|state: &Sums| Box::pin(async move { Ok(vec![..]) })`.
    pub fn map_async<S, F>(self, map: F) -> Parallel<C, Map<S, C>>
    where
        S: session::State,
        F: for<'a> Fn(&'a S) -> BoxFuture<'a, Result<Vec<Child<C>>>> + Send + Sync + 'static,
    {
        let map = Arc::new(map);
        let make = move |_: &Parts<'_, S>| -> Result<Making<S, C>> {
            let map = Arc::clone(&map);
            Ok(Box::new(move |state: &S| map(state)))
        };
        self.mapped(Map { about: About::default(), is_async: true, make: Box::new(make) })
    }

    fn mapped<S>(self, map: Map<S, C>) -> Parallel<C, Map<S, C>> {
        let Self { graphs, how, .. } = self;
        Parallel { graphs, how, map }
    }
}

impl<S: session::State, C: session::State> Parallel<C, Map<S, C>> {
    /// What becomes of the state when the children have come to their ends; they are told in their order.
    pub fn reduce<T, F>(self, reduce: F) -> Definition<S>
    where
        T: Serialize,
        F: Fn(&mut S, Vec<ChildResult<C>>) -> Result<T> + Send + Sync + 'static,
    {
        let reduce = Arc::new(move |state: &mut S, results| result(&reduce(state, results)?));
        let mut about = self.map.about.clone();
        about.state = true;
        let action = Box::new(Fan { parallel: self, reduce });
        Definition::new(Made { kind: ActionKind::Parallel, about, action })
    }
}

/// What it is in a graph.
struct Fan<S, C> {
    parallel: Parallel<C, Map<S, C>>,
    reduce: Arc<Reduce<S, C>>,
}

impl<S: session::State, C: session::State> Erased<S> for Fan<S, C> {
    fn call(&self, parts: &Parts<'_, S>) -> Result<BoxFuture<'static, Result<Value>>> {
        let Parallel { graphs, how, map } = &self.parallel;
        let graphs: Vec<(Graph<C>, Making<S, C>)> =
            graphs.iter().map(|graph| Ok((graph.clone(), (map.make)(parts)?))).collect::<Result<_>>()?;
        let mut state = State::<S>::from_step(parts)?;
        let (family, reduce) = (Family::of(parts, how), Arc::clone(&self.reduce));
        Ok(Box::pin(async move {
            let mut tasks: Vec<Task<C>> = Vec::new();
            for (graph, making) in graphs {
                let children = making(&state).await?;
                tasks.extend(children.into_iter().map(|mut child| {
                    let graph = child.graph.take().unwrap_or_else(|| graph.clone());
                    (graph, child)
                }));
            }
            let results = family.run(tasks).await?;
            reduce(&mut state, results)
        }))
    }

    fn awaits(&self) -> Option<String> {
        let Parallel { graphs, map, how } = &self.parallel;
        if map.is_async {
            return Some("awaits its children".to_owned());
        }
        if let Keep::There(ground) = &how.keep
            && let Some(awaits) = ground.awaits()
        {
            return Some(format!("keeps its children where {awaits}"));
        }
        let graph = graphs.iter().find(|graph| !graph.is_blocking())?;
        Some(format!("runs graph `{}`, which was not built with `build_blocking`", graph.name()))
    }
}

impl<C, M> fmt::Debug for Parallel<C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parallel")
            .field("limit", &self.how.limit)
            .field("policy", &self.how.policy)
            .finish_non_exhaustive()
    }
}

impl<S, C> fmt::Debug for Map<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("is_async", &self.is_async).finish_non_exhaustive()
    }
}
