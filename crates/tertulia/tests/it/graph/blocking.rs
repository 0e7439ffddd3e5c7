//! Graphs in programs that are not asynchronous, and plain functions in those that are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tertulia::blocking::wait;
use tertulia::error::Kind;
use tertulia::graph::{
    self, Beginning, Builder, Checkpoint, Child, Data, Graph, Inputs, Listed, Options, Persister, Plain,
    Point, Policy, RunId, Runs, Save, Saved, State, StateLoader, StateSaver, Status, Until, Which,
};
use tertulia::session::WriteMode;
use tertulia::storage::Memory;
use tertulia::{Clock, Conversation, Error, Result};
use tertulia_testkit::graphs::Shelf;
use tokio::sync::Notify;

#[derive(Default, Serialize, Deserialize, Debug, PartialEq)]
struct Counter {
    count: u32,
}

fn count(mut state: State<Counter>) -> graph::Result<u32> {
    state.count += 1;
    Ok(state.count)
}

async fn count_async(state: State<Counter>, _: Data<u32>) -> graph::Result<u32> {
    count(state)
}

fn counter() -> Builder<Counter> {
    let again = graph::when("under 3", |s: &Counter| s.count < 3);
    let builder = Graph::<Counter>::new("counter").action("count", graph::plain(count));
    builder.transition_when("count", "count", again).entrypoint("count")
}

#[test]
fn a_program_without_a_runtime_runs_graphs() {
    let graph = counter().build_blocking().unwrap();
    assert!(graph.is_blocking());
    let storage = Arc::new(Memory::new());
    let mode = WriteMode::FireAndForget { max_bytes: 1 << 20 };
    for mode in [WriteMode::Transactional, mode] {
        let options = Options { mode, ..Options::default() };
        let runs = Runs::with(&graph, Arc::clone(&storage), Clock::system(), options);
        let name = format!("{mode:?}");
        let run = wait(runs.create(name.as_str(), Counter::default())).unwrap();
        assert_eq!(wait(run.run(Until::end(), Inputs::new())).unwrap().result, 3);
        wait(runs.flush_all()).unwrap();
        let again = wait(Runs::new(&graph, Arc::clone(&storage)).open(name.as_str())).unwrap().unwrap();
        assert_eq!(wait(again.state()).unwrap().count, 3);
        let history = wait(runs.history(name.as_str(), None, 10)).unwrap();
        assert!(history.iter().all(|checkpoint| checkpoint.status == Status::Completed));
        assert_eq!(history.len(), 3);
    }
}

#[test]
fn all_that_is_asynchronous_is_named_at_once() {
    let child = wait(counter().build()).unwrap();
    let children = graph::parallel(&child).map(|_: &Counter| vec![Child::new(Counter::default())]);
    let awaited = graph::parallel(&child).map_async(|_: &Counter| Box::pin(async { Ok(Vec::new()) }));
    let builder = counter()
        .action("slow", count_async)
        .action(
            "speak",
            graph::streaming(|_: State<Counter>| futures_util::stream::empty::<graph::Result<String>>()),
        )
        .action("children", children.reduce(|_, _| Ok(())))
        .action("awaited", awaited.reduce(|_, _| Ok(())))
        .transition("count", "slow")
        .transition("slow", "speak")
        .transition("speak", "children")
        .transition("children", "awaited")
        .hook(|_: &Point<'_>| Ok(()))
        .hook_async(|_: &Point<'_>| Box::pin(async { Ok(()) }))
        .data_from(async { Ok(7_u32) });
    let error = builder.build_blocking().unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(
        error.to_string(),
        "graph `counter` cannot be built: action `slow` is asynchronous; action `speak` is asynchronous; \
         action `children` runs graph `counter`, which was not built with `build_blocking`; \
         action `awaited` awaits its children; a `u32` is awaited; `hook_async` 1 is asynchronous"
    );
}

#[test]
fn a_blocking_graph_that_is_wrong_is_told_so() {
    let error = counter().transition("count", "nowhere").build_blocking().unwrap_err();
    assert!(error.to_string().contains("`nowhere`"), "{error}");
}

#[test]
fn children_of_blocking_graphs_are_run_as_well() {
    let child = counter().build_blocking().unwrap();
    let parallel = graph::parallel(&child).policy(Policy::Collect);
    let parallel = parallel.map(|_: &Counter| (0..4).map(|_| Child::new(Counter::default())).collect());
    let reduced = parallel.reduce(|state: &mut Counter, results| {
        for result in results {
            state.count += result.state?.count;
        }
        Ok(())
    });
    let graph =
        Graph::<Counter>::new("all").action("fan", reduced).entrypoint("fan").build_blocking().unwrap();
    let run = wait(Runs::new(&graph, Memory::new()).create("mine", Counter::default())).unwrap();
    wait(run.step(Inputs::new())).unwrap();
    assert_eq!(wait(run.state()).unwrap().count, 12);
}

#[tokio::test]
async fn a_blocking_graph_does_not_run_where_it_would_block_others() {
    let ran = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&ran);
    let act = move |_: State<Counter>| {
        counts.fetch_add(1, Ordering::Relaxed);
        graph::Result::Ok(())
    };
    let graph = Graph::<Counter>::new("g").action("act", graph::plain(act)).entrypoint("act");
    let runs = Runs::new(&graph.build_blocking().unwrap(), Memory::new());
    let run = runs.create("mine", Counter::default()).await.unwrap();
    let calls = [
        run.step(Inputs::new()).await.map(drop),
        run.run(Until::end(), Inputs::new()).await.map(drop),
        run.iterate(Until::end(), Inputs::new()).await.map(drop),
        run.stream_result(Until::end(), Inputs::new()).next().await.map(drop),
    ];
    assert!(calls.iter().all(|call| call.as_ref().is_err_and(|error| error.kind() == Kind::Invalid)));
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    assert_eq!(run.standing().await.unwrap().seq, None);
}

#[test]
fn waiting_in_a_runtime_is_refused_before_anything_happens() {
    let polled = Arc::new(AtomicU32::new(0));
    let refused = |polled: &Arc<AtomicU32>| {
        let polled = Arc::clone(polled);
        wait(async move {
            polled.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(async { refused(&polled) }).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    // Nor within itself.
    let error = wait(async { refused(&polled) }).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(polled.load(Ordering::Relaxed), 0);
    refused(&polled).unwrap();
    assert_eq!(polled.load(Ordering::Relaxed), 1);
    assert_eq!(wait(async { Err::<(), _>(Error::invalid("no")) }).unwrap_err().to_string(), "no");
}

#[tokio::test]
async fn others_go_on_while_a_plain_function_blocks_a_thread_of_its_own() {
    let (sender, receiver) = mpsc::channel::<u32>();
    let waits = |mut state: State<Counter>, receiver: Data<Mutex<mpsc::Receiver<u32>>>| -> graph::Result {
        state.count = receiver.lock().recv()?;
        Ok(())
    };
    let builder = Graph::<Counter>::new("g").data(Mutex::new(receiver));
    let builder = builder.action("wait", graph::plain(waits).spawn_blocking()).entrypoint("wait");
    let run =
        Runs::ephemeral(&builder.build().await.unwrap()).create("mine", Counter::default()).await.unwrap();
    // Both in one task: if the action blocked it, nothing would ever be sent.
    let other = async {
        tokio::task::yield_now().await;
        sender.send(7).unwrap();
    };
    let (stepped, ()) = tokio::join!(run.step(Inputs::new()), other);
    stepped.unwrap();
    assert_eq!(run.state().await.unwrap().count, 7);
}

/// A persister whose methods are plain functions. Told to, it is held in `save`, in the thread that it is called on.
#[derive(Debug, Default)]
struct Files {
    shelf: Shelf,
    saves: Mutex<Option<mpsc::Receiver<()>>>,
    saving: Notify,
    calls: AtomicU32,
}

impl Files {
    fn now<T>(&self, answer: impl Future<Output = T>) -> T {
        self.calls.fetch_add(1, Ordering::Relaxed);
        answer.now_or_never().unwrap()
    }
}

impl StateLoader for Files {
    type Way = Plain;

    fn load(&self, run: &RunId, which: Which) -> Result<Option<Saved>> {
        self.now(self.shelf.load(run, which))
    }

    fn history(&self, run: &RunId, before: Option<u64>, count: usize) -> Result<Vec<Checkpoint>> {
        self.now(self.shelf.history(run, before, count))
    }

    fn list(&self, conversation: &Conversation) -> Result<Vec<Listed>> {
        self.now(self.shelf.list(conversation))
    }
}

impl StateSaver for Files {
    fn create(&self, beginning: &Beginning) -> Result<()> {
        self.now(self.shelf.create(beginning))
    }

    fn save(&self, save: &Save) -> Result<()> {
        let held = self.saves.lock().take();
        if let Some(held) = held {
            self.saving.notify_one();
            held.recv().map_err(|_| Error::unavailable("nobody lets it go"))?;
        }
        self.now(self.shelf.save(save))
    }

    fn delete(&self, run: &RunId) -> Result<bool> {
        self.now(self.shelf.delete(run))
    }

    fn prune(&self, run: &RunId, keep: u64) -> Result<u64> {
        self.now(self.shelf.prune(run, keep))
    }
}

#[test]
fn a_program_without_a_runtime_has_a_persister_of_its_own() {
    let graph = counter().build_blocking().unwrap();
    let files = Arc::new(Files::default());
    for mode in [WriteMode::Transactional, WriteMode::FIRE_AND_FORGET] {
        let options = Options { mode, ..Options::default() };
        let persister = Persister::new(Arc::clone(&files)).loads_from(Files::default());
        let runs = Runs::custom_with(&graph, persister, Clock::system(), options);
        let name = format!("{mode:?}");
        let run = wait(runs.open_or_create(name.as_str(), Counter::default)).unwrap();
        assert_eq!(wait(run.run(Until::end(), Inputs::new())).unwrap().result, 3);
        wait(runs.flush_all()).unwrap();
        let again = wait(Runs::custom(&graph, Arc::clone(&files)).open(name.as_str())).unwrap().unwrap();
        assert_eq!(wait(again.state()).unwrap().count, 3);
        assert_eq!(wait(runs.history(name.as_str(), None, 10)).unwrap().len(), 3);
    }
}

#[test]
fn a_blocking_graph_refuses_an_asynchronous_persister_by_name() {
    let graph = counter().build_blocking().unwrap();
    let (files, awaited) = (Arc::new(Files::default()), Arc::new(Shelf::new()));
    let saver = "saver `alloc::sync::Arc<tertulia_testkit::graphs::shelf::Shelf>` is asynchronous";
    let loader = "loader `alloc::sync::Arc<tertulia_testkit::graphs::shelf::Shelf>` is asynchronous";
    let both = Persister::new(Arc::clone(&awaited)).loads_from(Arc::clone(&awaited));
    let persisters = [
        (Persister::new(Arc::clone(&awaited)), saver.to_owned()),
        (Persister::new(Arc::clone(&files)).loads_from(Arc::clone(&awaited)), loader.to_owned()),
        (both, format!("{saver}; {loader}")),
    ];
    for (persister, named) in persisters {
        let runs = Runs::custom(&graph, persister);
        let id = || RunId::alone("mine").unwrap();
        let calls = [
            wait(runs.create(id(), Counter::default())).map(drop),
            wait(runs.open(id())).map(drop),
            wait(runs.open_or_create(id(), Counter::default)).map(drop),
            wait(runs.fork(id(), None, "other")).map(drop),
            wait(runs.state_at(id(), None)).map(drop),
            wait(runs.history(id(), None, 1)).map(drop),
            wait(runs.list(id().conversation().clone())).map(drop),
            wait(runs.children(id())).map(drop),
            wait(runs.prune(id(), 1)).map(drop),
            wait(runs.delete(id())).map(drop),
        ];
        for call in calls {
            let error = call.unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert_eq!(
                error.to_string(),
                format!(
                    "graph `counter` was built with `build_blocking`, and of what keeps its runs {named}"
                )
            );
        }
    }
    assert_eq!(files.calls.load(Ordering::Relaxed), 0);
    // What it is to others is not its matter.
    let others = wait(counter().build()).unwrap();
    wait(Runs::custom(&others, awaited).create("mine", Counter::default())).unwrap();
}

#[test]
fn a_blocking_graph_keeps_no_children_with_an_asynchronous_persister() {
    let child = counter().build_blocking().unwrap();
    let all = |runs: &Runs<Counter>| {
        let parallel = graph::parallel(&child).kept_in(runs);
        let parallel = parallel.map(|_: &Counter| vec![Child::new(Counter::default())]);
        let builder = Graph::<Counter>::new("all").action("fan", parallel.reduce(|_, _| Ok(())));
        builder.entrypoint("fan").build_blocking()
    };
    all(&Runs::custom(&child, Files::default())).unwrap();
    let error = all(&Runs::custom(&child, Shelf::new())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "graph `all` cannot be built: action `fan` keeps its children where \
         saver `tertulia_testkit::graphs::shelf::Shelf` is asynchronous"
    );
}

#[tokio::test]
async fn others_go_on_while_a_plain_persister_blocks_a_thread_of_its_own() {
    let (sender, receiver) = mpsc::channel();
    let files = Arc::new(Files { saves: Mutex::new(Some(receiver)), ..Files::default() });
    let runs = Runs::custom(&counter().build().await.unwrap(), Arc::clone(&files));
    let run = runs.create("mine", Counter::default()).await.unwrap();
    // Both in one task: if saving blocked it, nothing would ever be sent.
    let other = async {
        files.saving.notified().await;
        sender.send(()).unwrap();
    };
    let (stepped, ()) = tokio::join!(run.step(Inputs::new()), other);
    assert_eq!(stepped.unwrap().unwrap().seq, 0);
    assert_eq!(runs.state_at("mine", 0).await.unwrap().count, 1);
}

#[tokio::test]
async fn what_a_plain_persister_still_saves_is_seen_when_its_caller_is_gone() {
    let (sender, receiver) = mpsc::channel();
    let files = Arc::new(Files { saves: Mutex::new(Some(receiver)), ..Files::default() });
    let runs = Runs::custom(&counter().build().await.unwrap(), Arc::clone(&files));
    let run = runs.create("mine", Counter::default()).await.unwrap();
    tokio::select! {
        stepped = run.step(Inputs::new()) => panic!("nothing held it: {stepped:?}"),
        () = files.saving.notified() => {}
    }
    let other = async {
        // Time enough for whoever would not wait.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        sender.send(()).unwrap();
    };
    let (stepped, ()) = tokio::join!(run.step(Inputs::new()), other);
    assert_eq!(stepped.unwrap().unwrap().seq, 1, "0 is stored");
    assert_eq!(run.state().await.unwrap().count, 2);
}
