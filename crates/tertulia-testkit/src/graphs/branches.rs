//! Going back, and forking: nothing that was stored is lost by it.

use tertulia::error::Kind;
use tertulia::graph::{Graph, Inputs, Run, RunId};

use super::{Counter, Diary, Setting, diary, turns};

async fn count(run: &Run<Counter>) -> u64 {
    run.state().await.expect("it is there").count
}

async fn stored(setting: &Setting<'_>, graph: &Graph<Counter>, id: &RunId, seq: u64) -> u64 {
    setting.runs(graph).state_at(id, seq).await.expect("it is there").count
}

async fn write(run: &Run<Diary>, text: &str) -> u64 {
    let stepped = run.step(Inputs::new().with("text", text)).await.expect("the step goes well");
    stepped.expect("it has no end").seq
}

/// A run that goes back begins a branch there. Numbers go on, the other branch is still there, and the latest is the last
/// that was written.
pub async fn a_run_that_goes_back_begins_a_branch(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 10).await;
    run.rewind(4).await.expect("it can go back");
    assert_eq!(count(&run).await, 5);
    let standing = run.standing().await.expect("it stands somewhere");
    assert_eq!((standing.seq, standing.next.as_deref()), (Some(4), Some("b")));
    let stepped = setting.one(&run).await;
    assert_eq!((stepped.seq, &*stepped.action, stepped.result), (10, "b", 6.into()));
    setting.step(&run, 2).await;
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(count(&again).await, 8, "the latest is the last that was written");
    for seq in 0..10 {
        assert_eq!(stored(setting, &graph, &id, seq).await, seq + 1, "the other branch is there");
    }
    let parents: Vec<_> = setting.history(&graph, &id).await.iter().map(|c| (c.seq, c.parent)).collect();
    let expected = |seq: u64| (seq, if seq == 10 { Some(4) } else { seq.checked_sub(1) });
    assert_eq!(parents, (0..13).rev().map(expected).collect::<Vec<_>>());
    again.rewind(9).await.expect("it can go to the other branch");
    assert_eq!(setting.one(&again).await.result, 11);
}

/// To go back is no checkpoint: who opens the run before the next step finds the latest.
pub async fn going_back_alone_stores_nothing(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 5).await;
    run.rewind(1).await.expect("it can go back");
    setting.flush(&run).await;
    assert_eq!(setting.standing(&graph, &id).await.seq, Some(4));
    run.reload().await.expect("it can be read again");
    assert_eq!(count(&run).await, 5);
}

/// The beginning can be gone back to, the first checkpoint too, and the last changes nothing.
pub async fn a_run_goes_back_to_its_beginning(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 3).await;
    run.rewind(None).await.expect("it can go back");
    assert_eq!(count(&run).await, 0);
    let stepped = setting.one(&run).await;
    assert_eq!((stepped.seq, &*stepped.action, stepped.result), (3, "a", 1.into()));
    run.rewind(0).await.expect("it can go back");
    let stepped = setting.one(&run).await;
    assert_eq!((stepped.seq, &*stepped.action, stepped.result), (4, "b", 2.into()));
    run.rewind(4).await.expect("it can go where it is");
    assert_eq!(setting.one(&run).await.result, 3);
    setting.flush(&run).await;
    let parents: Vec<_> = setting.history(&graph, &id).await.iter().map(|c| c.parent).collect();
    assert_eq!(parents, [Some(4), Some(0), None, Some(1), Some(0), None]);
    let never = run.rewind(6).await.expect_err("there are six");
    assert_eq!(never.kind(), Kind::Invalid, "{never}");
    assert_eq!(count(&run).await, 3, "a failed call changes nothing");
}

/// The histories of branches are each their own.
pub async fn branches_have_histories_of_their_own(setting: &Setting<'_>) {
    let graph = diary().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    for _ in 0..12 {
        write(&run, "trunk").await;
    }
    for branch in ["left", "right"] {
        run.rewind(9).await.expect("it can go back");
        for _ in 0..9 {
            write(&run, branch).await;
        }
    }
    setting.flush(&run).await;
    let runs = setting.runs(&graph);
    for (seq, pages, text) in [(9, 10, "trunk"), (11, 12, "trunk"), (20, 19, "left"), (29, 19, "right")] {
        let there: Diary = runs.state_at(&id, seq).await.expect("it is there");
        assert_eq!(there, Diary::of(pages, text), "checkpoint {seq}");
    }
    let again = setting.opened(&graph, &id).await;
    again.rewind(20).await.expect("it can go back");
    write(&again, "left").await;
    setting.flush(&again).await;
    assert_eq!(*setting.opened(&graph, &id).await.state().await.expect("it is there"), Diary::of(20, "left"));
}

/// A fork notes what it was forked from at once, exactly, and is a run of its own.
pub async fn a_fork_is_a_run_of_its_own(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 6).await;
    let cases = [(Some(0), 0, 1, "b"), (Some(2), 2, 3, "b"), (None, 5, 6, "a")];
    for (seq, from, counted, next) in cases {
        let fork_id = setting.id();
        let fork = runs.fork(&id, seq, &fork_id).await.expect("it can be forked");
        let standing = setting.standing(&graph, &fork_id).await;
        let parent = standing.parent.clone().expect("it was forked");
        assert_eq!((parent.run, parent.seq), (id.clone(), Some(from)), "noted before any step");
        assert_eq!((standing.seq, standing.next.as_deref()), (None, Some(next)));
        assert_eq!(count(&fork).await, counted);
        let stepped = setting.one(&fork).await;
        assert_eq!((stepped.seq, stepped.result), (0, (counted + 1).into()));
        setting.flush(&fork).await;
        assert_eq!(count(&setting.opened(&graph, &fork_id).await).await, counted + 1);
    }
    assert_eq!(setting.one(&run).await.result, 7, "the other run goes on");
    setting.flush(&run).await;
    assert_eq!(setting.history(&graph, &id).await.len(), 7);
}

/// A fork has the whole history of the state, and writes none of the other's.
pub async fn a_fork_has_a_history_of_its_own(setting: &Setting<'_>) {
    let graph = diary().await;
    let (runs, id, fork_id) = (setting.runs(&graph), setting.id(), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    for _ in 0..13 {
        write(&run, "one").await;
    }
    let fork = runs.fork(&id, 10, &fork_id).await.expect("it can be forked");
    for _ in 0..5 {
        write(&fork, "fork").await;
        write(&run, "one").await;
    }
    setting.flush(&run).await;
    setting.flush(&fork).await;
    assert_eq!(*setting.opened(&graph, &id).await.state().await.expect("it is there"), Diary::of(18, "one"));
    assert_eq!(
        *setting.opened(&graph, &fork_id).await.state().await.expect("it is there"),
        Diary::of(16, "fork")
    );
    runs.delete(&id).await.expect("it can be deleted");
    let fork = setting.opened(&graph, &fork_id).await;
    assert_eq!(
        *fork.state().await.expect("it is there"),
        Diary::of(16, "fork"),
        "whatever becomes of the other"
    );
}

/// What cannot be forked, and that nothing is made of it.
pub async fn what_is_not_there_cannot_be_forked(setting: &Setting<'_>) {
    let graph = turns().await;
    let (runs, id, fork) = (setting.runs(&graph), setting.id(), setting.id());
    let missing = runs.fork(&id, None, &fork).await.expect_err("there is no such run");
    assert_eq!(missing.kind(), Kind::Gone, "{missing}");
    let run = setting.stepped(&runs, &id, 2).await;
    setting.flush(&run).await;
    let never = runs.fork(&id, 2, &fork).await.expect_err("there are two");
    assert_eq!(never.kind(), Kind::Invalid, "{never}");
    let itself = runs.fork(&id, 0, &id).await.expect_err("it is one run");
    assert_eq!(itself.kind(), Kind::Invalid, "{itself}");
    let there = setting.stepped(&runs, &fork, 1).await;
    let taken = runs.fork(&id, 0, &fork).await.expect_err("the name is taken");
    assert_eq!(taken.kind(), Kind::Conflict, "{taken}");
    assert_eq!(setting.one(&there).await.seq, 1);
}

/// A run is opened as one of its own graph.
pub async fn a_run_of_another_graph_is_refused(setting: &Setting<'_>) {
    let (graph, other) = (turns().await, super::once(super::state::nothing).await);
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    setting.flush(&run).await;
    let error = setting.runs(&other).open(&id).await.expect_err("it is of another graph");
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    assert!(error.to_string().contains("turns") && error.to_string().contains("once"), "{error}");
}
