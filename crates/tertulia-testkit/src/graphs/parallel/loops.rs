//! The same action again and again, and what becomes of a step that was cut short.

use std::sync::Arc;

use tertulia::graph::{self, Child, Graph, Inputs, Run, State, Until};
use tertulia::session::WriteMode;

use super::Flow;
use super::late::Late;
use super::story::{MODES, Pass, Story, Work, each, looped, note, on, passes, runs, worker};

/// Each pass has children of its own.
pub async fn each_child_runs_once_in_each_pass(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 1).await), 2).await;
        let run = runs(&graph, &flow, &mode).create(format!("{mode:?}"), on([1, 2])).await.unwrap();
        run.run(Until::end(), Inputs::new()).await.unwrap();
        assert_eq!(run.state().await.unwrap().made, [[10, 20], [1010, 1020]]);
        let mut worked = story.worked();
        // Those of a pass work at the same time.
        worked.chunks_mut(2).for_each(<[u64]>::sort_unstable);
        assert_eq!(worked, [1, 2, 101, 102]);
        run.flush().await.unwrap();
        let again = runs(&graph, &flow, &mode).open(run.id()).await.unwrap().unwrap();
        assert_eq!(again.state().await.unwrap().made, [[10, 20], [1010, 1020]]);
    }
}

/// Begins a run with this and runs it until somebody is held; then nothing of it is in memory any more, and it is opened
/// again when all goes well.
async fn crashed(graph: &Graph<Pass>, flow: &Flow, mode: &WriteMode, story: &Story, pass: Pass) -> Run<Pass> {
    let before = runs(graph, flow, mode);
    let run = before.create(format!("{mode:?}"), pass).await.unwrap();
    tokio::select! {
        halted = run.run(Until::end(), Inputs::new()) => panic!("nobody was held: {halted:?}"),
        () = story.reached(1) => {}
    }
    before.flush_all().await.unwrap();
    story.mend();
    runs(graph, flow, mode).open(run.id()).await.unwrap().unwrap()
}

/// After a crash those that had ended are not run again.
pub async fn after_a_crash_only_the_children_that_had_not_ended_run(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 1).await).limit(1), 2).await;
        story.hold(102, 0);
        let run = crashed(&graph, &flow, &mode, &story, on([1, 2])).await;
        assert_eq!(story.worked(), [1, 2, 101, 102]);
        run.run(Until::end(), Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [102], "the first child of the second pass had ended");
        assert_eq!(run.state().await.unwrap().made, [[10, 20], [1010, 1020]]);
    }
}

/// One that was in the middle goes on from its last checkpoint, and a limit of steps counts those of all tries.
pub async fn a_child_goes_on_where_it_was(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let parallel = graph::parallel(worker(&story, 5).await).map(|pass: &Pass| {
            let child =
                |on: &u64| Child::new(Work { on: *on, ..Work::default() }).until(Until::end().steps(3));
            pass.on.iter().map(child).collect()
        });
        let builder = Graph::<Pass>::new("limited").action("fan", parallel.reduce(note));
        let graph = looped(builder, 1).await;
        story.hold(1, 1);
        let run = crashed(&graph, &flow, &mode, &story, on([1])).await;
        assert_eq!(story.worked(), [1, 1]);
        run.run(Until::end(), Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [1, 1], "the second of three steps, and the third");
    }
}

/// One that was to halt in the middle has ended when it has.
pub async fn a_child_that_had_come_to_where_it_was_to_is_not_run_on(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let parallel = graph::parallel(worker(&story, 5).await).limit(1).map(|pass: &Pass| {
            let untils =
                [Until::after("work"), Until::end().steps(1), Until::before("work").resuming(), Until::end()];
            let child = |(on, until): (&u64, _)| Child::new(Work { on: *on, ..Work::default() }).until(until);
            pass.on.iter().zip(untils).map(child).collect()
        });
        let builder = Graph::<Pass>::new("halting").action("fan", parallel.reduce(note));
        let graph = looped(builder, 1).await;
        story.hold(4, 0);
        let run = crashed(&graph, &flow, &mode, &story, on([1, 2, 3, 4])).await;
        assert_eq!(story.worked(), [1, 2, 3, 4]);
        run.run(Until::end(), Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [4, 4, 4, 4, 4]);
    }
}

/// A branch runs its children anew, and finds them again.
pub async fn going_back_gives_other_children(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 1).await).limit(1), 2).await;
        let runs = runs(&graph, &flow, &mode);
        let run = runs.create(format!("{mode:?}"), on([1, 2])).await.unwrap();
        run.run(Until::end(), Inputs::new()).await.unwrap();
        story.worked();
        run.rewind(0).await.unwrap();
        story.fail(102, 0);
        run.step(Inputs::new()).await.unwrap_err();
        assert_eq!(story.worked(), [101, 102]);
        story.mend();
        let again = runs.open(run.id()).await.unwrap().unwrap();
        again.run(Until::end(), Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [102]);
        assert_eq!(again.state().await.unwrap().made, [[10, 20], [1010, 1020]]);
        again.reset().await.unwrap();
        again.step(Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [201, 202]);
    }
}

/// Also when neither came to its end.
pub async fn a_branch_that_failed_is_told_from_another_that_did(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 1).await).limit(1), 2).await;
        let runs = runs(&graph, &flow, &mode);
        let run = runs.create(format!("{mode:?}"), on([1, 2])).await.unwrap();
        run.step(Inputs::new()).await.unwrap();
        story.worked();
        story.fail(102, 0);
        for _ in 0..2 {
            run.rewind(0).await.unwrap();
            run.step(Inputs::new()).await.unwrap_err();
            assert_eq!(story.worked(), [101, 102]);
        }
        story.mend();
        let again = runs.open(run.id()).await.unwrap().unwrap();
        again.run(Until::end(), Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [102]);
        let children = runs.children(run.id()).await.unwrap();
        let seq = |name: &str| children.iter().find(|child| child.id.name().ends_with(name)).unwrap().seq;
        assert_eq!(
            (seq("/1.1"), seq("/2.1")),
            (Some(0), Some(1)),
            "the second failed once and was tried again"
        );
    }
}

/// If it were lost, the run would come to the same step with another state.
pub async fn children_begin_when_what_is_queued_of_their_parent_is_stored(flow: Flow) {
    let Flow::Storage(storage) = flow else { return };
    async fn first(mut state: State<Pass>) -> graph::Result {
        state.on.push(1);
        Ok(())
    }
    let (story, late) = (Story::new(), Late::new(Arc::clone(&storage), "run/mine"));
    let parallel = graph::parallel(worker(&story, 1).await).map(each).reduce(note);
    let builder = Graph::<Pass>::new("queued").action("first", first).action("fan", parallel);
    let graph = builder.transition("first", "fan").entrypoint("first").build().await.unwrap();
    let queued = runs(&graph, &Flow::Storage(Arc::new(late.clone())), &MODES[1]);
    let run = queued.create("mine", Pass::default()).await.unwrap();
    let other = runs(&graph, &Flow::Storage(storage), &MODES[0]);
    let looks = async {
        late.held().await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let children = other.children("mine").await.unwrap();
        late.let_go().await;
        children
    };
    let (halted, children) = tokio::join!(run.run(Until::end(), Inputs::new()), looks);
    halted.unwrap();
    assert_eq!(children, []);
    assert_eq!(run.state().await.unwrap().made, [[10]]);
}
