//! What the children of the cases do, and what is known of it.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tertulia::graph::{self, Builder, Child, ChildResult, Data, Graph, Options, Parallel, Runs, State};
use tertulia::session::{self, WriteMode};
use tokio::sync::Semaphore;

use super::Flow;

/// What happens to those who work, by what they work on.
pub(super) struct Story {
    /// Who has worked, in order.
    worked: Mutex<Vec<u64>>,
    /// On what, and for the how manieth time.
    holds: Mutex<HashSet<(u64, u64)>>,
    /// On what, and how many have to be held before.
    fails: Mutex<HashMap<u64, u32>>,
    /// One permit for each that was held.
    held: Semaphore,
    /// How many work now, and the most that ever did.
    now: Mutex<(usize, usize)>,
}

/// The state of a child.
#[derive(Default, Serialize, Deserialize, Debug)]
pub(super) struct Work {
    pub(super) on: u64,
    pub(super) times: u64,
    pub(super) made: u64,
}

/// The state of a parent.
#[derive(Default, Serialize, Deserialize, Debug)]
pub(super) struct Pass {
    pub(super) on: Vec<u64>,
    pub(super) made: Vec<Vec<u64>>,
    pub(super) errors: Vec<String>,
}

impl Story {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            worked: Mutex::default(),
            holds: Mutex::default(),
            fails: Mutex::default(),
            held: Semaphore::new(0),
            now: Mutex::default(),
        })
    }

    /// Who works on this waits for ever, when he has done so `times` times.
    pub(super) fn hold(&self, on: u64, times: u64) {
        self.holds.lock().insert((on, times));
    }

    /// Who works on this fails, when so many were held.
    pub(super) fn fail(&self, on: u64, held: u32) {
        self.fails.lock().insert(on, held);
    }

    /// From now on all goes well.
    pub(super) fn mend(&self) {
        self.holds.lock().clear();
        self.fails.lock().clear();
    }

    /// Who has worked since this was asked last.
    pub(super) fn worked(&self) -> Vec<u64> {
        std::mem::take(&mut *self.worked.lock())
    }

    /// The most that ever worked at once.
    pub(super) fn most(&self) -> usize {
        self.now.lock().1
    }

    /// Waits until so many were held.
    pub(super) async fn reached(&self, count: u32) {
        self.held.acquire_many(count).await.unwrap().forget();
    }

    pub(super) async fn work(&self, on: u64, times: u64) -> graph::Result {
        self.worked.lock().push(on);
        let holds = self.holds.lock().contains(&(on, times));
        if holds {
            self.held.add_permits(1);
            pending::<()>().await;
        }
        let add = |change: isize| {
            let mut now = self.now.lock();
            now.0 = now.0.strict_add_signed(change);
            now.1 = now.1.max(now.0);
        };
        add(1);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        add(-1);
        let fails = self.fails.lock().get(&on).copied();
        let Some(held) = fails else { return Ok(()) };
        self.reached(held).await;
        Err(std::io::Error::other(format!("{on} fails")).into())
    }
}

pub(super) async fn work(mut state: State<Work>, story: Data<Arc<Story>>) -> graph::Result {
    story.work(state.on, state.times).await?;
    state.times += 1;
    state.made = state.on * 10;
    Ok(())
}

/// A graph of one action that works once; with another, a second time.
pub(super) async fn worker(story: &Arc<Story>, steps: u64) -> Graph<Work> {
    let again = graph::when("not at the end", move |work: &Work| work.times < steps);
    let builder = Graph::<Work>::new("worker").data(Arc::clone(story)).action("work", work);
    builder.transition_when("work", "work", again).entrypoint("work").build().await.unwrap()
}

/// The children of a pass: in the second each works on 100 more.
pub(super) fn each(pass: &Pass) -> Vec<Child<Work>> {
    let more = pass.made.len() as u64 * 100;
    pass.on.iter().map(|on| Child::new(Work { on: on + more, ..Work::default() })).collect()
}

/// Notes what they made.
pub(super) fn note(pass: &mut Pass, results: Vec<ChildResult<Work>>) -> graph::Result {
    let mut made = Vec::new();
    for result in results {
        match result.state {
            Ok(work) => made.push(work.made),
            Err(error) => pass.errors.push(error.to_string()),
        }
    }
    pass.made.push(made);
    Ok(())
}

/// A graph with one action `fan` that runs children, in so many passes.
pub(super) async fn passes(parallel: Parallel<Work>, passes: usize) -> Graph<Pass> {
    looped(Graph::<Pass>::new("passes").action("fan", parallel.map(each).reduce(note)), passes).await
}

pub(super) async fn looped(builder: Builder<Pass>, passes: usize) -> Graph<Pass> {
    let again = graph::when("not at the end", move |pass: &Pass| pass.made.len() < passes);
    builder.transition_when("fan", "fan", again).entrypoint("fan").build().await.unwrap()
}

/// A state with this to work on.
pub(super) fn on(on: impl Into<Vec<u64>>) -> Pass {
    Pass { on: on.into(), ..Pass::default() }
}

/// Both write modes.
pub(super) const MODES: [WriteMode; 2] =
    [WriteMode::Transactional, WriteMode::FireAndForget { max_bytes: 1 << 20 }];

/// Runs kept so, as a process has them that has just begun.
pub(super) fn runs<S: session::State>(graph: &Graph<S>, flow: &Flow, mode: &WriteMode) -> Runs<S> {
    let options = Options { mode: *mode, ..Options::default() };
    flow.runs(graph, options)
}
