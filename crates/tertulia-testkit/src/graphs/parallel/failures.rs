//! Children that fail, and how many run at once.

use tertulia::error::Kind;
use tertulia::graph::{self, Child, Data, Graph, Inputs, Policy, RunId, Runs, State, Status, Until};
use tertulia::session;

use super::Flow;
use super::late::Late;
use super::story::{MODES, Pass, Story, Work, each, looped, note, on, passes, runs, worker};

/// How the checkpoints of a run's children came to be, newest first, by the names of the children.
async fn told<S: session::State>(runs: &Runs<S>, parent: &RunId) -> Vec<(String, Vec<Status>)> {
    let mut told = Vec::new();
    for child in runs.children(parent).await.unwrap() {
        let history = runs.history(&child.id, None, 100).await.unwrap();
        let name = child.id.name().rsplit('/').next().unwrap().to_owned();
        told.push((name, history.iter().map(|checkpoint| checkpoint.status).collect()));
    }
    told.sort_by(|one, other| one.0.cmp(&other.0));
    told
}

/// The others are given up, and nothing more comes of them.
pub async fn the_first_failure_cancels_the_others(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 2).await), 1).await;
        let runs = runs(&graph, &flow, &mode);
        let run = runs.create(format!("{mode:?}"), on([1, 2, 3])).await.unwrap();
        story.fail(1, 2);
        story.hold(2, 1);
        story.hold(3, 0);
        let error = run.step(Inputs::new()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Failed);
        assert!(error.to_string().ends_with("child/0.0: action `work`: 1 fails"), "{error}");
        let then = told(&runs, run.id()).await;
        let statuses = |name: &str, statuses: &[Status]| (name.to_owned(), statuses.to_vec());
        assert_eq!(
            then,
            [
                statuses("0.0", &[Status::Failed]),
                statuses("0.1", &[Status::Cancelled, Status::Completed]),
                statuses("0.2", &[Status::Cancelled]),
            ]
        );
        let history = runs.history(run.id(), None, 100).await.unwrap();
        assert_eq!(history.iter().map(|checkpoint| checkpoint.status).collect::<Vec<_>>(), [Status::Failed]);
        story.mend();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(told(&runs, run.id()).await, then);
        assert_eq!(run.state().await.unwrap().made, Vec::<Vec<u64>>::new());
    }
}

/// What was on its way to the storage when a child was cancelled comes to nothing, if it had not come when the step failed.
pub async fn nothing_of_a_cancelled_child_is_written_late(flow: Flow) {
    async fn work(state: State<Work>, late: Data<Late>) -> graph::Result {
        if state.on == 1 {
            late.held().await;
            return Err(std::io::Error::other("it fails").into());
        }
        Ok(())
    }
    let Flow::Storage(storage) = flow else { return };
    let late = Late::new(storage, "child/0.1");
    let child = Graph::<Work>::new("worker").data(late.clone()).action("work", work);
    let child = child.entrypoint("work").build().await.unwrap();
    let graph = passes(graph::parallel(child), 1).await;
    let runs = Runs::new(&graph, late.clone());
    let run = runs.create("mine", on([1, 2])).await.unwrap();
    run.step(Inputs::new()).await.unwrap_err();
    let then = told(&runs, run.id()).await;
    assert_eq!(then[1], ("0.1".to_owned(), vec![Status::Cancelled]));
    late.let_go().await;
    assert_eq!(told(&runs, run.id()).await, then);
}

/// Those that have ended stay as they are.
pub async fn a_step_that_is_tried_again_runs_what_failed_and_nothing_else(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let graph = passes(graph::parallel(worker(&story, 1).await).limit(1), 1).await;
        let run = runs(&graph, &flow, &mode).create(format!("{mode:?}"), on([1, 2, 3])).await.unwrap();
        story.fail(2, 0);
        run.step(Inputs::new()).await.unwrap_err();
        assert_eq!(story.worked(), [1, 2]);
        run.step(Inputs::new()).await.unwrap_err();
        assert_eq!(story.worked(), [2]);
        run.flush().await.unwrap();
        story.mend();
        let again = runs(&graph, &flow, &mode).open(run.id()).await.unwrap().unwrap();
        again.step(Inputs::new()).await.unwrap();
        assert_eq!(story.worked(), [2, 3]);
        assert_eq!(again.state().await.unwrap().made, [[10, 20, 30]]);
    }
}

/// Each child's end is told, and the step does not fail.
pub async fn failures_are_collected(flow: Flow) {
    for mode in MODES {
        let story = Story::new();
        let child = worker(&story, 1).await;
        let graph = passes(graph::parallel(child).policy(Policy::Collect), 1).await;
        let run = runs(&graph, &flow, &mode).create(format!("{mode:?}"), on([1, 2, 3])).await.unwrap();
        story.fail(2, 0);
        run.run(Until::end(), Inputs::new()).await.unwrap();
        let state = run.state().await.unwrap();
        assert_eq!(state.made, [[10, 30]]);
        assert!(state.errors[0].ends_with("2 fails") && state.errors.len() == 1, "{:?}", state.errors);
    }
}

/// However many there are.
pub async fn never_more_than_the_limit_run_at_once(flow: Flow) {
    let story = Story::new();
    let graph = passes(graph::parallel(worker(&story, 1).await).limit(7), 1).await;
    let all: Vec<u64> = (0..1_000).collect();
    let run = runs(&graph, &flow, &MODES[0]).create("mine", on(all.clone())).await.unwrap();
    run.run(Until::end(), Inputs::new()).await.unwrap();
    // How many of them work at the same moment is the storage's affair: one that answers what came together together
    // may have one of them always out of step.
    assert!((2..=7).contains(&story.most()), "{} at once", story.most());
    assert_eq!(run.state().await.unwrap().made, [all.iter().map(|on| on * 10).collect::<Vec<_>>()]);
}

/// Names tell children apart.
pub async fn children_cannot_have_one_name(flow: Flow) {
    let story = Story::new();
    for (name, expected) in
        [("a/b", "no name of a child"), ("", "no name of a child"), ("both", "two children have the name")]
    {
        let parallel = graph::parallel(worker(&story, 1).await).map(move |pass: &Pass| {
            each(pass).into_iter().map(|child: Child<Work>| child.named(name)).collect()
        });
        let builder = Graph::<Pass>::new("named").action("fan", parallel.reduce(note));
        let graph = looped(builder, 1).await;
        let run = runs(&graph, &flow, &MODES[0]).create(format!("a{name}"), on([1, 2])).await.unwrap();
        let error = run.step(Inputs::new()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(story.worked().is_empty());
    }
}
