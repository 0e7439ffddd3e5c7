//! Runs: one step after the other, and what becomes of them.

use serde::{Deserialize, Serialize};
use tertulia::graph::{self, Graph, Inputs, Reason, Runs, State, Status, Until};
use tertulia::storage::Memory;

#[derive(Default, Serialize, Deserialize, Debug, PartialEq)]
struct Counter {
    count: u32,
    other: u32,
}

async fn count(mut state: State<Counter>) -> graph::Result<u32> {
    tokio::task::yield_now().await;
    state.count += 1;
    Ok(state.count)
}

/// `a` and `b` in turn, until the count is `end`.
async fn turns(end: u32) -> Graph<Counter> {
    let builder = Graph::<Counter>::new("turns").action("a", count).action("b", count);
    builder
        .transition_when("a", "b", graph::when("not at the end", move |s: &Counter| s.count < end))
        .transition_when("b", "a", graph::when("not at the end", move |s: &Counter| s.count < end))
        .entrypoint("a")
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_run_goes_on_until_no_transition_holds_and_is_there_again() {
    let graph = turns(5).await;
    let runs = Runs::new(&graph, Memory::new());
    let run = runs.create("mine", Counter::default()).await.unwrap();
    let halted = run.run(Until::end(), Inputs::new()).await.unwrap();
    assert_eq!((halted.reason, halted.steps, halted.action.as_deref()), (Reason::End, 5, Some("a")));
    assert_eq!(halted.result, 5);
    let again = runs.open("mine").await.unwrap().unwrap();
    assert_eq!(again.state().await.unwrap().count, 5);
    let standing = again.standing().await.unwrap();
    assert_eq!((standing.seq, standing.status, standing.next), (Some(4), Some(Status::Completed), None));
    assert_eq!(again.step(Inputs::new()).await.unwrap(), None);
    assert_eq!(runs.history("mine", None, 100).await.unwrap().len(), 5, "steps past the end write nothing");
}

#[tokio::test]
async fn steps_that_are_asked_for_at_once_run_one_after_the_other() {
    let graph = turns(100).await;
    for runs in [Runs::new(&graph, Memory::new()), Runs::ephemeral(&graph)] {
        let run = runs.create("mine", Counter::default()).await.unwrap();
        let steps = (0..10).map(|_| run.step(Inputs::new()));
        let mut seqs: Vec<u64> = futures_util::future::join_all(steps)
            .await
            .into_iter()
            .map(|stepped| stepped.unwrap().unwrap().seq)
            .collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (0..10).collect::<Vec<u64>>());
        assert_eq!(run.state().await.unwrap().count, 10);
    }
}

#[tokio::test]
async fn a_call_halts_after_ten_thousand_steps_unless_it_is_told_otherwise() {
    let run = Runs::ephemeral(&turns(u32::MAX).await).create("mine", Counter::default()).await.unwrap();
    let halted = run.run(Until::end(), Inputs::new()).await.unwrap();
    assert_eq!((halted.reason, halted.steps), (Reason::Steps, 10_000));
    assert_eq!(halted.next.as_deref(), Some("a"), "it is not at its end");
    assert_eq!(run.state().await.unwrap().count, 10_000);

    let mut steps = run.iterate(Until::end(), Inputs::new()).await.unwrap();
    while steps.next().await.unwrap().is_some() {}
    drop(steps);
    assert_eq!(run.state().await.unwrap().count, 20_000);

    let mut items = run.stream_result(Until::end(), Inputs::new());
    while items.next().await.unwrap().is_some() {}
    drop(items);
    assert_eq!(run.state().await.unwrap().count, 30_000);

    let halted = run.run(Until::end().steps(10_001), Inputs::new()).await.unwrap();
    assert_eq!((halted.reason, halted.steps), (Reason::Steps, 10_001));
}
