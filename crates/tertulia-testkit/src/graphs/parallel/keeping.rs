//! Where children are kept, and for how long.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::graph::{self, Child, Data, Graph, Inputs, RunId, Runs, State, Until};
use tertulia::storage::{Batch, CommitId, ListQuery, LogWrite, Memory, Names, Write};
use tertulia::{Clock, Key, Log, Name};

use super::Flow;
use super::story::{MODES, Pass, Story, Work, each, looped, note, on, passes, runs, worker};

/// What there is of this run and of others whose names begin so.
async fn left(flow: &Flow, id: &RunId) -> usize {
    let conversation = id.conversation();
    match flow {
        Flow::Saver(saver) => saver.list(conversation).await.unwrap().len(),
        Flow::Storage(storage) => {
            let names = Names::Prefix(format!("run/{}", id.name()));
            let query = ListQuery { shard: Some(conversation.shard()), names, ..ListQuery::default() };
            storage.list(&query).await.unwrap().keys.len()
        }
    }
}

/// Deletes this run, and nothing else.
async fn lose(flow: &Flow, id: &RunId) {
    match flow {
        Flow::Saver(saver) => assert!(saver.delete(id).await.unwrap()),
        Flow::Storage(storage) => {
            let name = Name::new(format!("run/{}", id.name())).unwrap();
            let delete = LogWrite::new(Key::Log(id.conversation().clone(), name)).delete();
            let batch = Batch::new(CommitId(Clock::system().random()), vec![Write::Log(delete)]);
            storage.commit(batch).await.unwrap();
        }
    }
}

/// Nothing is left of them.
pub async fn children_are_not_listed_and_go_with_their_parent(flow: Flow) {
    for (mode, long) in MODES.into_iter().zip(["", "and this one has a name that is as long as it may be"]) {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 1).await), 2).await;
        let runs = runs(&graph, &flow, &mode);
        let name = format!("mine{}", long.repeat(3));
        let run = runs.create(RunId::new("test:1", name).unwrap(), on([1, 2])).await.unwrap();
        run.run(Until::end(), Inputs::new()).await.unwrap();
        let listed = runs.list(run.id().conversation().clone()).await.unwrap();
        assert_eq!(listed.iter().map(|listed| &listed.id).collect::<Vec<_>>(), [run.id()]);
        let children = runs.children(run.id()).await.unwrap();
        assert_eq!(children.len(), 4);
        assert!(children.iter().all(|child| child.id.is_child() && child.seq == Some(0)));
        assert!(runs.delete(run.id()).await.unwrap());
        assert_eq!(runs.children(run.id()).await.unwrap(), []);
        let beginning = RunId::new("test:1", "mine").unwrap();
        assert_eq!(left(&flow, &beginning).await, 0);
        assert!(!runs.delete(run.id()).await.unwrap());
    }
}

/// What was forgotten has no children.
pub async fn children_of_pruned_steps_go_too(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 1).await), 3).await;
        let runs = runs(&graph, &flow, &mode);
        let run = runs.create(format!("{mode:?}"), on([1, 2])).await.unwrap();
        run.run(Until::end(), Inputs::new()).await.unwrap();
        assert_eq!(runs.prune(run.id(), 1).await.unwrap(), 2);
        let children = runs.children(run.id()).await.unwrap();
        let mut left: Vec<&str> =
            children.iter().filter_map(|child| child.id.name().rsplit('/').next()).collect();
        left.sort_unstable();
        assert_eq!(left, ["2.0", "2.1"]);
    }
}

/// They are told apart by when their parent was made.
pub async fn the_children_of_another_run_of_the_name_are_not_taken(flow: Flow) {
    let story = Story::new();
    let graph = passes(graph::parallel(worker(&story, 1).await).limit(1), 1).await;
    let runs = runs(&graph, &flow, &MODES[0]);
    let run = runs.create("mine", on([1, 2])).await.unwrap();
    story.fail(2, 0);
    run.step(Inputs::new()).await.unwrap_err();
    // It expires, say, and its children do not yet.
    lose(&flow, run.id()).await;
    story.mend();
    story.worked();
    let other = runs.create("mine", on([7, 8])).await.unwrap();
    other.step(Inputs::new()).await.unwrap();
    assert_eq!(story.worked(), [7, 8]);
    assert_eq!(other.state().await.unwrap().made, [[70, 80]]);
}

/// Nothing of it comes back. A persister is not asked for two runs at once.
pub async fn a_run_that_is_deleted_gets_no_children(flow: Flow) {
    let Flow::Storage(_) = flow else { return };
    let (story, runs_of_it) = (Story::new(), Arc::new(OnceLock::<Runs<Pass>>::new()));
    let deleting = Arc::clone(&runs_of_it);
    let parallel = graph::parallel(worker(&story, 1).await).map_async(move |pass: &Pass| {
        let runs = deleting.get().unwrap().clone();
        Box::pin(async move {
            runs.delete("mine").await?;
            Ok(each(pass))
        })
    });
    let graph = looped(Graph::<Pass>::new("doomed").action("fan", parallel.reduce(note)), 1).await;
    let runs = runs_of_it.get_or_init(|| runs(&graph, &flow, &MODES[0]));
    let run = runs.create("mine", on([1, 2])).await.unwrap();
    let error = run.step(Inputs::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Gone, "{error}");
    assert!(story.worked().is_empty());
    assert_eq!(left(&flow, run.id()).await, 0);
}

/// With other runs, or as long as the step.
pub async fn children_are_kept_elsewhere_or_nowhere(flow: Flow) {
    let story = Story::new();
    let child = worker(&story, 1).await;
    let elsewhere = Runs::new(&child, Memory::new());
    let ways = [
        (graph::parallel(&child).limit(1).kept_in(&elsewhere), "there", vec![2, 3], 3),
        (graph::parallel(&child).limit(1).ephemeral(), "nowhere", vec![1, 2, 3], 0),
    ];
    for (parallel, name, again, kept) in ways {
        let graph = passes(parallel, 1).await;
        let runs = runs(&graph, &flow, &MODES[0]);
        let run = runs.create(name, on([1, 2, 3])).await.unwrap();
        story.fail(2, 0);
        run.step(Inputs::new()).await.unwrap_err();
        assert_eq!(story.worked(), [1, 2]);
        story.mend();
        run.step(Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), again);
        assert_eq!(runs.children(run.id()).await.unwrap(), []);
        assert_eq!(elsewhere.children(run.id()).await.unwrap().len(), kept);
    }
}

/// It can be opened as any run, and nobody else can make one.
pub async fn a_child_knows_its_parent(flow: Flow) {
    let story = Story::new();
    let child = worker(&story, 1).await;
    let graph = passes(graph::parallel(&child), 1).await;
    let run = runs(&graph, &flow, &MODES[0]).create("mine", on([1])).await.unwrap();
    run.step(Inputs::new()).await.unwrap();
    let children = runs(&child, &flow, &MODES[0]);
    let id = RunId::new(run.id().conversation().clone(), "mine/child/0.0").unwrap();
    let opened = children.open(&id).await.unwrap().unwrap();
    assert_eq!(opened.state().await.unwrap().made, 10);
    let parent = opened.standing().await.unwrap().parent.unwrap();
    assert_eq!((&parent.run, parent.seq, parent.action.as_deref()), (run.id(), Some(0), Some("fan")));
    let other = RunId::new(run.id().conversation().clone(), "mine/child/9.0").unwrap();
    assert_eq!(children.create(&other, Work::default()).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(children.fork(&id, None, &other).await.unwrap_err().kind(), Kind::Invalid);
    let fork = children.fork(&id, None, "a fork").await.unwrap();
    assert_eq!(fork.standing().await.unwrap().parent.unwrap().action, None);
}

#[derive(Default, Serialize, Deserialize)]
struct Long {
    on: u64,
    history: Log<u64>,
}

/// Be they of a child that was read again.
pub async fn the_histories_of_children_are_whole(flow: Flow) {
    async fn write(mut state: State<Long>, story: Data<Arc<Story>>) -> graph::Result {
        (0..300).for_each(|item| state.history.push(item));
        story.work(state.on, 0).await
    }
    for mode in MODES {
        let story = Story::new();
        let child = Graph::<Long>::new("long").data(Arc::clone(&story)).action("write", write);
        let parallel = graph::parallel(child.entrypoint("write").build().await.unwrap()).limit(1);
        let parallel = parallel.map(|pass: &Pass| {
            pass.on.iter().map(|on| Child::new(Long { on: *on, history: Log::default() })).collect()
        });
        let reduced = parallel.reduce(|pass: &mut Pass, results| {
            for result in results {
                pass.made.push(result.state?.history.tail().to_vec());
            }
            Ok(())
        });
        let builder = Graph::<Pass>::new("whole").action("fan", reduced).entrypoint("fan");
        let runs = runs(&builder.build().await.unwrap(), &flow, &mode);
        let run = runs.create(format!("{mode:?}"), on([1, 2])).await.unwrap();
        story.fail(2, 0);
        run.step(Inputs::new()).await.unwrap_err();
        story.mend();
        run.step(Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [1, 2, 2]);
        let all: Vec<u64> = (0..300).collect();
        assert_eq!(run.state().await.unwrap().made, [all.clone(), all]);
    }
}
